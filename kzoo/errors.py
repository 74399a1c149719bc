"""The one error that kzoo raises for what its caller can mend."""


class InputError(ValueError):
    """A rule that the given input breaks, what was received, and the fix.

    The command line prints the message alone and leaves with exit status 2; in
    Python it is a `ValueError`.

    Args:
        rule: The rule, as one sentence.
        received: What came instead, as `name=value`.
        fix: What to do about it, as one sentence.

    Example:
        >>> str(InputError("Widths are positive.", "hidden_dim=0", "Pass 1 or more."))
        'Widths are positive. Received: hidden_dim=0. Pass 1 or more.'
    """

    def __init__(self, rule: str, received: str = "", fix: str = "") -> None:
        parts = [rule]
        if received:
            parts.append(
                f"Received: {received}" + ("" if received[-1] in ".!?" else ".")
            )
        if fix:
            parts.append(fix)
        super().__init__(" ".join(parts))
        self.rule = rule
        self.received = received
        self.fix = fix


def unknown_name(kind: str, name: object, known) -> InputError:
    """Return the error for a name that is in no table: lists those that are.

    Args:
        kind: What the name should name, such as `"preset"`.
        name: The name received.
        known: The names that exist.

    Returns:
        The error, to be raised by the caller.

    Example:
        >>> str(unknown_name("preset", "x", ["a", "b"]))
        "No such preset. Received: preset='x'. Known: a, b."
    """
    listed = ", ".join(str(item) for item in known)
    return InputError(f"No such {kind}.", f"{kind}={name!r}", f"Known: {listed}.")

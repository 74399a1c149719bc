"""The one error that kzoo raises for what its caller can mend."""

import contextlib
from collections.abc import Iterator


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


# What a reader trips over where a file is not what its format says. The tokenize
# module's error comes from NumPy's headers, bare ones from Rust and C++ libraries.
_TRIPPED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    SyntaxError,
    TypeError,
    ValueError,
)


@contextlib.contextmanager
def reading(what: str, path: object) -> Iterator[None]:
    """Turn what goes wrong inside while a file is read into one clear error.

    Readers check what they know of. What else a damaged or hostile file holds makes
    them trip, which is the file's fault and not the caller's.

    Args:
        what: What is read, as `"tokenizer"`.
        path: Where from.

    Raises:
        InputError: If anything but an `OSError` or a want of memory goes wrong.

    Example:
        >>> with reading("tokenizer", "a.json"):
        ...     {}["model"]
        Traceback (most recent call last):
            ...
        kzoo.errors.InputError: A tokenizer is read from files that are whole ...
    """
    import tokenize

    try:
        yield
    except InputError:
        raise
    except (*_TRIPPED, tokenize.TokenError) as error:
        raise _unreadable(what, path, error) from error
    except Exception as error:
        if type(error) not in (Exception, RuntimeError):
            raise
        raise _unreadable(what, path, error) from error


def _unreadable(what: str, path: object, error: Exception) -> InputError:
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return InputError(
        f"A {what} is read from files that are whole and of its format.",
        f"{path} ({told[:300]})",
        "They are damaged, or of a kind that is not supported: copy them again.",
    )

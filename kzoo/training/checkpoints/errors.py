"""What is raised for a checkpoint that is not whole."""

from kzoo.errors import InputError


class DamagedCheckpoint(InputError):
    """A checkpoint that is not, to the bit, what was written.

    Args:
        path: The file or folder that tells.
        reason: What is wrong with it.

    Example:
        >>> print(DamagedCheckpoint("run/checkpoints/step-000000007", "no manifest"))
        A checkpoint is read whole or not at all. Received: run/checkpoints/step-000000007: no manifest.
    """  # noqa: E501

    def __init__(self, path, reason: str) -> None:
        super().__init__(
            "A checkpoint is read whole or not at all.", f"{path}: {reason}"
        )
        self.path = path
        self.reason = reason

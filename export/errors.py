"""The error of an export that was asked for rightly and did not succeed."""


class ExportError(RuntimeError):
    """An export or its validation failed; nothing was published.

    The command line prints the message alone and leaves with exit status 1. Input
    that its giver can mend raises `kzoo.errors.InputError` instead.

    Args:
        message: What failed, with the figures.
        report: The `ExportReport` of a failed validation, or None.

    Example:
        >>> print(ExportError("The artefact differs from the model."))
        The artefact differs from the model.
    """

    def __init__(self, message: str, report=None) -> None:
        super().__init__(message)
        self.report = report

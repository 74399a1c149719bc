"""SavedModel and ONNX artefacts that are proven equal to their model."""

from kzoo.export.comparing import CRITERIA
from kzoo.export.errors import ExportError
from kzoo.export.exporting import to_onnx, to_saved_model
from kzoo.export.options import SearchOptions
from kzoo.export.report import ExportReport
from kzoo.export.validation import validate

__all__ = [
    "CRITERIA",
    "ExportError",
    "ExportReport",
    "SearchOptions",
    "to_onnx",
    "to_saved_model",
    "validate",
]

"""What an export can be asked for, beside the model and the folder."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Options:
    """How an artefact is written.

    Args:
        precision: `"float32"`, `"float16"`, `"int8"` or `"int4"`.
        name: The model's name in a model repository (tf-serving, triton).
        version: Its version there.
    """

    precision: str = "float32"
    name: str = "model"
    version: int = 1

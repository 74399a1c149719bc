"""`kzoo presets`: the sizes that a training can start from."""

from typing import Any

from kzoo.cli.backend import quiet_stderr
from kzoo.cli.common import Json
from kzoo.cli.console import Console


def presets(*, json: Json = False) -> None:
    """List the presets: sizes, parameters, what each is for."""
    console = Console(json)
    found = describe_presets()
    console.table(
        ("preset", "parameters", "layers", "width", "heads", "tokens", "vocabulary"),
        (
            (
                name,
                f"{row['parameters']:,}",
                row["config"]["num_layers"],
                row["config"]["hidden_dim"],
                row["config"]["num_heads"],
                row["config"]["max_sequence_length"],
                f"{row['config']['vocabulary_size']:,}",
            )
            for name, row in found.items()
        ),
    )
    console.say()
    width = max(map(len, found))
    for name, row in found.items():
        console.say(f"{name:{width}}  {row['family']}: {row['description']}")
    console.finish(found)


def describe_presets() -> dict[str, dict[str, Any]]:
    """Return each preset's family, description, parameters, config and recipe."""
    with quiet_stderr():  # kzoo.models loads Keras, and that its backend
        from kzoo.models.parameter_count import parameter_count
        from kzoo.models.presets import PRESETS
        from kzoo.models.recipes import recipe

    return {
        name: {
            "family": family,
            "description": description,
            "parameters": parameter_count(config, family),
            "config": config,
            "recipe": recipe(name),
        }
        for family, table in PRESETS.items()
        for name, (description, config) in table.items()
    }

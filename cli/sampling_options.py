"""Options of how the next token is chosen."""

import dataclasses
from typing import Annotated

import typer

from kzoo.errors import InputError

_PANEL = "Choosing tokens"


def _option(flag: str, metavar: str, help: str):
    return typer.Option(flag, metavar=metavar, help=help, rich_help_panel=_PANEL)


@dataclasses.dataclass(frozen=True)
class SamplingOptions:
    """How `kzoo generate` chooses tokens; greedily where nothing is given."""

    temperature: Annotated[
        float | None,
        _option("--temperature", "X", "Draw tokens; below 1 the likely ones more."),
    ] = None
    top_k: Annotated[
        int | None, _option("--top-k", "K", "Draw from the K most probable.")
    ] = None
    top_p: Annotated[
        float | None,
        _option("--top-p", "P", "Draw from the fewest of probability P together."),
    ] = None
    min_p: Annotated[
        float | None,
        _option("--min-p", "P", "Draw from those of P times the best's probability."),
    ] = None
    seed: Annotated[int, _option("--seed", "N", "Fixes what is drawn.")] = 0
    repetition_penalty: Annotated[
        float, _option("--repetition-penalty", "X", "Above 1 repeats less.")
    ] = 1.0
    num_beams: Annotated[
        int | None, _option("--num-beams", "N", "Beam search of N beams.")
    ] = None
    length_penalty: Annotated[
        float, _option("--length-penalty", "X", "Above 0 favours long texts; beams.")
    ] = 1.0
    contrastive: Annotated[
        float | None,
        _option(
            "--contrastive",
            "ALPHA",
            "Contrastive search of --top-k candidates (4 if not given).",
        ),
    ] = None
    draft: Annotated[
        str | None,
        _option("--draft", "RUN", "A smaller model that guesses ahead; same result."),
    ] = None


def sampler_of(options: SamplingOptions):
    """Return the sampler or search that the options ask for.

    Raises:
        InputError: If they ask for two, or a value is out of range.
    """
    from kzoo import generation
    from kzoo.generation.samplers import RandomSampler, Sampler

    searches = {
        "--num-beams": options.num_beams,
        "--contrastive": options.contrastive,
        "--draft": options.draft,
    }
    drawing = {
        "--temperature": options.temperature,
        "--top-k": options.top_k,
        "--top-p": options.top_p,
        "--min-p": options.min_p,
    }
    chosen = [name for name, value in searches.items() if value is not None]
    drawn = [name for name, value in drawing.items() if value is not None]
    if options.contrastive is not None and "--top-k" in drawn:
        drawn.remove("--top-k")  # its candidates
    if len(chosen) > 1 or (chosen and drawn):
        raise InputError(
            "Tokens are chosen in one way.",
            " beside ".join([*chosen, *drawn]),
            "Leave out all but one way.",
        )
    if options.num_beams is not None:
        return generation.BeamSearch(
            options.num_beams, length_penalty=options.length_penalty
        )
    if options.contrastive is not None:
        return generation.ContrastiveSearch(options.top_k or 4, options.contrastive)
    if options.draft is not None:
        from kzoo.cli.common import open_model

        return generation.Speculative(open_model(options.draft, "GPT2CausalLM"))
    if not drawn:
        return "greedy"
    filters: list[Sampler] = []
    if options.top_k is not None:
        filters.append(generation.TopK(options.top_k))
    if options.top_p is not None:
        filters.append(generation.TopP(options.top_p))
    if options.min_p is not None:
        filters.append(generation.MinP(options.min_p))
    temperature = 1.0 if options.temperature is None else options.temperature
    if not filters:
        return RandomSampler(temperature, seed=options.seed)
    return generation.Filtered(filters, temperature=temperature, seed=options.seed)

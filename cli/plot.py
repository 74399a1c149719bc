"""`kzoo plot`: pictures of runs."""

import pathlib
from typing import Annotated

import typer

from kzoo.cli.backend import choose_backend
from kzoo.cli.common import Backend, Json, Run, open_model
from kzoo.cli.console import Console

app = typer.Typer(no_args_is_help=True, help="Pictures of runs.")


@app.callback()
def _group() -> None:
    """Pictures of runs."""


@app.command()
def history(
    runs: Annotated[
        list[pathlib.Path],
        typer.Argument(metavar="RUN", help="One run folder, or several to compare."),
    ],
    *,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The PNG file; by default history.png in the first run.",
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="epoch|step|seconds",
            help="What lies along the horizontal axis.",
        ),
    ] = "epoch",
    json: Json = False,
) -> None:
    """Draw loss, metrics and learning rate of runs, one over the other.

    Training is dashed, validation solid.
    """
    console = Console(json)
    from kzoo.cli.history_figure import draw_history, short_names
    from kzoo.training import read_history

    folders = list(dict.fromkeys(runs))
    histories = [read_history(run) for run in folders]
    rows = dict(zip(short_names(folders), histories, strict=True))
    out = out or runs[0] / "history.png"
    panels = draw_history(rows, out, by)
    console.say(str(out))
    answer = {"file": str(out), "runs": [str(run) for run in folders]}
    console.finish({**answer, "panels": panels})


@app.command()
def depth(
    *,
    out: Annotated[
        pathlib.Path,
        typer.Option("--out", metavar="DIR", help="Where PNG and CSV files go."),
    ] = pathlib.Path("depth-study"),
    full: Annotated[
        bool,
        typer.Option("--full", help="All recipes, 2 to 128 blocks: hours on a CPU."),
    ] = False,
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="KIND", help="Only mlp, or only encoder."),
    ] = None,
    drawn_from: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--from", metavar="DIR", help="Draw the CSV files of a folder instead."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights and data.")] = 0,
    json: Json = False,
) -> None:
    """Measure and draw what depth does to gradients, activations and training.

    Stacks of residual blocks with every placement of the norm, and without; the
    figures are those of docs/residual.md.
    """
    console = Console(json)
    from kzoo.cli.depth_figures import draw_depth
    from kzoo.layers import checks
    from kzoo.training import depth_study

    if drawn_from is None:
        settings = depth_study.SETTINGS["full" if full else "quick"]
        if kind is not None:
            checks.one_of(("mlp", "encoder"), kind=kind)
            settings = tuple(one for one in settings if one.kind == kind)
        tables = depth_study.run_study(settings, seed, console.say, out)
    else:
        tables = depth_study.read_tables(drawn_from)
    files = [str(path) for path in draw_depth(tables, out)]
    console.say("\n".join(files))
    console.finish({"files": files, "tables": tables})


@app.command()
def attention(
    run: Run,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the model reads.")],
    *,
    target_text: Annotated[
        str | None,
        typer.Option(
            "--target-text",
            metavar="TEXT",
            help="A translator's target text; by default its own translation.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Of a translator cross, encoder or decoder; by default cross.",
        ),
    ] = None,
    layer: Annotated[
        int | None,
        typer.Option(
            "--layer", metavar="N", help="In the PNG, from 1; by default the last."
        ),
    ] = None,
    head: Annotated[
        int | None,
        typer.Option(
            "--head", metavar="N", help="In the PNG, from 1; by default their mean."
        ),
    ] = None,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where to write, as FILE.png and FILE.html; by default attention in "
            "the run folder.",
        ),
    ] = None,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Draw which tokens each token reads: a PNG, and a page to point at.

    The page holds every layer and head and needs nothing else. Classifiers and GPT-2
    have self-attention; translators have cross-attention too.
    """
    console = Console(json)
    choose_backend(backend)
    from kzoo.cli.attention_figure import draw_attention
    from kzoo.cli.attention_page import write_attention_page
    from kzoo.cli.attention_reading import pick, read_attention

    maps = read_attention(open_model(run), text, target_text)
    chosen = pick(maps, kind)
    base = out or pathlib.Path(run if pathlib.Path(run).is_dir() else ".", "attention")
    base = base.with_suffix("") if base.suffix in (".png", ".html") else base
    files = [base.with_name(f"{base.name}.{suffix}") for suffix in ("png", "html")]
    title = text if len(text) <= 80 else f"{text[:79]}…"
    draw_attention(chosen, files[0], layer=layer, head=head, title=title)
    write_attention_page(maps, files[1], title=text)
    console.say("\n".join(map(str, files)))
    console.finish({"files": [str(file) for file in files], "kind": chosen.name})

"""How far the curves of some runs are from those of one, and what a step took.

    python benchmarks/curves.py RUN RUN-MIRRORED RUN-MULTIWORKER

Reads `history.jsonl` of run folders that were trained alike, with `--log-steps 1`,
under several strategies. Prints for each the greatest relative difference from the
first, over all steps of the loss and over every metric of every epoch, and the ratio
of the median step time.
"""

import argparse
import json
import pathlib

TIMINGS = ("seconds", "_per_second", "step_ms", "input_wait", "memory_mb", "mfu")


def rows_of(run: pathlib.Path) -> list[dict]:
    """Return the rows of a run's history."""
    return [json.loads(line) for line in (run / "history.jsonl").open()]


def loss_difference(rows: list[dict], others: list[dict]) -> float:
    """Return the greatest relative difference of the steps' losses."""
    pairs = [
        [row["loss"] for row in some if row["kind"] == "step"]
        for some in (rows, others)
    ]
    return max(abs(b / a - 1.0) for a, b in zip(*pairs, strict=True))


def metric_difference(rows: list[dict], others: list[dict]) -> float:
    """Return the greatest relative difference of anything in an epoch's row."""
    found = [0.0]
    epochs = (
        [row for row in some if row["kind"] == "epoch"] for some in (rows, others)
    )
    for one, two in zip(*epochs, strict=True):
        for name, value in one.items():
            if name != "kind" and value and not any(part in name for part in TIMINGS):
                found.append(abs(two[name] / value - 1.0))
    return max(found)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=pathlib.Path, metavar="RUN")
    runs = parser.parse_args().runs
    first = rows_of(runs[0])
    step_ms = [row for row in first if row["kind"] == "epoch"][-1]["step_ms_p50"]
    print("| run | loss of steps, differs by | epoch's row | step, ms | ratio |")
    print("|---|---|---|---|---|")
    for run in runs:
        rows = rows_of(run)
        taken = [row for row in rows if row["kind"] == "epoch"][-1]["step_ms_p50"]
        print(
            f"| {run.name} | {loss_difference(first, rows):.1e} | "
            f"{metric_difference(first, rows):.1e} | {taken:.1f} | "
            f"{taken / step_ms:.2f} |"
        )


if __name__ == "__main__":
    main()

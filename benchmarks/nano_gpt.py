"""Tiny Shakespeare by characters: `gpt2-nano` against nanoGPT's CPU recipe in PyTorch.

Both have the same 809,856 weights, text and measure: the loss over all of the last
tenth of the text, in disjoint windows of 64. They train in turns of 40 steps, so that
whatever else the machine does slows both alike; times are stated in relation to the
baseline's 2,000 steps. kzoo trains twice: a short run, to the 1.88 that nanoGPT states,
and one that takes as long as the baseline.

    python benchmarks/nano_gpt.py input.txt [--backend tensorflow] [--no-check]
"""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile

TURN, BASE_STEPS, SHORT_STEPS = 40, 2_000, 520
BACKENDS = ("tensorflow", "jax", "torch")
CHECKED_STEPS = 100


class Peer:
    """A trainer in a process of its own."""

    def __init__(self, work, path, backend, log, **options):
        worker = pathlib.Path(__file__).with_name("nano_gpt_worker.py")
        self.log = open(log, "w")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, worker, work, path, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env={
                **os.environ,
                "KERAS_BACKEND": backend,
                "CUDA_VISIBLE_DEVICES": "-1",
                # Two processes take turns: neither may spin while it waits.
                "OMP_WAIT_POLICY": "PASSIVE",
                # Nor ask the system for the same pages again at every step.
                "MALLOC_MMAP_MAX_": "0",
                "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
            },
        )
        self.answer()

    def answer(self) -> dict:
        """Return its next answer, kept in `last`."""
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"a trainer failed:\n{pathlib.Path(self.log.name).read_text()}")
        self.last = json.loads(line)
        return self.last

    def turn(self) -> dict:
        """Let it take a turn."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        """End it."""
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


@dataclasses.dataclass
class Course:
    """What became of a run.

    Args:
        steps: Its steps so far.
        seconds: Their time, without the first.
        first: Seconds of the first step, which compiles.
        losses: Steps and loss, where it was measured.
    """

    steps: int = 0
    seconds: float = 0.0
    first: float = 0.0
    losses: list = dataclasses.field(default_factory=list)

    def add(self, answer: dict) -> None:
        """Count a turn."""
        self.steps += TURN
        self.seconds += answer["seconds"] - answer["first"]
        self.first += answer["first"]
        if answer["loss"] is not None:
            self.losses.append((self.steps, answer["loss"]))


def in_turns(base: Peer, whole: Course, ours: Peer, steps: int, base_steps: int):
    """Train our run to its end, and the baseline evenly beside it.

    Args:
        base: The baseline.
        whole: Its course, which goes on.
        ours: The other trainer.
        steps: How many steps it takes.
        base_steps: How many the baseline takes meanwhile.

    Returns:
        Our course, and that of the baseline in the same stretch.
    """
    course, beside = Course(), Course()
    while course.steps < steps:
        while beside.steps * steps <= course.steps * base_steps:
            answer = base.turn()
            whole.add(answer)
            beside.add(answer)
        course.add(ours.turn())
    ours.end()
    return course, beside


def share(course: Course, beside: Course, compiled: bool) -> float:
    """Return a run's time in units of the baseline's whole run."""
    step = beside.seconds / beside.steps
    return (course.seconds + compiled * course.first) / (step * BASE_STEPS)


def same_on_backends(path: str, folder: pathlib.Path) -> dict:
    """Return the losses of the first steps on each backend, from the same weights."""
    options = {"weights": str(folder / "weights"), "steps": CHECKED_STEPS}
    Peer("weights", path, BACKENDS[0], folder / "log", **options).end()
    found = {}
    for backend in BACKENDS:
        peer = Peer("losses", path, backend, folder / "log", **options)
        found[backend] = peer.last["losses"]
        peer.end()
    return found


def main():
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="input.txt of tiny Shakespeare")
    parser.add_argument("--backend", choices=BACKENDS, default="tensorflow")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short-steps", type=int, default=SHORT_STEPS)
    parser.add_argument("--check", action=argparse.BooleanOptionalAction, default=True)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        options = {"seed": asked.seed, "turn": TURN, "evaluate": 10}
        base = Peer("baseline", asked.data, "torch", folder / "base", **options)
        whole = Course()

        def train(steps, base_steps, log):
            ours = Peer(
                "kzoo_training",
                asked.data,
                asked.backend,
                folder / log,
                steps=steps,
                **options,
            )
            return in_turns(base, whole, ours, steps, base_steps)

        short, beside = train(asked.short_steps, asked.short_steps, "short")
        pace = share(short, beside, compiled=False) / short.steps
        compilation = share(short, beside, compiled=True) - pace * short.steps
        # A margin, for what the machine does meanwhile slows neither quite alike.
        equal = int((0.97 - compilation) / pace) // TURN * TURN
        rest = BASE_STEPS - whole.steps
        rows = [
            ("kzoo, short", short, beside),
            ("kzoo, equal time", *train(equal, rest, "long")),
        ]
        while whole.steps < BASE_STEPS:
            whole.add(base.turn())
        base.end()
        print(
            "| run | steps | loss | time, of the baseline's | with compilation "
            "| ms a step | baseline's beside it | first step, s |\n" + "|---" * 8 + "|"
        )
        cells = [f"{whole.losses[-1][1]:.4f}", "1", "1"]
        print(f"| PyTorch | {whole.steps} | {' | '.join(cells)} |", end="")
        print(f" {whole.seconds / whole.steps * 1e3:.1f} | | {whole.first:.1f} |")
        for label, course, near in rows:
            print(
                f"| {label} ({asked.backend}) | {course.steps} "
                f"| {course.losses[-1][1]:.4f} | {share(course, near, False):.3f} "
                f"| {share(course, near, True):.3f} "
                f"| {course.seconds / course.steps * 1e3:.1f} "
                f"| {near.seconds / near.steps * 1e3:.1f} | {course.first:.1f} |"
            )
        print("\nLoss by steps:\n")
        for label, course in (("PyTorch", whole), *((x[0], x[1]) for x in rows)):
            curve = ", ".join(f"{n}: {loss:.4f}" for n, loss in course.losses)
            print(f"- {label}: {curve}")
        if asked.check:
            found = same_on_backends(asked.data, folder)
            print(f"\nThe same {CHECKED_STEPS} steps on each backend:\n")
            reference = found[BACKENDS[0]]
            for backend, losses in found.items():
                gap = max(abs(a - b) for a, b in zip(losses, reference, strict=True))
                print(
                    f"- {backend}: last loss {losses[-1]:.6f}, greatest gap {gap:.1e}"
                )


if __name__ == "__main__":
    main()

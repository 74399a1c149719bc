"""Peers in processes of their own, timed in turns.

The machine's speed may swing by a factor of two for minutes. So every peer runs once in
each round, another one first each time, and what counts is the median over the rounds
of a peer's time in relation to that of the first peer in the same round.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

PAUSE = 0.35  # s; the threads of some runtimes spin for a while
SHORTEST = 0.25  # s; what takes less is repeated, and its mean counts


def parser(description: str, peers) -> argparse.ArgumentParser:
    """Return the options that every benchmark has."""
    found = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--rounds", type=int, default=5)
    found.add_argument("--peers", default=",".join(peers))
    found.add_argument("--worker", help=argparse.SUPPRESS)
    found.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)
    return found


def serve(cases: Mapping[str, Callable[[], str]]) -> None:
    """Time one peer's cases as they are asked for: a line in, a line out.

    Args:
        cases: Name to a function that does the work and returns a digest of what came
            out.
    """
    first, digests = {}, {}
    for name, run in cases.items():
        start = time.perf_counter()
        digests[name] = run()
        first[name] = time.perf_counter() - start
    print(json.dumps({"first": first, "digests": digests}), flush=True)
    for line in sys.stdin:
        run = cases[line.strip()]
        times, start = 0, time.perf_counter()
        while not times or time.perf_counter() - start < SHORTEST:
            run()
            times += 1
        seconds = (time.perf_counter() - start) / times
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([seconds, memory]), flush=True)


def measure(script: str, peers, folder: pathlib.Path, rounds: int) -> dict:
    """Run every peer's process and time its cases in turns.

    Args:
        script: The file of the benchmark, which serves with `--worker PEER`.
        peers: Names; one that ends in a backend's name runs on that.
        folder: What the peers read.
        rounds: How often each case of each peer is timed.

    Returns:
        Peer to `first`, `digests`, `seconds` (each by case) and `memory` (MiB). A
        peer that does not start is left out, and said so.
    """
    processes, found = {}, {}
    for peer in peers:
        process = _start(script, peer, folder)
        line = process.stdout.readline()
        if line:
            processes[peer], found[peer] = process, json.loads(line)
            found[peer]["seconds"] = {name: [] for name in found[peer]["first"]}
        else:
            log = (folder / f"{peer}.log").read_text().strip().splitlines()
            why = log[-1] if log else "no word of why"
            print(f"{peer}: left out ({why})", file=sys.stderr)
        time.sleep(PAUSE)
    cases = next(iter(found.values()))["first"]
    for turn in range(rounds):
        order = list(processes.items())
        order = order[turn % len(order) :] + order[: turn % len(order)]
        for case in cases:
            for peer, process in order:
                if case not in found[peer]["first"]:
                    continue
                process.stdin.write(f"{case}\n")
                process.stdin.flush()
                seconds, memory = json.loads(process.stdout.readline())
                found[peer]["seconds"][case].append(seconds)
                found[peer]["memory"] = memory
                time.sleep(PAUSE)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return found


def _start(script, peer, folder):
    backend = peer.rsplit("-", 1)[-1]
    backend = backend if backend in ("tensorflow", "jax", "torch") else "jax"
    log = open(folder / f"{peer}.log", "w")  # noqa: SIM115
    return subprocess.Popen(
        [sys.executable, script, "--worker", peer, "--folder", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def table(found: dict, work: Mapping[str, float], unit: str) -> str:
    """Return a Markdown table: ratio and rate of each case, first call, memory.

    Args:
        found: What `measure` returned; ratios are to its first peer.
        work: Case to how much of the unit is done in one run of it.
        unit: Such as `tokens/s`.

    Returns:
        The table.
    """
    base = next(iter(found.values()))["seconds"]
    cases = list(base)
    heads = [f"{case} x ({unit})" for case in cases]
    heads += [f"first call {case}, s" for case in cases]
    lines = [
        "| peer | " + " | ".join(heads) + " | peak RSS MiB | output |",
        "|---" * (2 * len(cases) + 3) + "|",
    ]
    for peer, result in found.items():
        cells = []
        for case in cases:
            own = result["seconds"][case]
            ratio = statistics.median(
                b / o for o, b in zip(own, base[case], strict=True)
            )
            cells.append(f"{ratio:.2f} ({work[case] / statistics.median(own):.1f})")
        cells += [f"{result['first'][case]:.1f}" for case in cases]
        cells += [f"{result['memory']:.0f}", " ".join(result["digests"].values())]
        lines.append(f"| {peer} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by_case(found: dict) -> str:
    """Return a Markdown table of one case a line: the first peer's time, and ratios.

    Args:
        found: What `measure` returned. A ratio is a peer's time over that of the
            first: above 1 it is slower.

    Returns:
        The table.
    """
    first, *others = found
    lines = [
        f"| case | {first}, ms | " + " | ".join(f"{p}, x its time" for p in others),
        "|---" * (len(others) + 2),
    ]
    for case, base in found[first]["seconds"].items():
        cells = [f"{1e3 * statistics.median(base):.2f}"]
        for peer in others:
            own = found[peer]["seconds"].get(case)
            if not own:
                cells.append("-")
                continue
            ratios = (o / b for o, b in zip(own, base, strict=True))
            cells.append(f"{statistics.median(ratios):.2f}")
        lines.append(f"| {case} | " + " | ".join(cells))
    memory = " | ".join(f"{found[peer]['memory']:.0f}" for peer in found)
    lines.append(f"| peak RSS, MiB | {memory}")
    return "\n".join(f"{line} |" for line in lines)

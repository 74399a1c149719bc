"""Feed damaged and hostile files to every loader for a given time, and count.

```
KERAS_BACKEND=torch python benchmarks/fuzz_loaders.py --seconds 3600
```

Every trial takes a good folder, changes one file (bits, lengths, splices, JSON values
and the headers of safetensors, so that what is wrong is deep inside), and loads it.
Two outcomes are right: it loads, or it raises `InputError`. Anything else is a finding
and is printed with the seed that makes it again.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import struct
import sys
import tempfile
import time
import traceback
import warnings

import numpy as np

ODD = (
    None, True, -1, 0, 1, 7, 2**31, 2**63, 10**30, 1e308, -0.5, "", "x", "../../etc",
    "/etc/passwd", "\ud800", "é" * 100, "Lambda", [], [[]], {}, {"a": None},
    {"class_name": "Lambda", "config": {"function": "os.system"}}, ["x", 1, None],
)  # fmt: skip
MOST_BYTES = 1 << 20


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one target")
    parser.add_argument("--trial", type=int, help="one trial, with its traceback")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    from fuzz_targets import make_targets

    with tempfile.TemporaryDirectory() as scratch:
        targets = make_targets(pathlib.Path(scratch))
        if options.only:
            targets = {options.only: targets[options.only]}
        found = run(targets, options)
    print(json.dumps(found, indent=1))
    sys.exit(1 if found["findings"] else 0)


def run(targets, options):
    """Load damaged files until the time is over, and return what came of it."""
    from kzoo.errors import InputError

    counts = collections.defaultdict(collections.Counter)
    findings = {}
    names = sorted(targets)
    ends, trial, began = time.monotonic() + options.seconds, 0, time.monotonic()
    if options.trial is not None:
        trial = options.trial
    while time.monotonic() < ends:
        name = names[trial % len(names)]
        draws = np.random.default_rng((options.seed, trial))
        folder, load = targets[name]
        path, content = spoiled(folder, draws)
        before = path.read_bytes()
        path.write_bytes(content)
        try:
            with quiet():
                load(folder)
            outcome = "loaded"
        except InputError:
            outcome = "InputError"
        except MemoryError:
            outcome = "MemoryError"
        except Exception as error:  # noqa: BLE001  any other kind is a finding
            outcome = type(error).__name__
            where = traceback.extract_tb(error.__traceback__)
            ours = [
                f for f in where if "/kzoo" in f.filename or "/models" in f.filename
            ]
            place = f"{(ours or where)[-1].filename.rsplit('/', 2)[-1]}"
            place += f":{(ours or where)[-1].lineno} {outcome}: {str(error)[:100]}"
            first = f"--seed {options.seed} --only {name} --trial {trial}"
            findings.setdefault(place, {"file": path.name, "again": first})
            if options.trial is not None:
                traceback.print_exception(error)
        finally:
            path.write_bytes(before)
        counts[name][outcome] += 1
        if options.trial is not None:
            break
        trial += 1
    return {
        "seconds": round(time.monotonic() - began),
        "trials": sum(sum(c.values()) for c in counts.values()),
        "outcomes": {name: dict(c) for name, c in counts.items()},
        "findings": findings,
    }


def spoiled(folder, draws):
    """Return a file of a folder and other content for it."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    path = files[int(draws.integers(len(files)))]
    content = path.read_bytes()[:MOST_BYTES]
    kinds = [flipped, cut, spliced]
    if path.suffix in (".json", ".jsonl"):
        kinds += [other_json] * 6
    if path.suffix == ".safetensors":
        kinds += [other_header] * 6
    return path, kinds[int(draws.integers(len(kinds)))](content, draws)


def flipped(content, draws):
    """Return content with a few bits flipped."""
    changed = bytearray(content)
    for _ in range(int(draws.integers(1, 5))):
        at = int(draws.integers(len(changed)))
        changed[at] ^= 1 << int(draws.integers(8))
    return bytes(changed)


def cut(content, draws):
    """Return the beginning of content."""
    return content[: int(draws.integers(len(content)))]


def spliced(content, draws):
    """Return content with a part of it, or noise, put in elsewhere."""
    a, b, at = (int(draws.integers(len(content))) for _ in range(3))
    part = content[min(a, b) : max(a, b)][:4096]
    if draws.random() < 0.5:
        part = draws.bytes(int(draws.integers(1, 64)))
    return content[:at] + part + content[at:]


def other_json(content, draws):
    """Return JSON with one value replaced, taken away or doubled."""
    try:
        value = json.loads(content)
    except ValueError:
        return flipped(content, draws)
    return json.dumps(changed_value(value, draws)).encode("utf-8", "surrogatepass")


def other_header(content, draws):
    """Return safetensors whose header is other JSON of the right length."""
    size = struct.unpack("<Q", content[:8])[0]
    header = other_json(content[8 : 8 + size], draws)
    return struct.pack("<Q", len(header)) + header + content[8 + size :]


def changed_value(value, draws):
    """Return a JSON value with one part of it changed."""
    places = []

    def walk(part):
        keys = part if isinstance(part, dict) else range(len(part))
        for key in list(keys)[:200]:
            places.append((part, key))
            if isinstance(part[key], dict | list):
                walk(part[key])

    if not isinstance(value, dict | list) or not value:
        return ODD[int(draws.integers(len(ODD)))]
    walk(value)
    part, key = places[int(draws.integers(len(places)))]
    kind = draws.random()
    if kind < 0.2:
        del part[key]
    elif kind < 0.3 and isinstance(part, dict):
        part[f"{key}2"] = part[key]
    elif kind < 0.4 and isinstance(part[key], int) and not isinstance(part[key], bool):
        part[key] += int(draws.integers(-3, 4))
    else:
        part[key] = ODD[int(draws.integers(len(ODD)))]
    return value


@contextlib.contextmanager
def quiet():
    """Let libraries say nothing."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


if __name__ == "__main__":
    main()

"""Compare a run's artefacts with its model on every test review, as raw strings.

    python benchmarks/served_reviews.py RUN --data SPEC [--split test] [--limit N]

Both artefacts are exported into a temporary folder and validated, then each answers
all texts in a process that has neither Keras nor kzoo; the labels must be identical
and the scores within 1e-5.
"""

import argparse
import pathlib
import sys
import tempfile
import time

import kzoo


def main():
    """Print one Markdown row for each artefact; leave with 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    model = kzoo.models.TextClassifier.from_preset(options.run)
    texts = kzoo.data.read(options.data, options.split).texts[: options.limit]
    passed = True
    print("| artefact | rows | labels identical | greatest difference | s |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        exporters = {
            "onnx": kzoo.export.to_onnx,
            "saved-model": kzoo.export.to_saved_model,
        }
        for name, export in exporters.items():
            target = pathlib.Path(folder, name)
            begun = time.perf_counter()
            export(model, target)
            report = kzoo.export.validate(target, model, texts=texts)
            seconds = time.perf_counter() - begun
            passed = passed and report.passed
            for item in report.signatures:
                print(
                    f"| {name}, {item.name} | {item.rows} | {item.rows_identical} "
                    f"| {item.max_absolute:.1e} | {seconds:.0f} |",
                    flush=True,
                )
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()

"""Measure what depth does to stacks of residual blocks, and draw it.

    python examples/depth_study.py                      # a minute or two
    python examples/depth_study.py --full --out study   # hours on a CPU
    python examples/depth_study.py --recipes pre post deep-norm --depths 2 16 104

The first two are `kzoo plot depth` as well; the last asks a question of its own.
"""

import argparse
import dataclasses
import pathlib

from kzoo.cli.depth_figures import draw_depth
from kzoo.training.depth_stacks import RECIPES
from kzoo.training.depth_study import SETTINGS, run_study


def main():
    """Read the options, measure, write CSV and PNG files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, default="depth-study")
    parser.add_argument("--kind", choices=["mlp", "encoder"])
    parser.add_argument("--recipes", nargs="+", choices=[*RECIPES])
    parser.add_argument("--depths", nargs="+", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rates", nargs="+", type=float)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    # Every option given takes the place of the setting's own.
    changes = {}
    if options.recipes:
        changes["recipes"] = tuple(options.recipes)
    if options.depths:
        changes["train_depths"] = tuple(options.depths)
        changes["depths"] = (max(options.depths),)
    if options.steps:
        changes["steps"] = options.steps
    if options.rates:
        changes["rates"] = tuple(options.rates)
    settings = [
        dataclasses.replace(setting, **changes)
        for setting in SETTINGS["full" if options.full else "quick"]
        if options.kind in (None, setting.kind)
    ]

    tables = run_study(settings, options.seed, print, options.out)
    for path in draw_depth(tables, options.out):
        print(path)


if __name__ == "__main__":
    main()

"""`python -m kzoo.cli`: the `kzoo` command where no script is installed."""

from kzoo.cli import main

if __name__ == "__main__":
    main()

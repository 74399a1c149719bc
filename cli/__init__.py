"""The `kzoo` command; `kzoo.cli.app` holds the table of its subcommands."""

__all__ = ["main"]


def main() -> None:
    """Run the command of `sys.argv` and leave with its exit status."""
    import sys

    from kzoo.cli.app import run

    sys.exit(run(sys.argv[1:]))

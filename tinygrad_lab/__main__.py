"""The door to the command line: ``tinygrad-lab``, and ``python -m tinygrad_lab``."""

import sys

from tinygrad_lab.complaints import ended

NAME = "tinygrad-lab"


def main() -> None:
    """Run the command line; never returns. Without the packages of the extra it says how to get them."""
    sys.exit(ended(_commands, NAME))


def _commands() -> None:
    from tinygrad_lab.lab.cli import main as commands

    commands()


if __name__ == "__main__":
    main()

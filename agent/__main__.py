"""`packbench`: the one command. `python -I -m agent` is the same thing without a console script."""

from __future__ import annotations

import click

from agent import __version__
from agent.cli import COMMANDS, LazyGroup

packbench = click.version_option(__version__, prog_name="packbench")(
    LazyGroup("packbench", "A packing station on a Raspberry Pi: weigh, read, judge, label, prove, report.", COMMANDS)
)

if __name__ == "__main__":
    packbench(prog_name="packbench")

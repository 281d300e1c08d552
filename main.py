"""The command line of a checkout.

    python main.py --config=configs/sprites.py --workdir=runs/sprites [--mode=train] [--config.<option>=<value> ...]

The commands, and what each needs, are the table of ssa2d_jax/cli/commands.py; an installed package offers the same
table as `ssa2d <command>`.
"""

import sys

from ssa2d_jax.cli import app

if __name__ == "__main__":
    sys.exit(app.main(sys.argv[1:], program="main.py", default_command="train"))

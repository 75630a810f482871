"""`python -m bpflow`: the command."""

import sys

from bpflow.cli import program

if __name__ == "__main__":
    sys.exit(program())

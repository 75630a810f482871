"""`python -m tests.mutation`: makes every mistake everywhere, and says which are found.

python -m tests.mutation                        all kinds
python -m tests.mutation --kind "removed end"   one kind, with all that slips
python -m tests.mutation --at-most 20           so many places of a kind
python -m tests.mutation --silent               and all that slips of kinds that make another process
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.mutation.kinds import KINDS
from tests.mutation.report import judged, silent, table


def main() -> None:
    """Prints the table, and a line for each mutant of a kind that can be found and was not."""
    asked = argparse.ArgumentParser(prog="python -m tests.mutation")
    asked.add_argument("--kind", action="append", default=[], choices=list(KINDS))
    asked.add_argument("--at-most", type=int)
    asked.add_argument("--silent", action="store_true")
    args = asked.parse_args()
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        mutants = [*judged(Path(folder), [KINDS[name] for name in args.kind], args.at_most)]
    print("\n".join(table(mutants)))
    print(f"{len(mutants)} mutants in {time.process_time() - begun:.0f} s of processor time")
    slips = [*silent(mutants), *(silent(mutants, others=True) if args.silent or args.kind else ())]
    print(f"\nnot found: {len(slips)}", *slips, sep="\n")


main()

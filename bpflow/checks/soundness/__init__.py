"""Soundness: whether whatever is begun comes to its end, and what is split is gathered; proved on the graph, before anything runs.

The law of this room: a region at a time, each as the engine runs it, with conditions free. What one token alone decides is counted; where tokens meet
at joins, what may stand there at once is searched, up to a bound. Each mistake has the shortest run that shows it; what is not decided
is said; and where data forbid the run, nothing is said (no false alarm).
"""

from bpflow.checks.soundness.regions import Region, Regions, Target, Way
from bpflow.checks.soundness.verdicts import Examination, Verdict, examine

__all__ = ["Examination", "Region", "Regions", "Target", "Verdict", "Way", "examine"]

"""The tables: medians of all rounds, and how bpflow stands to the floor and to the others."""

from __future__ import annotations

from statistics import median

from rich.table import Table

from bench.races import FIGURES, PEERS, RATES, Race

Values = dict[str, dict[str, list[float]]]
"""Figure → peer → its value in each round."""
OTHERS = PEERS[2:]


def heads() -> list[str]:
    return ["", "floor", "bpflow", "bpflow to floor", *OTHERS]


def rows(race: Race, values: Values) -> list[list[str]]:
    """A row for each figure; beside the value of another peer stands how many times better bpflow is."""
    found = []
    for figure, name in FIGURES.items():
        if "bpflow" in values.get(figure, {}):
            mid = {peer: median(one) for peer, one in values[figure].items()}
            others = [f"{number(mid[peer])} ({compared(times(figure, mid, peer))})" if peer in mid else "" for peer in OTHERS]
            found.append([name, number(mid.get("floor")), number(mid["bpflow"]), to_floor(race, figure, mid), *others])
    return found


def times(figure: str, mid: dict[str, float], peer: str) -> float:
    """How many times the peer's cost bpflow's is: a rate is better when higher, all else when lower."""
    return mid[peer] / mid["bpflow"] if figure in RATES else mid["bpflow"] / mid[peer]


def to_floor(race: Race, figure: str, mid: dict[str, float]) -> str:
    if "floor" not in mid:
        return ""
    cost, bar = times(figure, mid, "floor"), race.bars.get(figure)
    met = "" if bar is None else (", within" if cost <= bar else ", OVER") + f" the bar of {bar:g}×"
    return compared(cost) + met


def compared(cost: float) -> str:
    """Above 1 bpflow costs more than the other."""
    return f"{cost:.2f}× the cost" if cost >= 0.5 else f"{1 / cost:.3g}× better"


def number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(race: Race, values: Values) -> Table:
    shown = Table(*heads(), title=race.title, title_justify="left")
    for row in rows(race, values):
        shown.add_row(*row)
    return shown


def markdown(race: Race, values: Values) -> str:
    lines = [heads(), ["---"] * len(heads()), *rows(race, values)]
    return f"\n{race.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""A program with an activity and a service of its own. Its process is in processes/parcel.yaml, and is tested together with the program."""

from bpflow import Engine, open_engine
from bpflow.definition.step import Step
from bpflow.definition.types import Expression
from bpflow.graph import Call, Lowering


class PrintLabel(Step):
    """Prints the label of a parcel."""

    address: Expression

    def lower(self, b: Lowering) -> None:
        b.add(Call(b.path, "label.print", (("address", self.address),), b.flow(b.path)))


def price(kilograms: float, express: bool = False) -> float:
    """What the carrier takes."""
    return round(3 + 1.5 * kilograms, 2) * (2 if express else 1)


def print_label(address: str) -> None:
    print("label:", address)


ACTIVITIES = {"print-label": PrintLabel}
SERVICES = {"carrier.price": price, "label.print": print_label}


def engine(url: str, folder: str) -> Engine:
    return open_engine(url, folder, activities=ACTIVITIES, services=SERVICES)

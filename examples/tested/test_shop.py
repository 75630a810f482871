"""A test of the program; the processes have theirs in processes/parcel.test.yaml. `pytest` runs both."""

import shop


def test_express_costs_twice_as_much() -> None:
    assert shop.price(2.0, express=True) == 2 * shop.price(2.0) == 12

"""What all tests share: `--update` for golden files, and the profiles of hypothesis (fast by default, `soak` by `make soak`)."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import database, divided, empty_divided_store, empty_store, other_database, postgres, stored

__all__ = ["database", "divided", "empty_divided_store", "empty_store", "other_database", "postgres", "stored"]

collect_ignore_glob = ["*.test.yaml"]
"""Those in here are played by the tests beside them, and some have mistakes on purpose; those of the library are tests like others."""

settings.register_profile("fast", max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", max_examples=int(os.environ.get("BPFLOW_EXAMPLES", "3000")), deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("fast")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write the golden files again instead of comparing with them")
    parser.addoption("--store", choices=["some", "sqlite", "postgres"], default="some", help="on which stores the runtime is tested; some: on both, in part")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written again."""
    return bool(request.config.getoption("--update"))

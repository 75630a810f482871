# Everything that is done with the project. `make` alone says what there is.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
BIN := .venv/bin
STAMP := .venv/stamp
TESTS := -m pytest -q --numprocesses auto --maxprocesses 8
# The peers of the bench bring a hundred libraries along: they are kept apart from those of the project.
BENCH := .venv/bench
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location

.DEFAULT_GOAL := help
.PHONY: help setup demo test quick check format bench herds update untranslated soak mutants lowest clean
.DELETE_ON_ERROR:

help: ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | awk -F'\t' '{printf "make %-13s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv with everything that is needed to run, test and change the project

# Stale bytecode costs every first start: it is compiled here, once.
$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "bpflow needs Python 3.11 or newer: none found. Install it, or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment: its modules venv and ensurepip are missing." >&2; \
		echo "On Debian and Ubuntu: apt install $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(PIP) --editable '.[dev]'
	@$(BIN)/python -m compileall -q bpflow
	@touch $@

demo: setup ## sixty companies go through a process, on a virtual clock
	@$(BIN)/bpflow demo

test: setup check ## all checks and all tests
	$(BIN)/python $(TESTS)

quick: setup ## the tests without the slow ones
	$(BIN)/python $(TESTS) -m 'not slow'

check: setup ## style, types and the rule of layers
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports

format: setup ## put the code in the shape that `make check` asks for
	$(BIN)/ruff check --quiet --fix
	$(BIN)/ruff format --quiet

bench: $(BENCH)/stamp ## speed beside the floor, SpiffWorkflow, DBOS and LangGraph, as ratios of one run (BENCH_ARGUMENTS='--only W1 …')
	@$(BENCH)/bin/python -m bench.run $(BENCH_ARGUMENTS)

herds: $(BENCH)/stamp ## W4 of the bench with 100,000 and 1,000,000 instances: an hour, and 3 GB of disk
	@$(BENCH)/bin/python -m bench.run --rounds 1 --only W4 --herd 100000 --herd 1000000 $(BENCH_ARGUMENTS)

$(BENCH)/stamp: $(STAMP)
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@$(BENCH)/bin/python -m compileall -q bpflow bench
	@touch $@

update: setup ## write again all that is generated: the schemas, the shapes, the golden cases, the catalogue, the manual
	@mkdir -p schemas
	for kind in process document directory settings scenarios; do $(BIN)/bpflow --lang en schema $$kind --output schemas/$$kind.schema.json || exit 1; done
	$(BIN)/python -m tests.shapes
	$(BIN)/python -m tests.catalogue update
	$(BIN)/python -m docs.generate
	$(BIN)/python -m pytest -q tests/test_cases.py tests/test_docs.py tests/test_library.py --update

untranslated: setup ## the messages that have no translation yet, and those that nobody says any more
	@$(BIN)/python -m tests.catalogue untranslated

soak: setup ## the property tests with many more examples (BPFLOW_EXAMPLES=…), the crash tests with thousands of kills (BPFLOW_KILLS=…, BPFLOW_SEED=…)
	$(BIN)/python $(TESTS) --hypothesis-profile soak -m 'not slow' --ignore tests/crash
	BPFLOW_KILLS=$${BPFLOW_KILLS:-20} $(BIN)/python -m pytest -q -s tests/crash

mutants: setup ## every kind of mistake at every place of processes/: which of them `bpflow validate` finds, and which slip
	$(BIN)/python -m tests.mutation

lowest: setup ## the tests with the oldest libraries that pyproject.toml allows
	$(PYTHON) -m venv .venv/lowest
	.venv/lowest/bin/python -m pip install --quiet --disable-pip-version-check --editable . \
		$$($(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; checks = "import-linter", "mypy", "ruff", "types-"; print(*(d.replace(">=", "==") for d in p["dependencies"] + p["optional-dependencies"]["dev"] if not d.startswith(checks)))')
	.venv/lowest/bin/python $(TESTS) -m 'not slow'

clean: ## remove all that `make` and the tools have made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	find bpflow tests bench examples -name __pycache__ -type d -prune -exec rm -rf {} +

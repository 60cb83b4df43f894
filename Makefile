.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help setup demo test check audit bench ui clean

help: ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.installed ## the virtual environment, as pinned in constraints.txt

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup ## simulate the event day for 40 names, run the whole graph, show what was found
	$(BIN)/offtape demo

check: setup ## format, lint, types and import law
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## everything CI runs
	$(BIN)/pytest -n 2 --dist loadfile

audit: ## known weaknesses of the pinned packages; asks PyPI's advisories, so it needs a network
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit~=2.10'
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

bench: setup ## ours beside the peers: docs/benchmarks.md, whole
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	$(BIN)/python benchmarks/collect.py

ui: setup ## the Dagster UI on this machine
	$(BIN)/offtape ui

clean: ## remove the environment and everything built
	rm -rf $(VENV) warehouse/* warehouse/.dagster warehouse/.staging

# Two commands on a fresh machine: `make demo`, `make test`. Nothing else has to be installed by hand.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Two cores are what continuous integration has; more workers each start a torch of their own.
WORKERS ?= 2

# A peer of data assimilation, without the notebooks that it asks for.
DAPPER := dapper pyyaml dill tabulate colorama struct-tools mpl-tools patlib

.PHONY: help demo test test-all lint format bench docs clean

help:            ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "foreknow needs Python 3.11 or newer; set PYTHON=python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)   ## install, separate a simulated recording, leave a report to open
	$(BIN)/foreknow demo -o demo-report --overwrite

test: $(STAMP)   ## the quick tests (minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) -m "not slow and not gpu"

test-all: $(STAMP)  ## every test, slow and GPU ones too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

lint: $(STAMP)   ## style, types, import floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## measure against peers; writes benchmarks/results.md
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m pip install --quiet --no-deps --constraint constraints.txt $(DAPPER)
	$(BIN)/python -m benchmarks

docs: $(STAMP)   ## the pages and the gallery as a site that needs no network: site/index.html
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 OMP_NUM_THREADS=1 $(BIN)/python -m mkdocs build --strict

clean:           ## remove what the other targets made
	rm -rf $(VENV) demo-report site build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Every target sets up what it needs; a second run is quick.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BACKENDS := tensorflow jax torch
PYTEST := $(BIN)/python -m pytest --durations=10

# Two backends are tested at once; each prints when it is done, where make can.
JOBS ?= 2
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

export TF_CPP_MIN_LOG_LEVEL ?= 2
# Threads that spin while they wait take the other's core.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help quickstart test test-slow lint format bench clean $(BACKENDS:%=test-%)

help:
	@echo "make quickstart  train, evaluate, export and serve a classifier (3 minutes)"
	@echo "make test        the test suite on every backend"
	@echo "make test-slow   the long tests too"
	@echo "make lint        ruff and pyright"
	@echo "make bench       the benchmarks, printed as Markdown"
	@echo "make clean       remove the environment and everything built"

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable '.[dev]'
	touch $@

quickstart: $(INSTALLED)
	$(BIN)/kzoo quickstart --out quickstart

test: $(INSTALLED)
	$(MAKE) --no-print-directory --jobs=$(JOBS) $(SYNC) $(BACKENDS:%=test-%)

$(BACKENDS:%=test-%): test-%: $(INSTALLED)
	KERAS_BACKEND=$* $(PYTEST)

test-slow: $(INSTALLED)
	failed=; for backend in $(BACKENDS); do \
	  KERAS_BACKEND=$$backend $(PYTEST) -m "slow or not slow" || failed=1; \
	done; test -z "$$failed"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/classifier.py

clean:
	rm -rf $(VENV) build dist *.egg-info quickstart

# Two commands are all a newcomer needs: `make serve` and `make test`. Both set everything up first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
DATA ?= data
HOST ?= 127.0.0.1
PORT ?= 8000

.PHONY: help setup serve test check format bench lock clean

help:
	@echo "make serve    set up, load the bundled studies, serve them on http://$(HOST):$(PORT)"
	@echo "make test     set up, check style and types, run every test"
	@echo "make check    style and types only"
	@echo "make format   format the code"
	@echo "make bench    measure load time, first answer, query latency, emission and validation"
	@echo "make lock     rewrite requirements/*.txt from pyproject.toml (needs uv)"
	@echo "make clean    remove the environment and the served data"

setup: $(VENV)/.ready

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Trialweave needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

serve: setup
	$(BIN)/trialweave serve studies --data $(DATA) --host $(HOST) --port $(PORT)

test: check
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/python -m bench.first_light
	$(BIN)/python -m bench.emission
	$(BIN)/python -m bench.validation

lock:
	uv pip compile $(LOCK) --output-file requirements/run.txt pyproject.toml
	uv pip compile $(LOCK) --extra dev --constraint requirements/run.txt --output-file requirements/dev.txt pyproject.toml
	echo hatchling | uv pip compile $(LOCK) --constraint requirements/dev.txt --output-file requirements/build.txt -

clean:
	rm -rf $(VENV) $(DATA)

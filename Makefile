# Every target sets itself up: `.venv` is made with uv where it is on PATH, with venv and pip otherwise.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test lint types check bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(STAMP)  ## run the refund desk, unattended, to its end
	$(BIN)/bailiwick demo

test: lint types check  ## lint, types and all tests: what CI runs

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy tests  # with the sources, through tests/import_root
	$(BIN)/pyright

check: $(STAMP)
	$(BIN)/pytest -n auto

bench: $(STAMP)  ## measure speed and size against the peers
	$(BIN)/python -m tests.benchmarks

lock:  ## write uv.lock anew (needs uv)
	uv lock

clean:  ## remove everything that was built
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(STAMP): pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv && \
	  uv pip install --quiet --python $(BIN)/python --group dev --editable .; \
	else \
	  $(PYTHON) -m venv .venv && \
	  $(BIN)/python -m pip install --quiet --upgrade pip && \
	  $(BIN)/python -m pip install --quiet --group dev --editable .; \
	fi
	@touch $@

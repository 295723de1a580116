# Every target sets itself up: `.venv` is made with uv where it is on PATH, with venv and pip otherwise.
# `make PYTHON=python3.13 demo` takes that Python; left out, the first one found that is new enough.
BIN := .venv/bin
# The environment, what it needs to run, and what it needs to be worked on. With `--no-compile` pip
# leaves the compiling to Python, as uv does: little of what is installed is ever imported.
VENV := .venv/.made
RUNS := .venv/.runs
STAMP := .venv/.installed
# A file's tests share servers and databases. In their own order the long files, such as graphs' and
# stories', come before most of the short ones.
SHARED := --dist loadfile --no-loadscope-reorder

export PYTHON
# The tests start hundreds of processes: each would compile anew whatever it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test lint types mypy pyright collect check kills vault lowest bench conformance lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(RUNS)  ## run the refund desk, unattended, to its end
	$(BIN)/bailiwick demo

test: $(STAMP)  ## lint, types and all tests: what CI runs
	@$(MAKE) --no-print-directory --jobs=2 pyright mypy collect lint check  # as two processors allow

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: mypy pyright

mypy: $(STAMP)
	$(BIN)/mypy tests  # with the sources, through tests/import_root

pyright: $(STAMP)
	$(BIN)/pyright

# Has pytest compile the tests once, before each of its workers would.
collect: $(STAMP)
	@$(BIN)/pytest --collect-only -qqq >.venv/.collected || { cat .venv/.collected; exit 1; }

check: $(STAMP)
	$(BIN)/pytest -n 5 $(SHARED)  # on two cores, too: many tests wait for servers and locks

kills: $(STAMP)  ## kill workers at every step, and run every race many times; prints the counts
	$(BIN)/pytest -n 4 tests/stories/matrix

vault: $(STAMP)  ## try what Vault's tests can on the server at VAULT_ADDR too (VAULT_TOKEN); it is written to
	$(BIN)/pytest --vault tests/tools

lowest:  ## run the tests with the oldest versions that pyproject.toml allows (needs uv)
	rm -rf .venv/lowest && uv venv --quiet .venv/lowest
	uv pip install --quiet --python .venv/lowest/bin/python --resolution lowest-direct --group dev --editable .
	.venv/lowest/bin/pytest -n auto $(SHARED)

bench: $(STAMP)  ## measure speed and size against the peers
	$(BIN)/python -m tests.benchmarks

conformance: $(STAMP)  ## run hvac's own integration tests against the development Vault
	$(BIN)/python -m tests.conformance

lock:  ## write uv.lock anew (needs uv)
	uv lock

clean:  ## remove everything that was built
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV):
	@echo "making .venv"
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python "$${PYTHON:->=3.11}" .venv; \
	else \
	  for python in $$PYTHON python3 python3.14 python3.13 python3.12 python3.11; do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    python=; \
	  done; \
	  if [ -z "$$python" ]; then echo "Python 3.11 or newer is needed: install it" >&2; exit 1; fi; \
	  "$$python" -m venv .venv && \
	  $(BIN)/python -m pip install --quiet --no-compile --upgrade "pip>=25.1"; \
	fi
	@touch $@

$(RUNS): $(VENV) pyproject.toml uv.lock
	@echo "setting .venv up; the first time this takes a minute or two"
	@if command -v uv >/dev/null 2>&1; then \
	  uv sync --quiet --inexact --python $(BIN)/python --no-dev; \
	else \
	  $(BIN)/python -m pip install --quiet --no-compile --editable .; \
	fi
	@touch $@

# All at once: pip would read twice what everything needs.
$(STAMP): $(VENV) pyproject.toml uv.lock
	@echo "setting .venv up with the tools that test it; the first time this takes a minute or two"
	@if command -v uv >/dev/null 2>&1; then \
	  uv sync --quiet --inexact --python $(BIN)/python; \
	else \
	  $(BIN)/python -m pip install --quiet --no-compile --group dev --editable .; \
	fi
	@touch $(RUNS) $@

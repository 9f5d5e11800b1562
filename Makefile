# Two commands: `make demo` and `make test`. Both make their own environment from requirements.lock first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STAY ?= 0
SPEED ?= 1800
WORKERS ?= 2
TABLE ?=

# Compiled modules are kept: the stack and the tests start dozens of processes, and a runbook is imported for every case.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo up test lint crash chaos bench clean

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@echo "Making an environment in $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -qq --no-deps --no-compile --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install -qq --no-deps --disable-pip-version-check --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)  ## play every story on a real stack, then end (STAY=1 leaves it up)
	@$(BIN)/runbooks demo --speed $(SPEED) $(if $(filter 1,$(STAY)),--stay)

up: $(READY)  ## start the sandbox and leave it up until Ctrl-C
	@$(BIN)/runbooks up

test: $(READY) lint  ## linters, types, import contracts and every test, the demo last and alone
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not demo"
	@$(BIN)/python -m pytest -m demo tests/sandbox/demo

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

crash: $(READY)  ## the long crash table: SIGKILL at every point of every activity (TABLE=file keeps the results)
	@RUNBOOKS_CRASH=long RUNBOOKS_CRASH_TABLE=$(TABLE) $(BIN)/python -m pytest -m "crash and not chaos" -n 0 --timeout 3600

chaos: $(READY)  ## bill 2,000 tenants while 20 workers are killed at random (TABLE=file keeps the result)
	@RUNBOOKS_CRASH=long RUNBOOKS_CRASH_TABLE=$(TABLE) $(BIN)/python -m pytest -m chaos -n 0 --timeout 3600

bench: $(READY)  ## measurements, as ratios to a baseline in the same run
	@$(BIN)/python -m benchmarks.evidence
	@$(BIN)/python -m benchmarks.rating
	@$(BIN)/python -m benchmarks.usage_load
	@$(BIN)/python -m benchmarks.month_end
	@$(BIN)/python -m benchmarks.month_end_workflow
	@$(BIN)/python -m benchmarks.stripe_push
	@$(BIN)/python -m benchmarks.reconciliation
	@$(BIN)/python -m benchmarks.delinquency
	@$(BIN)/python -m benchmarks.access

clean:  ## remove the environment and the sandbox's data
	@test ! -x $(BIN)/python -o ! -d .runbooks || $(BIN)/python -m sandbox.removal .runbooks
	rm -rf $(VENV) .runbooks

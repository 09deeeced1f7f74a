# `make demo` and `make test` are all that a bare machine with Python 3.11 or newer, git and make needs.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench soak docs environment

BIN := .venv/bin

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1 \t/' | expand -t 24

environment: ## .venv with exactly what uv.lock names
	@.ci/environment

demo: environment ## the whole road on a simulated hospital, ending in a report
	@$(BIN)/cohortlock demo $(if $(OUT),--out "$(OUT)")

test: environment ## ruff, mypy, import-linter and all tests
	@.ci/test

lint: environment ## ruff, mypy and import-linter alone
	@.ci/lint

bench: environment ## the measured comparisons, into tests/benchmarks/RESULTS.md
	@UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON=$(BIN)/python $(BIN)/uv sync --frozen --inexact --quiet --group bench
	@$(BIN)/python tests/benchmarks/run.py

soak: environment ## kill 300 pulls (SOAK_KILLS), 200 locks and the desk 200 times, and prove that nothing is lost or doubled; forge a snapshot 20,000 times; 2,000 questions on every engine
	@$(BIN)/python tests/benchmarks/soak.py
	@$(BIN)/python tests/benchmarks/tamper.py
	@DESK_KILLS=100 $(BIN)/python tests/benchmarks/kill_desk.py
	@LOCK_KILLS=200 $(BIN)/python tests/benchmarks/kill_lock.py
	@COHORTLOCK_SPEC_CASES=2000 $(BIN)/python -m pytest tests/extract/spec/test_agree.py -q -n 2 --dist worksteal -o timeout=3600
	@COHORTLOCK_SPEC_CASES=2000 $(BIN)/python -m pytest tests/extract/his/test_spark.py -q -n 0 -o timeout=3600
	@COHORTLOCK_API_EXAMPLES=200 $(BIN)/python -m pytest tests/validate/desk/test_fuzz.py -q -n 2 -o timeout=3600

docs: environment ## regenerate docs/cli.md, the JSON Schema of study.toml and the OpenAPI of the desk
	@$(BIN)/python -m flows.cli.reference

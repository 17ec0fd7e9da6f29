# Everything here works in a fresh clone: a target makes the virtual environment it needs.
PYTHON ?= python3
PORT ?= 8000
WORKERS ?= 2
EVENT ?= events/rotation_requested.json
PARAMETERS ?=
VENV ?= .venv
BIN = $(VENV)/bin
QUICK = "not prove and not dynamodb_local and not rehearsal"
REHEARSED = .aws-sam/rehearsal
SECONDS ?= 300
STAGE ?= default
ROLE ?=
VENDOR = functions/console_assets/vendor
export PYTHON
export SAM_CLI_TELEMETRY = 0
# Where it is set, each of the hundred processes that the tests start compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run event console session test coverage prove rehearse rehearsal load bench bench-growth openapi screenshots lint format build deploy release validate audit mutate lock docs docs-serve clean

help:  ## show this list (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.has-local  ## serve API and console on this machine, with a first admin key (PORT=8000 PARAMETERS="ImportedKeys=true")
	@$(MAKE) -s console || echo "Without it, the API is served all the same."
	@$(BIN)/python -m infra.local --port $(PORT) $(PARAMETERS:%=--parameter %)

event: $(VENV)/.has-local  ## send an event to what runs here (EVENT=events/rotation_requested.json)
	@$(BIN)/python -m infra.local.send $(EVENT)

session: $(VENV)/.has-local  ## draw docs/images/cli.svg anew, with the command line and the local stack
	@$(BIN)/python -m infra.local.session

console: $(VENDOR)  ## fetch what the console is made with (needs npm)

test: $(VENV)/.has-dev  ## run the tests, in random order (WORKERS=2)
	@$(MAKE) -s console || echo "Tests of the console are skipped."
	$(BIN)/pytest -m $(QUICK) -n $(WORKERS)

coverage: $(VENV)/.has-dev  ## run the functions' own tests and measure branch coverage: at least 98 %
	@$(MAKE) -s console || echo "Tests of the console are skipped."
	$(BIN)/pytest tests/keyturn tests/test_*.py -m $(QUICK) -n $(WORKERS) --cov

prove: $(VENV)/.has-dev  ## run the long tests, and those on DynamoDB Local (needs Java)
	@$(MAKE) -s console || echo "Tests of the console are skipped."
	@$(BIN)/python -m tests.dynamodb_local
	$(BIN)/pytest -m "(prove or dynamodb_local) and not rehearsal" -n $(WORKERS) --timeout=600

rehearse: rehearsal  ## try the contract in Lambda's runtime and deployed to an emulator of AWS, and under load
	@$(BIN)/python -m tests.dynamodb_local
	$(BIN)/pytest -m "rehearsal and not prove" -n $(WORKERS) --dist loadgroup --timeout=600

rehearsal: $(VENV)/.has-dev .venv-runtime/.has-runtime .venv-ministack/.has-ministack $(REHEARSED)/template.yaml  ## make what the service is rehearsed with, as AWS runs it (needs Python 3.13, x86_64)
	@$(BIN)/python -m bench.places load flask

load: rehearsal  ## measure the service under load in Lambda's runtime, beside the Flask service (SECONDS=300)
	@$(BIN)/python -m tests.dynamodb_local
	$(BIN)/python -m bench.load --seconds $(SECONDS)

bench: $(VENV)/.has-local  ## measure verification beside what people would otherwise run (5 minutes)
	$(BIN)/python -m bench

bench-growth: $(VENV)/.has-dev  ## measure verification as the table grows to a million rows
	$(BIN)/python -m bench growth

screenshots: $(VENV)/.has-dev $(VENDOR)  ## take the pictures of the console in the README again (needs Chromium)
	$(BIN)/python -m tests.browser.screenshots

lint: $(VENV)/.has-dev  ## check style and types
	$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/mypy

openapi: $(VENV)/.has-dev  ## write infra/openapi.json anew, from the handlers
	@$(BIN)/python -m infra.openapi

format: $(VENV)/.has-dev  ## put the code into form and fix what can be fixed safely
	$(BIN)/ruff check --fix; $(BIN)/ruff format

build: .venv-sam/.has-sam $(VENDOR)  ## make the Lambda bundle in .aws-sam/build (needs Python 3.13 and npm too)
	python="$$(sh requirements/find-python 3.13)" && PATH="$$PWD/.venv-sam/bin:$$python:$$PATH" sam build && \
		PYTHONHASHSEED=0 "$$python/python3.13" requirements/bundle.py

deploy: .venv-sam/.has-sam $(VENV)/.has-local  ## build, and deploy a stage of samconfig.toml to AWS (STAGE=prod)
	@$(BIN)/python -m infra.stage "$(STAGE)"
	@$(MAKE) build
	.venv-sam/bin/sam deploy --config-env "$(STAGE)" $(if $(CI),--no-confirm-changeset) $(if $(ROLE),--role-arn "$(ROLE)")

release: .venv-audit/.has-audit .venv-sam/.has-sam  ## tag a version, and put what is handed out into dist/ (VERSION=0.2.0)
	@.venv-audit/bin/python requirements/release.py "$(VERSION)"

validate: .venv-sam/.has-sam $(VENV)/.has-dev  ## check template.yaml against SAM, CloudFormation and serverless rules
	.venv-sam/bin/sam validate --lint --region us-east-1 && $(BIN)/cfn-lint --append-rules cfn_lint_serverless.rules -- template.yaml infra/*.yaml

audit: .venv-audit/.has-audit $(VENV)/.has-dev  ## look up known holes and licences of what is pinned
	@.venv-audit/bin/python requirements/audit.py

mutate: $(VENV)/.has-dev  ## change the code in a thousand ways: does a test notice? (an hour)
	@$(BIN)/python -m tests.mutation

docs: .venv-docs/.has-docs  ## build the documentation as a site, in build/site; fails on a link that leads nowhere
	@.venv-docs/bin/python -m infra.website

docs-serve: docs  ## the same, and serve it on this machine (PORT=8000)
	@.venv-docs/bin/python -m http.server $(PORT) --bind 127.0.0.1 --directory build/site

lock: .venv-lock/.has-lock  ## pin the dependencies again (UPGRADE=--upgrade: newer ones)
	@sh requirements/lock $(UPGRADE) && sh bench/lock $(UPGRADE)

clean:  ## remove everything that was made here
	rm -rf .venv .venv-* .aws-sam .cache build $(VENDOR) .bench .coverage* .*_cache .hypothesis mutants

$(VENDOR): requirements/console/package.json requirements/console/package-lock.json requirements/vendor $(wildcard infra/openapi.json)
	@sh requirements/vendor

$(VENV)/.has-local: requirements/local.txt
	@TAKES="about 20 seconds" sh requirements/install $(VENV) local

$(VENV)/.has-dev: requirements/dev.txt requirements/local.txt
	@sh requirements/install $(VENV) dev local

.venv-sam/.has-sam: requirements/sam.txt
	@TAKES="about a minute" sh requirements/install .venv-sam sam

# Both run the bundle, so both are of the functions' own version.
.venv-runtime/.has-runtime: bench/requirements-runtime.txt
	@python="$$(sh requirements/find-python 3.13)" && \
		PYTHON="$$python/python3.13" TAKES="a few seconds" sh requirements/install .venv-runtime runtime

.venv-ministack/.has-ministack: requirements/ministack.txt
	@python="$$(sh requirements/find-python 3.13)" && \
		PYTHON="$$python/python3.13" TAKES="about 15 seconds" sh requirements/install .venv-ministack ministack

# All functions have one CodeUri, of which SAM makes as many copies: one function's does for all. Not
# in .aws-sam/build, from where `sam deploy` would take it for the processor that is deployed.
$(REHEARSED)/template.yaml: .venv-sam/.has-sam $(VENDOR) template.yaml $(shell find functions -name '*.py' -o -name requirements.txt)
	python="$$(sh requirements/find-python 3.13)" && PATH="$$PWD/.venv-sam/bin:$$python:$$PATH" \
		sam build CreateKeyFunction --parameter-overrides Architecture=x86_64 --build-dir $(REHEARSED)
	@touch $@

.venv-audit/.has-audit: requirements/audit.txt
	@TAKES="about half a minute" sh requirements/install .venv-audit audit

.venv-docs/.has-docs: requirements/docs.txt
	@TAKES="a few seconds" sh requirements/install .venv-docs docs

.venv-lock/.has-lock: requirements/lock.txt
	@TAKES="a few seconds" sh requirements/install .venv-lock lock

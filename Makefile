# Each target is one line. `make` alone lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV := .venv/bin/uv
RUN := $(UV) run --no-sync
# the tests start hundreds of Pythons: what one of them compiled, the others need not
export PYTHONDONTWRITEBYTECODE :=

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(UV):
	@test -x $(UV) || { $(PYTHON) -m venv .venv && .venv/bin/python -m pip install -q --disable-pip-version-check uv==0.13.9; }

.venv/ready: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --frozen --all-extras --no-extra atmos -q && touch $@

setup: .venv/ready ## make .venv with everything in it

demo: .venv/ready ## show the whole loop: no account, no network
	@$(RUN) sonde demo

test: .venv/ready ## the tests, on SQLite and on PostgreSQL
	@$(RUN) pytest -n auto --dist worksteal

fuzz: .venv/ready ## look longer for faults in the API: schemathesis, and every recording replayed
	@SONDE_TEST_LONG=1 $(RUN) pytest tests/wire/test_fuzz.py tests/wire/test_replay.py

storm: .venv/ready ## the long tests: the server killed at each of its steps, many examples, real installations
	@$(RUN) pytest -n auto --dist worksteal -m storm

bench: .venv/ready ## time ourselves beside floors and peers
	@$(RUN) python -m bench

openapi: .venv/ready ## renew docs/openapi.json
	@$(RUN) python -m sonde.server.openapi docs/openapi.json

check: .venv/ready ## format, lint, types, architecture
	@$(RUN) ruff format --check . && $(RUN) ruff check . && $(RUN) mypy && $(RUN) pytest -q tests/test_architecture.py

format: .venv/ready ## format and mend what ruff can mend
	@$(RUN) ruff format . && $(RUN) ruff check --fix .

.PHONY: help setup demo test fuzz storm bench openapi check format

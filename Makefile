# `make up` runs everything, `make test` tests everything; both make .venv/ first.

.PHONY: up test test-postgres programs chaos bench format histories eval-changes reference screenshots requirements clean
.DELETE_ON_ERROR:

# Where it is set, every process of ours would compile every module of ours anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
PROJECT := --no-deps --no-build-isolation --editable .

up: .venv/embedded.installed
	@exec $(BIN)/diffy up

test: .venv/dev.installed .venv/typescript.installed .venv/axe.installed .venv/clients.installed \
		programs
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python -m pytest -q --numprocesses=3 --dist=loadfile --no-loadscope-reorder

# Every test that has a system, with its store in PostgreSQL.
test-postgres: .venv/dev.installed programs
	@$(BIN)/python -m pytest -q --numprocesses=3 --dist=loadfile --no-loadscope-reorder \
		--database=postgresql $(ARGS)

# What the tests need of Debian; without it, those that need it are left out.
programs: .venv/dev.installed
	@$(BIN)/python -m tests.needs

# Kills parts of a running system under load, and audits what is left.
chaos: .venv/dev.installed
	@$(BIN)/python -m benchmarks.chaos $(ARGS)

format: .venv/dev.installed
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet

# Records what tests/workflows/test_replay.py replays; ARGS=CASE for one of them.
histories: .venv/dev.installed
	@$(BIN)/python -m tests.workflows.record $(ARGS)

# Writes the pages of docs/reference/ that follow from the code.
reference: .venv/dev.installed
	@$(BIN)/python -m tests.reference

# Measures how far changes can be trusted; ARGS=--without-packages leaves out the real pairs.
eval-changes: .venv/dev.installed
	@$(BIN)/python -m benchmarks.eval_changes $(ARGS)

# Measures speed and memory beside peers; ARGS="FIGURE ..." for some of the figures.
bench: .venv/dev.installed
	@$(BIN)/python -m benchmarks.performance $(ARGS)

# Takes the pictures of the web page in README and docs, with Debian's chromium.
screenshots: .venv/dev.installed programs
	@$(BIN)/python -m benchmarks.screenshots

# Pins again what pyproject.toml asks for, for each Python that is served, with every hash; add
# ARGS=--upgrade for newer versions.
BUILT_BY := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])
COMPILE = $(BIN)/python -c '$(BUILT_BY)' | $(BIN)/uv pip compile --quiet --universal \
	--python-version=3.11 --generate-hashes --no-config --no-emit-index-url --no-emit-find-links \
	--custom-compile-command="make requirements" $(ARGS) pyproject.toml -

requirements: .venv/dev.installed
	@$(COMPILE) --output-file=requirements/service.txt
	@$(COMPILE) --extra=embedded --constraint=requirements/service.txt \
		--output-file=requirements/embedded.txt
	@$(COMPILE) --extra=embedded --extra=browser --constraint=requirements/embedded.txt \
		--output-file=requirements/browser.txt
	@$(COMPILE) --extra=tracing --constraint=requirements/service.txt \
		--output-file=requirements/tracing.txt
	@$(COMPILE) --extra=embedded --extra=browser --extra=dev \
		--constraint=requirements/tracing.txt \
		--constraint=requirements/browser.txt \
		--output-file=requirements/dev.txt

clean:
	@rm -rf .venv examples/typescript/node_modules tests/api/web/axe/node_modules tests/api/clients/node_modules *.egg-info build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/%.installed: requirements/%.txt pyproject.toml $(BIN)/python
	@echo "Installing $< into .venv ..."
	@$(PIP) install --require-hashes --requirement $<
	@$(PIP) install $(PROJECT)
	@touch $@

# For the test of the TypeScript example; tried again at each `make test` until there is an npm.
.venv/typescript.installed: examples/typescript/package-lock.json $(BIN)/python
	@if command -v npm >/dev/null; then \
		cd examples/typescript && npm ci --ignore-scripts --no-audit --no-fund --silent && \
		touch ../../$@ || echo "npm could not install the TypeScript example." >&2; \
	fi

# What judges the web page's accessibility; as above.
.venv/axe.installed: tests/api/web/axe/package-lock.json $(BIN)/python
	@if command -v npm >/dev/null; then \
		cd tests/api/web/axe && npm ci --ignore-scripts --no-audit --no-fund --silent && \
		touch ../../../../$@ || echo "npm could not install axe-core." >&2; \
	fi

# What generates a client of the API and checks it; as above.
.venv/clients.installed: tests/api/clients/package-lock.json $(BIN)/python
	@if command -v npm >/dev/null; then \
		cd tests/api/clients && npm ci --ignore-scripts --no-audit --no-fund --silent && \
		touch ../../../$@ || echo "npm could not install the client generators." >&2; \
	fi

# Debian leaves out of python3 what makes environments.
$(BIN)/python:
	@python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || \
		{ echo "Diffy runs on Python 3.11 to 3.14; python3 is $$(python3 --version)." >&2; exit 1; }
	@python3 -c 'import ensurepip' 2>/dev/null || { \
		if [ "$$(id -u)" != 0 ]; then sudo="sudo -n"; fi; \
		$$sudo apt-get update -qq && $$sudo apt-get install -qq -y python3-venv; \
	} >/dev/null 2>&1 || { echo "Install the package python3-venv, then try again." >&2; exit 1; }
	@python3 -m venv --clear .venv

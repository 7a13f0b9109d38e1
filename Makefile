# Run it, test it, lock its dependencies. Needs Python 3.11 or newer with venv; everything else goes into .venv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lock clean

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
LOCK := $(BIN)/python -m uv pip compile -q --generate-hashes --no-header --python-version 3.11 --universal $(LOCK_FLAGS)

help: ## Show the targets.
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile

run: .venv/run.stamp ## Run the platform; CADENZA_HOST, CADENZA_PORT and CADENZA_DATA_DIR say where.
	@exec $(BIN)/python -m cadenza.cli serve

test: .venv/dev.stamp ## Run all checks: ruff, mypy, the law of dependency, the tests.
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy --strict src
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --dist worksteal

lock: .venv/dev.stamp ## Bring both lock files up to pyproject.toml; LOCK_FLAGS=--upgrade takes the newest.
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --extra dev pyproject.toml -o requirements-dev.lock

clean: ## Remove the environment. Data are not touched.
	rm -rf .venv

.venv/run.stamp: requirements.lock pyproject.toml | .venv/bin/pip
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps -e .
	@touch $@

.venv/dev.stamp: requirements-dev.lock requirements.lock pyproject.toml | .venv/bin/pip
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --no-deps -e .
	@touch .venv/run.stamp $@

.venv/bin/pip:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
		python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Cadenza needs Python 3.11 or newer, and there is none on the PATH."; \
		echo "Install it, for example on Debian or Ubuntu: apt-get install python3 python3-venv"; \
		exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "The Python at $$(command -v $$python) cannot make environments: its ensurepip or venv is missing."; \
		echo "Install it, on Debian or Ubuntu: apt-get install $$($$python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
		exit 1; \
	fi; \
	echo "Making .venv with $$($$python --version); the first time takes a minute."; \
	$$python -m venv --clear .venv

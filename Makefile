# Everything a newcomer types. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help setup setup-sequence demo up test test-slow test-sequence cases browser lint types contracts check lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_SEQUENCE := $(VENV)/.ready-sequence
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
UV_VERSION := 0.13.9

# A proxy that inspects TLS, as plants have, signs with a certificate that only the system's store holds. uv and pip bring
# stores of their own and would refuse it. UV_NATIVE_TLS is the older name of the same setting.
export UV_SYSTEM_CERTS ?= true
export UV_NATIVE_TLS ?= true
SYSTEM_CERTS := $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem))
ifneq ($(SYSTEM_CERTS),)
export PIP_CERT ?= $(SYSTEM_CERTS)
endif

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## install everything into .venv

setup-sequence: $(READY_SEQUENCE) ## add what the sequence model needs (PyTorch: 3 GB to download)

# uv installs; when the machine has none, it comes into a folder of its own.
.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet uv==$(UV_VERSION)

$(READY): pyproject.toml requirements.lock | $(filter .tools/bin/uv,$(UV))
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	VIRTUAL_ENV=$(VENV) $(UV) pip sync --compile-bytecode --require-hashes requirements.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --editable .
	touch $@

$(READY_SEQUENCE): $(READY) requirements-sequence.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --compile-bytecode --require-hashes --requirements requirements-sequence.lock
	touch $@

demo: setup ## simulated uploads become a compared, promotable model; the UI stays up until Ctrl-C
	$(BIN)/failure-platform demo

up: setup ## start the platform on the uploads in ./data/uploads
	$(BIN)/failure-platform up

test: setup browser ## the tests
# One more than there are cores, since some tests wait for a platform's clock.
	$(BIN)/python -m pytest -m "not slow and not sequence" -n $$(($$(nproc) + 1)) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-slow: setup browser ## the longer proofs, and the property tests with ten times as many examples
	$(BIN)/python -m pytest -m "(slow or hypothesis) and not sequence" --hypothesis-profile=thorough

test-sequence: setup-sequence ## the tests of the sequence model
	$(BIN)/python -m pytest -m sequence

cases: setup ## what becomes of every small input in ../shared/cases, beside what is right
	$(BIN)/python benchmarks/cases.py

# The UI tests drive a real Chromium; Debian's package is used where the machine has none.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu >/dev/null; } || \
	  echo "no Chromium found: the browser tests will be skipped; install one to run them"

lint: setup ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## strict types
	$(BIN)/mypy

contracts: setup ## the layers import in one direction only
	$(BIN)/lint-imports

check: lint types contracts test ## all that CI runs

LOCK := pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet pyproject.toml

lock: ## write both requirements files anew from pyproject.toml
	$(UV) $(LOCK) --extra mlflow --extra smote --group dev --output-file requirements.lock
	$(UV) $(LOCK) --extra sequence --constraints requirements.lock --output-file requirements-sequence.lock

clean: ## remove the environment (never your data)
	rm -rf $(VENV) .tools

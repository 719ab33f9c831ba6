# Everything here needs only Python 3.11 or newer, make and git. `make` alone lists what there is.

VENV ?= .venv
JOBS ?= 2
TORCH ?= 2.13.0
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Byte-compiling every file of every library took 10 of 17 seconds; what is imported gets compiled at its first import anyway.
# (Containers often forbid Python to keep the result; here that would cost a second and a half at every start.)
INSTALL := $(PIP) install --no-compile
unexport PYTHONDONTWRITEBYTECODE
# The plain Linux wheel of PyTorch brings gigabytes of CUDA; the "+cpu" build does not.
ifeq ($(shell uname -s),Linux)
TORCH_CPU := "torch==$(TORCH)+cpu" --extra-index-url https://download.pytorch.org/whl/cpu
else
TORCH_CPU := "torch==$(TORCH)"
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help train test test-all test-torch bench docs lint format clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

train: $(VENV)/.core ## set everything up and train a network on the bundled handwritten digits
	@$(BIN)/chainrule train digits

test: $(VENV)/.test ## run the tests (no PyTorch needed)
	$(BIN)/python -m pytest -q tests/test_smoke.py
	$(BIN)/python -m pytest -q -n $(JOBS) --ignore=tests/test_smoke.py

test-all: $(VENV)/.test $(VENV)/.torch ## run all tests: slow ones too, and live comparisons with PyTorch
	$(BIN)/python -m pytest -q -n $(JOBS) -m ""

test-torch: $(VENV)/.test $(VENV)/.torch ## run only the live comparisons with PyTorch
	$(BIN)/python -m pytest -q -n $(JOBS) -m "torch and not slow"

bench: $(VENV)/.torch $(VENV)/.peers ## measure chainrule and its peers in turns (W=gpt,cnn DEVICE=cuda WRITE=1)
	$(BIN)/python -m benchmarks $(W) --device $(or $(DEVICE),cpu) $(if $(WRITE),--write)

docs: $(VENV)/.docs ## build the documentation into site/, strictly
	PYTHONPATH=docs/tools $(BIN)/properdocs build --strict --config-file mkdocs.yml
	@echo "The pages are in site/; to read them while writing: PYTHONPATH=docs/tools $(BIN)/properdocs serve -f mkdocs.yml"

lint: $(VENV)/.lint ## check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.lint ## put the code into its standard form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove the environment and everything that was built; runs/ stays
	rm -rf $(VENV) site build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is made once; its stamps remember what is in it, so that a second call is instantaneous.

$(BIN)/python:
	@set -e; found=; for name in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	  if command -v $$name >/dev/null 2>&1 && $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then found=$$name; break; fi; done; \
	if [ -z "$$found" ]; then \
	  echo "chainrule needs Python 3.11 or newer with its venv module, and found $$($(or $(PYTHON),python3) --version 2>&1 || true)." >&2; \
	  echo "  fix: install one (Debian and Ubuntu: apt install python3-venv; macOS: brew install python; or python.org)," >&2; \
	  echo "       or say where it is: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; fi; \
	echo "Making $(VENV) with $$($$found --version)."; $$found -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(BIN)/python
	@echo "Installing chainrule and its libraries into $(VENV) (about 205 MB to download, once)."
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	@echo "Installing what the tests need."
	@$(INSTALL) --editable ".[test]"
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	@echo "Installing the checkers."
	@$(INSTALL) --editable ".[lint]"
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	@echo "Installing what the documentation needs."
	@$(INSTALL) --editable ".[docs]"
	@touch $@

$(VENV)/.torch: $(VENV)/.core
	@echo "Installing PyTorch $(TORCH) for the CPU (about 200 MB to download, once)."
	@$(INSTALL) --no-deps $(TORCH_CPU)
	@$(INSTALL) "torch==$(TORCH)"
	@touch $@

$(VENV)/.peers: $(VENV)/.core
	@echo "Installing the libraries to compare with."
	@$(INSTALL) --editable ".[peers]"
	@touch $@

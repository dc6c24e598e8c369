# PYTHON=python3.12 make ... chooses another interpreter.
PYTHON ?= python3
# CONSTRAINTS=constraints-latest.txt make ... takes the newest stack.
CONSTRAINTS ?= constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: quickstart test test-all lint docs clean

quickstart: .venv/core
	.venv/bin/effjax train --config=configs/quickstart.py

test: .venv/test
	.venv/bin/python -m pytest -n auto --dist=loadfile

# The programs here are compiled as users' are; `make test` compiles them quickly (tests/conftest.py).
test-all: .venv/test
	XLA_FLAGS=--xla_force_host_platform_device_count=8 .venv/bin/python -m pytest -n auto --dist=loadfile -m ""

lint: .venv/dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

docs: .venv/docs
	.venv/bin/zensical build --clean --strict

clean:
	rm -rf .venv

# One stamp an extra: installed again when the pins change.
.venv/core: $(CONSTRAINTS) pyproject.toml | .venv
	.venv/bin/pip install -q -e . -c $(CONSTRAINTS)
	@touch $@

.venv/test .venv/dev .venv/docs: .venv/%: $(CONSTRAINTS) pyproject.toml | .venv
	.venv/bin/pip install -q -e '.[$*]' -c $(CONSTRAINTS)
	@touch $@

.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "effjax needs Python 3.11 or newer ($(PYTHON) is older or missing): PYTHON=python3.12 make ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module: apt install python3-venv, then make again"; exit 1; }
	$(PYTHON) -m venv .venv

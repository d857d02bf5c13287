#!/usr/bin/env bash
# Builds the extension modules into the source packages, for development: tools/build_native.sh [target]
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
export PATH="$(cd "$(dirname "$python")" && pwd):$PATH"
cmake -S . -B build/dev -G Ninja -DALSATIAN_INPLACE=ON -DALSATIAN_WERROR=ON \
      -DPython_EXECUTABLE="$(command -v python)" >/dev/null
cmake --build build/dev ${1:+--target "$1"}

"""The direction of imports, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ["torch", "faiss", "sentence_transformers", "xllamacpp", "openai", "implicit", "pandas"]


def _imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_recsys_never_imports_the_language_layer() -> None:
    files = list((ROOT / "recsys").rglob("*.py"))
    assert len(files) > 20
    guilty = [str(file) for file in files if "llm_layer" in _imported(file)]
    assert guilty == []


def test_packages_import_no_tests_or_benchmarks() -> None:
    for package in ("recsys", "llm_layer"):
        for file in (ROOT / package).rglob("*.py"):
            assert not _imported(file) & {"tests", "benchmarks"}, file


@pytest.mark.parametrize("package", ["recsys", "llm_layer"])
def test_importing_loads_nothing_heavy(package: str) -> None:
    code = f"import sys, {package}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_there() -> None:
    import recsys

    for name in recsys.__all__:
        assert getattr(recsys, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Recomender'"):
        recsys.Recomender  # noqa: B018

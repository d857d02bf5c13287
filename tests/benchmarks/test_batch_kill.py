"""The benchmark of kills runs, and its verdict is that the rows are the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.batch_kill import main


@pytest.mark.parametrize("shared", [False, True])
def test_tiny(shared: bool, tmp_path: Path) -> None:
    arguments = ["--tiny", "--json", str(tmp_path / "result.json")]
    assert main([*arguments, *(["--shared"] if shared else [])]) == 0
    kills = json.loads((tmp_path / "result.json").read_text())["kills"]
    assert len(kills) == 2
    assert all(kill["same"] for kill in kills)
    # A part whose record was not written yet is written again.
    assert shared or all(kill["left"] - kill["kept"] in (0, 1) for kill in kills)

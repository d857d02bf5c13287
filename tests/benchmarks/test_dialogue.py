"""The benchmark of simulated users at its smallest size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import dialogue
from recsys.errors import InputNotFoundError


def test_tiny(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "dialogue.json"
    status = dialogue.main(
        ["--tiny", "--users", "3", "--turns", "2", "--threads", "1", "--json", str(out)]
    )
    assert status == 0
    found = json.loads(out.read_text())
    assert [(one["engine"], one["known"], one["mode"]) for one in found["results"]] == [
        (engine, known, mode)
        for engine in ("alsatian", "catalogue only")
        for known in ("all", 0)
        for mode in ("history", "wish", "critique", "attribute")
    ]
    assert found["verdicts"]["every reply is grounded"] is True
    # Two modes of two groups, each against two lists and the catalogue.
    assert len(found["verdicts"]) == 1 + 2 * 2 * 3
    assert "within 2 turns" in capsys.readouterr().out


def test_missing_data_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="--tiny"):
        dialogue.main(["--data", str(tmp_path)])

"""The quality benchmark runs on made-up data and tells what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import quality_ml1m


def test_tiny(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "result.json"
    quality_ml1m.main(
        ["--tiny", "--iterations", "6", "--samples", "100", "--threads", "1", "--json", str(out)]
    )
    shown = capsys.readouterr().out
    result = json.loads(out.read_text())
    assert abs(result["objective"]["relative_difference"]) < quality_ml1m.OBJECTIVE_TOLERANCE
    names = [one["name"] for one in result["report"]["results"]]
    assert names == [
        "alsatian",
        "implicit",
        "alsatian tuned",
        "implicit tuned",
        "popularity",
    ]
    assert {name: len(tries) for name, tries in result["tuning"].items()} == {
        "alsatian": 12,
        "implicit": 12,
    }
    assert [held for claim, held in result["verdicts"].items() if "equal settings" in claim] == [
        True
    ]
    assert "seed 42" in shown
    assert "objectives agree" in shown


def test_missing_data(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--tiny"):
        quality_ml1m.main(["--data", str(tmp_path / "none.parquet")])

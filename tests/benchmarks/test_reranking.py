"""The reranking benchmark runs on made-up data and tells what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import reranking


def test_tiny(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "result.json"
    arguments = ["--tiny", "--splits", "1", "--users", "240", "--samples", "100", "--threads", "1"]
    status = reranking.main([*arguments, "--json", str(out)])
    result = json.loads(out.read_text())
    (split,) = result["splits"]
    rows = {row["name"]: row for row in split["rows"]}
    assert {"score", "profile", "neighbours", "popularity", "fusion"} <= set(rows)
    # Made-up items have no taste in words: what they say is not believed.
    assert split["weights"]["profile"] == 0.0
    better = rows["fusion"]["difference"]
    assert better["low"] <= better["mean"] <= better["high"]
    assert status == (0 if better["mean"] >= 0 else 1)
    assert rows["fusion"]["ndcg"]["mean"] == pytest.approx(
        rows["score"]["ndcg"]["mean"] + better["mean"]
    )
    assert "fusion not below the collaborative order" in capsys.readouterr().out


def test_missing_data(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--tiny"):
        reranking.main(["--data", str(tmp_path)])

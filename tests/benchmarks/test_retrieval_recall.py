"""The retrieval benchmark runs at its smoke size and tells what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import retrieval_recall


def test_tiny(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, plot = tmp_path / "result.json", tmp_path / "recall.png"
    assert (
        retrieval_recall.main(["--tiny", "--threads", "1", "--json", str(out), "--plot", str(plot)])
        == 0
    )
    shown = capsys.readouterr().out
    result = json.loads(out.read_text())
    rows = {row["name"]: row for row in result["rows"]}
    assert all(row["seconds"] > 0 for row in rows.values())
    assert rows["flat, seen excluded"]["recall"] == 1.0
    assert rows["hnsw, breadth 256"]["recall"] >= 0.95
    assert rows["hnsw, breadth 256"]["mebibytes"] > rows["exact"]["mebibytes"]
    for name in ("exact, seen excluded", "implicit topk, seen excluded", "FAISS flat itself"):
        assert name in shown
    assert plot.stat().st_size > 10_000
    for kind in ("ivf", "ivfpq"):
        (tuned,) = (row for name, row in rows.items() if name.startswith(f"{kind}, tuned: "))
        assert tuned["recall"] >= 0.98
        assert tuned["single_queries_per_second"] > 0
    assert rows["ivfpq, nprobe 8"]["mebibytes"] < rows["ivf, nprobe 8"]["mebibytes"]
    assert "300 queries x 1,500 items" in shown

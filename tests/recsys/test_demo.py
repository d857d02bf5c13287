"""The main job runs end to end; what it prints is what it did."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from recsys.cli import run


def test_the_main_job_without_a_language_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--out", str(tmp_path), "--llm", "none"]) == 0
    printed = capsys.readouterr().out
    for expected in ("943 users, 1,682 films, 100,000 ratings", "popularity", "15 sweeps"):
        assert expected in printed
    lists = next(tmp_path.glob("lists-*"))
    assert str(lists) in printed
    assert pq.read_table(sorted(lists.glob("*.parquet"))).num_rows == 943 * 10
    assert (tmp_path / "quality.png").read_bytes().startswith(b"\x89PNG")
    verdicts = re.findall(r"\[writer: (\w+) .*\| (grounded): ", printed)
    assert verdicts == [("template", "grounded")] * 3
    recall = re.search(r"recall@10 ([0-9.]+) against the exact", printed)
    assert recall is not None
    assert float(recall[1]) > 0.95
    assert run(["demo", "--out", str(tmp_path), "--llm", "none"]) == 0
    assert "0 written now, 2 kept" in capsys.readouterr().out

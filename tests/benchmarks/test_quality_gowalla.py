"""The Gowalla benchmark chooses on validation, tests once, and tells what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import quality_gowalla
from recsys.evaluation import AlsSettings


def test_tiny(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "result.json"
    arguments = ["--tiny", "--sweeps", "4", "--samples", "50", "--threads", "1"]
    assert quality_gowalla.main([*arguments, "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    tried = result["tried"]
    assert len(tried) == 6
    best = max(tried, key=lambda one: one["validation"]["ndcg@20"])
    assert result["chosen"] == {**best["settings"], "iterations": best["sweeps"]}
    for one in tried:
        assert 1 <= one["sweeps"] <= len(one["history"]) <= 4
        assert 0 < one["validation"]["recall@20"] < 1
    (tested,) = result["report"]["results"]
    ndcg = tested["metrics"]["ndcg@20"]
    assert ndcg["low"] < ndcg["mean"] < ndcg["high"]
    shown = capsys.readouterr().out
    assert "validation, 10%" in shown
    assert "seed 42" in shown


def test_only_the_scale_of_the_objective_follows_alpha() -> None:
    small, large = (
        quality_gowalla.weighted(0.02, 0.05, factors=8, exponent=0.0, alpha=alpha)
        for alpha in (0.01, 1.0)
    )
    assert large.regularization / large.alpha == pytest.approx(small.regularization / small.alpha)
    assert large.unobserved_weight / large.alpha == pytest.approx(
        small.unobserved_weight / small.alpha
    )


def test_the_grid_has_no_settings_twice() -> None:
    for everything, least in ((False, 5), (True, 90)):
        tried = quality_gowalla.candidates(64, everything=everything)
        assert len(set(tried)) == len(tried) >= least
        assert all(isinstance(one, AlsSettings) for one in tried)


def test_the_test_part_is_read_by_its_ids(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    train = sorted({(5 + int(u), 10 * int(i)) for u, i in rng.integers(0, 30, (400, 2))})
    test = [(7, 10 * k) for k in range(30) if (7, 10 * k) not in train][:3]
    for name, pairs in (("train", train), ("test", test)):
        users, items = zip(*pairs, strict=True)
        pq.write_table(pa.table({"user_id": users, "item_id": items}), tmp_path / f"{name}.parquet")
    split = quality_gowalla.read(tmp_path, seed=1)
    row = split.train.users.rows([7])[0]
    columns = split.train.items.rows([item for _, item in test])
    assert split.test_users.tolist() == [row]
    assert split.test[row].indices.tolist() == sorted(columns)


def test_missing_data(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--tiny"):
        quality_gowalla.main(["--data", str(tmp_path / "none")])

"""The Gowalla benchmark chooses on validation, tests once, and tells what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_matrix

from benchmarks import quality_gowalla
from recsys.als import AlternatingLeastSquares, damped_confidence
from recsys.evaluation import AlsSettings
from recsys.interactions import Interactions


def test_tiny(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "result.json"
    arguments = ["--tiny", "--sweeps", "4", "--samples", "50", "--threads", "1"]
    assert quality_gowalla.main([*arguments, "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    tried = result["tried"]
    assert len(tried) == 3
    best = max(tried, key=lambda one: one["validation"]["ndcg@20"])
    assert result["chosen"] == {**best["candidate"], "iterations": best["sweeps"]}
    for one in tried:
        assert 1 <= one["sweeps"] <= len(one["history"]) <= 4
        assert 0 < one["validation"]["recall@20"] < 1
    (tested,) = result["report"]["results"]
    ndcg = tested["metrics"]["ndcg@20"]
    assert ndcg["low"] < ndcg["mean"] < ndcg["high"]
    shown = capsys.readouterr().out
    assert "validation on blocks" in shown
    assert "seed 42" in shown


def test_the_grid_has_no_candidates_twice() -> None:
    for everything, count in ((False, 3), (True, 108)):
        tried = quality_gowalla.candidates(64, everything=everything)
        assert len(set(tried)) == len(tried) == count


def test_blocks_hold_out_what_belongs_together() -> None:
    # Two groups of ten items; every user but the first has one group, the first has both.
    rows = [[1.0] * 20] + [[1.0] * 10 + [0.0] * 10, [0.0] * 10 + [1.0] * 10] * 6
    events = Interactions.from_csr(csr_matrix(np.array(rows, np.float32)))
    groups = set()
    for seed in range(8):
        split = quality_gowalla.held_out_blocks(events, 99, seed=seed)
        held = np.diff(split.test.indptr)
        assert held.tolist() == [4] + [2] * 12
        assert (split.train.matrix + split.test != events.matrix).nnz == 0
        of_first = split.test[0].indices // 10
        assert len(set(of_first)) == 1
        groups.add(int(of_first[0]))
    assert groups == {0, 1}


def test_users_that_are_not_drawn_keep_everything() -> None:
    events = Interactions.from_csr(csr_matrix(np.ones((9, 10), np.float32)))
    split = quality_gowalla.held_out_blocks(events, 4, seed=1)
    assert sorted(np.diff(split.test.indptr)) == [0] * 5 + [2] * 4


def test_the_ranker_trains_on_damped_confidences() -> None:
    rng = np.random.default_rng(1)
    events = Interactions.from_csr(csr_matrix((rng.random((40, 30)) < 0.3).astype(np.float32)))
    settings = AlsSettings(factors=4, iterations=2, num_threads=1)
    ranker = quality_gowalla.DampedRanker(
        quality_gowalla.Candidate(settings, item_exponent=0.5), seed=1
    )
    ranker.fit(events)
    expected = AlternatingLeastSquares(**settings.to_dict(), random_state=1)
    expected.fit(damped_confidence(events.matrix, item_exponent=0.5), show_progress=False)
    assert ranker.model is not None
    np.testing.assert_array_equal(ranker.model.item_factors, expected.item_factors)


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

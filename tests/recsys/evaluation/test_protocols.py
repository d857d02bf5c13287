"""The whole evaluation: right figures, honest lists, and a report in every form."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from rich.console import Console

from recsys.errors import InvalidInputError, MissingExtraError
from recsys.evaluation import (
    AlsSettings,
    PopularityRanker,
    Report,
    Split,
    evaluate,
    evaluate_recommenders,
    random_split,
)
from recsys.evaluation.protocols import curve_cutoffs
from recsys.interactions import Interactions

SMALL = AlsSettings(factors=16, iterations=5, regularization=0.1, num_threads=1)


class FixedRanker:
    """Gives each user the row of a table, whatever it was trained on."""

    settings: Mapping[str, Any] = {}

    def __init__(self, table: npt.ArrayLike, name: str = "fixed") -> None:
        self.name = name
        self.table = np.asarray(table, np.int32)

    def fit(self, train: Interactions) -> None:
        """Learn nothing."""

    def recommend(
        self, users: npt.NDArray[np.int64], n: int, exclude: sp.csr_matrix
    ) -> npt.NDArray[np.int32]:
        return self.table[users, :n]


@pytest.fixture(scope="module")
def clustered() -> Interactions:
    """Users and items in four groups, with noise: ALS must beat popularity here."""
    rng = np.random.default_rng(11)
    users, items = rng.integers(0, 4, 300), rng.integers(0, 4, 160)
    chance = np.where(users[:, None] == items[None, :], 0.4, 0.02)
    return Interactions.from_csr(sp.csr_matrix(rng.random((300, 160)) < chance, dtype=np.float32))


@pytest.fixture(scope="module")
def report(clustered: Interactions) -> Report:
    return evaluate_recommenders(clustered, settings=SMALL, k=(5, 10), samples=200, seed=4)


def tiny_split() -> Split:
    train = sp.csr_matrix([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]])
    test = sp.csr_matrix([[0, 1, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]])
    return Split(Interactions.from_csr(train), test, "by hand", 0)


def test_figures_by_hand() -> None:
    # User 0 (test 1, 2) gets 1 3 2, user 1 (test 4) gets 0 and an end; user 2 is not evaluated.
    ranker = FixedRanker([[1, 3, 2], [0, -1, -1], [-1, -1, -1]])
    report = evaluate([ranker], tiny_split(), k=(1, 3), samples=50)
    result = report.result("fixed")
    assert result.users == 2
    assert result.short_users == 1
    assert result.metrics["recall@1"].mean == pytest.approx((1 / 2 + 0) / 2)
    assert result.metrics["recall@3"].mean == pytest.approx((1 + 0) / 2)
    assert result.metrics["map@3"].mean == pytest.approx((1 + 2 / 3) / 2 / 2)
    assert result.metrics["hit_rate@3"].mean == pytest.approx(0.5)
    assert result.coverage == {1: 2 / 5, 3: 4 / 5}
    # Items 0, 1, 2 have one of three training users; item 3 none, which counts as one.
    assert result.metrics["novelty@3"].mean == pytest.approx(np.log2(3))
    assert result.per_user["recall@3"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ([[0, 3, 2], [0, 2, 3], [0, 1, 3]], "training item"),
        ([[3, 3, 2], [0, 2, 3], [0, 1, 3]], "twice"),
        ([[3, -1, 2], [0, 2, 3], [0, 1, 3]], "after the end"),
        ([[3, 9, 2], [0, 2, 3], [0, 1, 3]], "below 5"),
        ([[3, 4], [0, 2], [0, 1]], "expected integers of shape"),
    ],
)
def test_lists_that_lie_are_refused(table: list[list[int]], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        evaluate([FixedRanker(table)], tiny_split(), k=(3,))


def test_ours_equals_implicit_and_beats_popularity(report: Report) -> None:
    assert [result.name for result in report.results] == ["alsatian", "implicit", "popularity"]
    assert report.comparison("popularity", "ndcg@10").difference.low > 0
    same = report.comparison("implicit", "ndcg@10").difference
    assert abs(same.mean) < 0.01
    assert report.result("alsatian").metrics["ndcg@10"].mean > 0.2


def test_differences_are_paired(report: Report) -> None:
    for one in report.comparisons:
        first = report.result(one.reference).per_user[one.metric]
        other = report.result(one.other).per_user[one.metric]
        assert one.difference.mean == pytest.approx((first - other).mean())
        assert one.difference.low <= one.difference.mean <= one.difference.high


def test_same_seed_same_report(clustered: Interactions, report: Report) -> None:
    def figures(found: Report) -> list[Any]:
        return [(r.name, r.metrics, r.coverage) for r in found.results]

    names = ("alsatian", "popularity")
    again = [
        evaluate_recommenders(
            clustered, settings=SMALL, k=(5, 10), samples=200, seed=4, models=names, num_threads=1
        )
        for _ in range(2)
    ]
    assert figures(again[0]) == figures(again[1])
    assert again[0].result("popularity").metrics == report.result("popularity").metrics
    other = evaluate_recommenders(clustered, k=(5, 10), samples=200, seed=5, models=("popularity",))
    assert other.result("popularity").metrics != report.result("popularity").metrics


def test_curves(report: Report) -> None:
    assert curve_cutoffs([5, 10]) == [1, 2, 3, 5, 10]
    assert curve_cutoffs([7]) == [1, 2, 3, 5, 7]
    for result in report.results:
        recalls = [result.metrics[f"recall@{k}"].mean for k in (1, 2, 3, 5, 10)]
        assert recalls == sorted(recalls)


def test_forms(report: Report, tmp_path: Path) -> None:
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    ours = report.result("alsatian").metrics["ndcg@5"]
    assert data["results"][0]["metrics"]["ndcg@5"] == {
        "mean": ours.mean,
        "low": ours.low,
        "high": ours.high,
    }
    assert data["bootstrap"] == {"samples": 200, "level": 0.95, "seed": 4}
    assert "seed 4" in data["split"]
    markdown = report.to_markdown()
    assert f"{ours.mean:.4f} [{ours.low:.4f}, {ours.high:.4f}]" in markdown
    widths = {line.count("|") for line in markdown.splitlines() if line.startswith("|")}
    assert widths == {5}
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(report.table())
    shown = console.export_text()
    assert f"{ours.mean:.3f} [{ours.low:.3f}".replace("[0.", "[.") in shown
    assert "[low, high]: 95% interval" in shown
    assert "alsatian minus popularity" in " ".join(shown.split())
    assert report.plot(tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["plot.png"]


def test_plot_without_matplotlib(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"alsatian\[plots\]"):
        report.plot(tmp_path / "plot.png")


def test_last_split_and_bm25(ml100k: Path) -> None:
    events = Interactions.from_parquet(
        ml100k / "interactions.parquet", weight="rating", timestamp="timestamp"
    )
    said: list[str] = []
    report = evaluate_recommenders(
        events, split="last", models=("bm25", "popularity"), samples=50, progress=said.append
    )
    assert report.result("bm25").users == 943
    assert "last pair by time" in report.split
    assert said[0] == "bm25: training"
    # With one test item per user recall and hit rate are the same thing.
    metrics = report.result("bm25").metrics
    assert metrics["recall@10"] == metrics["hit_rate@10"]


def test_bad_input(clustered: Interactions) -> None:
    with pytest.raises(InvalidInputError, match="'svd', expected some of alsatian"):
        evaluate_recommenders(clustered, models=("svd",))
    with pytest.raises(InvalidInputError, match="split"):
        evaluate_recommenders(clustered, split="temporal")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="no timestamps"):
        evaluate_recommenders(clustered, split="last")
    split = random_split(clustered, seed=1)
    with pytest.raises(InvalidInputError, match="distinct"):
        evaluate([PopularityRanker(), PopularityRanker()], split)
    with pytest.raises(InvalidInputError, match="at least one"):
        evaluate([], split)
    with pytest.raises(InvalidInputError, match="cutoffs"):
        evaluate([PopularityRanker()], split, k=(0, 5))
    found = evaluate([PopularityRanker()], split, k=(5,), samples=10)
    with pytest.raises(InvalidInputError, match="popularity"):
        found.result("alsatian")
    with pytest.raises(InvalidInputError, match="none"):
        found.comparison("implicit", "ndcg@5")

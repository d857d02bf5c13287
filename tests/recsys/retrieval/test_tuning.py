"""Tuning reaches the recall asked for with little effort, and says what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import InvalidInputError, ModelFormatError
from recsys.retrieval import (
    ExactIndex,
    FaissHnswIndex,
    FaissIvfIndex,
    FaissIvfPqIndex,
    factory,
    load_index,
    make_index,
    recall_against_exact,
    tune,
)

from .conftest import Floats, trained_like


@pytest.fixture(scope="module")
def users() -> Floats:
    return trained_like(700, 32, seed=41)


@pytest.mark.parametrize("kind", ["hnsw", "ivf", "ivfpq"])
@pytest.mark.parametrize("wanted", [0.95])
def test_recall_asked_for_is_reached(
    kind: str, wanted: float, item_vectors: Floats, users: Floats, tmp_path: Path
) -> None:
    index = make_index(item_vectors, kind, recall=wanted, queries=users[:400])  # type: ignore[arg-type]
    assert isinstance(index, FaissHnswIndex | FaissIvfIndex)
    assert index.tuned is not None
    assert index.tuned.reached
    assert index.recall_ == index.tuned.recall >= wanted
    assert (index.tuned.n, index.tuned.queries, index.tuned.size) == (20, 200, 4000)
    others = recall_against_exact(index, ExactIndex(item_vectors), users[400:], 20)
    assert others >= wanted - 0.015
    assert index.describe()["tuned"]["recall"] == index.recall_
    index.save(tmp_path)
    loaded = load_index(tmp_path)
    assert loaded.recall_ == index.recall_
    assert loaded.describe() == index.describe()


def test_more_recall_takes_more_lists(item_vectors: Floats, users: Floats) -> None:
    index = FaissIvfIndex(item_vectors)
    chosen = []
    for wanted in (0.5, 0.9, 0.999):
        tune(index, users[:400], recall=wanted)
        chosen.append(index.nprobe)
    assert chosen == sorted(set(chosen))
    assert chosen[-1] < index.lists


def test_what_cannot_be_reached_is_not_claimed(item_vectors: Floats, users: Floats) -> None:
    index = FaissIvfPqIndex(item_vectors)
    index.knobs = lambda: ()  # type: ignore[method-assign]  # nothing to turn
    index.nprobe, index.depth = 1, 1
    tuned = tune(index, users, recall=0.99)
    assert not tuned.reached
    assert index.recall_ == tuned.recall < 0.9


def test_auto(monkeypatch: pytest.MonkeyPatch, item_vectors: Floats, users: Floats) -> None:
    assert make_index(item_vectors, queries=users).kind == "exact"  # small
    monkeypatch.setattr(factory, "EXACT_UP_TO", 3000)
    lists = make_index(item_vectors, queries=users, recall=0.8)
    assert lists.kind == "ivf"
    assert lists.recall_ is not None
    assert lists.recall_ >= 0.8
    assert make_index(item_vectors, recall=0.8).kind == "exact"  # nothing to measure with
    assert make_index(item_vectors, queries=users, recall=1.0).kind == "exact"
    monkeypatch.setattr(factory, "EXACT_UP_TO", 5000)
    monkeypatch.setattr(factory, "EXACT_UP_TO_SINGLE", 3000)
    assert make_index(item_vectors, queries=users, recall=0.8).kind == "exact"
    assert make_index(item_vectors, queries=users, recall=0.8, batch=1).kind == "ivf"


def test_untuned_promises_nothing(item_vectors: Floats) -> None:
    assert make_index(item_vectors, "ivf").recall_ is None
    assert make_index(item_vectors, "exact").recall_ == 1.0
    assert make_index(item_vectors, "flat").recall_ == 1.0


@pytest.mark.parametrize("recall", [0, 1.1, -1, "high", True, float("nan")])
def test_recall_out_of_range(recall: float, item_vectors: Floats) -> None:
    with pytest.raises(InvalidInputError, match="expected a number above 0, at most 1"):
        make_index(item_vectors, recall=recall)


def test_too_few_queries(item_vectors: Floats) -> None:
    with pytest.raises(InvalidInputError, match="3 queries to tune with, expected at least 20"):
        make_index(item_vectors, "ivf", queries=np.ones((3, 32)))


def test_damaged_tuning_is_refused(item_vectors: Floats, users: Floats, tmp_path: Path) -> None:
    make_index(item_vectors, "ivf", recall=0.5, queries=users).save(tmp_path)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["tuned"] = {"n": "many"}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelFormatError, match="expected its figures"):
        load_index(tmp_path)


def test_lists_out_of_range(item_vectors: Floats) -> None:
    with pytest.raises(InvalidInputError, match="lists is 4001"):
        FaissIvfIndex(item_vectors, lists=4001)
    with pytest.raises(InvalidInputError, match="nprobe is 0"):
        FaissIvfIndex(item_vectors, nprobe=0)


def test_lists_cope_with_norms_that_spread_widely() -> None:
    random = np.random.default_rng(16)
    items = trained_like(10_000, 32, seed=16, clusters=1000)
    items *= np.exp(random.normal(size=(len(items), 1))).astype(np.float32)
    items[:50] = 0
    asking = trained_like(600, 32, seed=17, clusters=1000)
    index = FaissIvfIndex(items)
    tuned = tune(index, asking, recall=0.95)
    assert tuned.reached
    assert index.nprobe < index.lists / 3
    for n in (1, 100):  # longer lists than it was tuned for reach farther
        assert recall_against_exact(index, ExactIndex(items), asking[:100], n) >= 0.9


@pytest.mark.parametrize("size", [1, 2, 9, 40])
@pytest.mark.parametrize("make", [FaissIvfIndex, FaissIvfPqIndex])
def test_few_items_odd_factors(make: type[FaissIvfIndex], size: int) -> None:
    items = trained_like(size, 5, seed=50)
    hits = make(items).search(trained_like(4, 5, seed=51), 3)
    assert hits.counts.tolist() == [min(3, size)] * 4

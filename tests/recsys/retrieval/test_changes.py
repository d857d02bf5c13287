"""Items that come and go: row numbers stay, answers are those of what is left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys.errors import InvalidInputError, ModelFormatError
from recsys.retrieval import (
    ExactIndex,
    FaissFlatIndex,
    FaissHnswIndex,
    FaissIvfIndex,
    FaissIvfPqIndex,
    Hits,
    load_index,
    top_n_reference,
)

from .conftest import Floats, random_exclude, trained_like

KINDS: dict[str, Any] = {
    "exact": ExactIndex,
    "flat": FaissFlatIndex,
    "hnsw": FaissHnswIndex,
    "ivf": FaissIvfIndex,
    "ivfpq": FaissIvfPqIndex,
}
SIZE, MORE = 1500, 300


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def vectors() -> Floats:
    return trained_like(SIZE + MORE, 16, seed=31)


@pytest.fixture(scope="module")
def queries() -> Floats:
    return trained_like(60, 16, seed=32)


def recall(found: Hits, truth: Hits) -> float:
    np.testing.assert_array_equal(found.counts, truth.counts)
    hit = sum(
        len(np.intersect1d(a[:c], b[:c]))
        for a, b, c in zip(found.ids, truth.ids, truth.counts, strict=True)
    )
    return float(hit / truth.counts.sum())


@pytest.mark.parametrize("mapped", [False, True])
def test_added_items_are_found_at_the_end(
    kind: str, mapped: bool, vectors: Floats, queries: Floats, tmp_path: Path
) -> None:
    broad = {"nprobe": 32} if kind in ("ivf", "ivfpq") else {}
    index = KINDS[kind](vectors[:SIZE], **broad)
    if mapped:
        index.save(tmp_path)
        index = load_index(tmp_path, mmap=True)
    rows = index.add(vectors[SIZE:-1])
    assert rows.tolist() == list(range(SIZE, SIZE + MORE - 1))
    assert index.add(vectors[-1:]).tolist() == [SIZE + MORE - 1]
    assert index.size == SIZE + MORE
    np.testing.assert_allclose(index.vectors, vectors, rtol=1e-6)
    found = index.search(queries, 10)
    assert recall(found, top_n_reference(queries, vectors, 10)) >= 0.9
    assert (found.ids >= SIZE).any()
    own = index.search(5 * vectors[SIZE:], 10, allow=rows)
    assert recall(own, top_n_reference(5 * vectors[SIZE:], vectors, 10, allow=rows)) >= 0.9
    assert index.add(np.empty((0, 16), np.float32)).tolist() == []


def test_removed_items_are_never_returned(kind: str, vectors: Floats, queries: Floats) -> None:
    index = KINDS[kind](vectors)
    best = np.unique(index.search(queries, 5).ids)
    index.remove(best[::-1])
    index.remove([int(best[0]), int(best[0])])
    assert index.removed.tolist() == best.tolist()
    assert index.size == len(vectors)  # numbers stay
    exclude = random_exclude(len(queries), len(vectors), 0.01, seed=33)
    for allow in (None, np.arange(0, len(vectors), 2)):
        for deny in (None, np.arange(100)):
            gone = best if deny is None else np.union1d(best, deny)
            found = index.search(queries, 10, exclude=exclude, allow=allow, deny=deny)
            truth = top_n_reference(
                queries, vectors, 10, exclude=exclude, allow=allow, deny=gone
            )  # fmt: skip
            assert recall(found, truth) >= 0.85
            assert not np.isin(found.ids, gone).any()
    added = index.add(queries[:3] * 100)
    assert added[0] == len(vectors)  # numbers of removed rows are not given again
    index.remove(np.arange(index.size))
    assert index.search(queries, 3).counts.max() == 0


def test_changes_are_saved(kind: str, vectors: Floats, queries: Floats, tmp_path: Path) -> None:
    index = KINDS[kind](vectors[:SIZE])
    index.add(vectors[SIZE:])
    index.remove([3, SIZE + 2])
    index.save(tmp_path)
    loaded = load_index(tmp_path)
    assert loaded.removed.tolist() == [3, SIZE + 2]
    before, after = index.search(queries, 10), loaded.search(queries, 10)
    np.testing.assert_array_equal(before.ids, after.ids)
    assert loaded.describe() == index.describe()
    assert loaded.bytes >= vectors.nbytes
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["version"] == 2  # a release that cannot leave rows out refuses it
    (tmp_path / manifest["removed"]).unlink()
    with pytest.raises(ModelFormatError):
        load_index(tmp_path)


def test_bad_changes_change_nothing(kind: str, vectors: Floats) -> None:
    index = KINDS[kind](vectors[:SIZE])
    with pytest.raises(InvalidInputError, match="row 1, factor 2"):
        bad = vectors[:3].copy()
        bad[1, 2] = np.nan
        index.add(bad)
    with pytest.raises(InvalidInputError, match="vectors have 4 factors, the index has 16"):
        index.add(np.ones((1, 4)))
    with pytest.raises(InvalidInputError, match=f"rows holds row {SIZE}"):
        index.remove([0, SIZE])
    assert index.size == SIZE
    assert index.removed.tolist() == []


def test_exact_index_leaves_its_matrix_alone(vectors: Floats) -> None:
    given = vectors[:SIZE].copy()
    index = ExactIndex(given)
    index.add(vectors[SIZE:])
    np.testing.assert_array_equal(given, vectors[:SIZE])

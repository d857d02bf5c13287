"""One contract for every index, with what each may fall short of declared."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys.errors import InputNotFoundError, InvalidInputError, ModelFormatError
from recsys.retrieval import (
    ExactIndex,
    FaissFlatIndex,
    FaissHnswIndex,
    FaissIvfIndex,
    FaissIvfPqIndex,
    Index,
    load_index,
    make_index,
    recall_against_exact,
    top_n_reference,
)

from .conftest import Floats, random_exclude, trained_like


@dataclass(frozen=True)
class Declared:
    """What an index promises."""

    make: type[Any]
    recall: float  # at 10, least
    orders_ties: bool


INDEXES = {
    "exact": Declared(ExactIndex, 1.0, orders_ties=True),
    "flat": Declared(FaissFlatIndex, 1.0, orders_ties=False),
    "hnsw": Declared(FaissHnswIndex, 0.95, orders_ties=False),
    "ivf": Declared(FaissIvfIndex, 0.95, orders_ties=False),
    "ivfpq": Declared(FaissIvfPqIndex, 0.9, orders_ties=False),
}


@pytest.fixture(scope="module", params=list(INDEXES))
def declared(request: pytest.FixtureRequest) -> Declared:
    return INDEXES[request.param]


@pytest.fixture(scope="module")
def index(declared: Declared, item_vectors: Floats) -> Index:
    made: Index = declared.make(item_vectors)
    return made


def assert_well_formed(hits: Any, n: int, index: Index, x: Floats, y: Floats) -> None:
    assert (hits.ids.dtype, hits.scores.dtype, hits.counts.dtype) == (
        np.int32, np.float32, np.int32,
    )  # fmt: skip
    assert hits.ids.shape == hits.scores.shape == (len(x), n)
    valid = np.arange(n) < hits.counts[:, None]
    assert (hits.ids[~valid] == -1).all()
    assert (hits.scores[~valid] == -np.inf).all()
    for query, (ids, count) in enumerate(zip(hits.ids, hits.counts, strict=True)):
        assert len(set(ids[:count].tolist())) == count
        assert ids[:count].min(initial=0) >= 0
        np.testing.assert_allclose(
            hits.scores[query, :count], y[ids[:count]] @ x[query], rtol=2e-4, atol=1e-5
        )
    assert (np.diff(np.where(valid, hits.scores, -1e30), axis=1) <= 0).all()


def test_is_an_index(index: Index) -> None:
    assert isinstance(index, Index)
    assert (index.size, index.factors) == (4000, 32)


def test_recall(
    declared: Declared, index: Index, item_vectors: Floats, user_vectors: Floats
) -> None:
    exact = ExactIndex(item_vectors)
    assert recall_against_exact(index, exact, user_vectors, 10) >= declared.recall


@pytest.mark.parametrize("n", [1, 10, 300])
@pytest.mark.parametrize("exclude_density", [None, 0.002, 0.3])
@pytest.mark.parametrize("filters", ["none", "allow", "deny", "both"])
def test_exclusions(
    declared: Declared,
    index: Index,
    item_vectors: Floats,
    user_vectors: Floats,
    n: int,
    exclude_density: float | None,
    filters: str,
) -> None:
    x = user_vectors[:40]
    exclude = None
    if exclude_density is not None:
        exclude = random_exclude(len(x), 4000, exclude_density, seed=n)
    random = np.random.default_rng(n)
    allow = random.permutation(4000)[:2500] if filters in ("allow", "both") else None
    deny = random.permutation(4000)[:900] if filters in ("deny", "both") else None
    hits = index.search(x, n, exclude=exclude, allow=allow, deny=deny)
    assert_well_formed(hits, n, index, x, item_vectors)
    truth = top_n_reference(x, item_vectors, n, exclude=exclude, allow=allow, deny=deny)
    np.testing.assert_array_equal(hits.counts, truth.counts)
    if exclude is not None:
        seen = exclude.toarray() != 0
        for query, count in enumerate(hits.counts):
            assert not seen[query, hits.ids[query, :count]].any()
    returned = hits.ids[hits.ids >= 0]
    if allow is not None:
        assert np.isin(returned, allow).all()
    if deny is not None:
        assert not np.isin(returned, deny).any()
    found = [
        len(np.intersect1d(a[:c], b[:c]))
        for a, b, c in zip(hits.ids, truth.ids, truth.counts, strict=True)
    ]
    # Rounding may swap two items at the end of a list.
    assert sum(found) >= min(declared.recall, 0.9999) * truth.counts.sum() - 1


def test_more_wanted_than_there_is(index: Index, item_vectors: Floats) -> None:
    x = trained_like(3, 32, seed=11)
    hits = index.search(x, 4100)
    assert hits.counts.tolist() == [4000] * 3
    assert_well_formed(hits, 4100, index, x, item_vectors)


def test_all_but_a_few_excluded(index: Index) -> None:
    x = trained_like(2, 32, seed=12)
    seen = np.ones((2, 4000), np.float32)
    seen[0, [7, 99]] = 0
    hits = index.search(x, 5, exclude=csr_matrix(seen))
    assert hits.counts.tolist() == [2, 0]
    assert set(hits.ids[0, :2].tolist()) == {7, 99}


def test_nothing_left(index: Index) -> None:
    x = trained_like(2, 32, seed=13)
    for arguments in ({"deny": np.arange(4000)}, {"allow": np.array([], np.int64)}):
        hits = index.search(x, 3, **arguments)  # type: ignore[arg-type]
        assert hits.counts.tolist() == [0, 0]
        assert (hits.ids == -1).all()
        assert (hits.scores == -np.inf).all()


def test_no_queries(index: Index) -> None:
    hits = index.search(np.empty((0, 32), np.float32), 3)
    assert hits.ids.shape == (0, 3)
    assert len(hits) == 0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_the_answer(index: Index, user_vectors: Floats, threads: int) -> None:
    one = index.search(user_vectors, 10, num_threads=1)
    many = index.search(user_vectors, 10, num_threads=threads)
    np.testing.assert_allclose(one.scores, many.scores, rtol=1e-5)


def test_other_types_are_converted(index: Index, user_vectors: Floats) -> None:
    wide = np.asfortranarray(user_vectors[:5].astype(np.float64))
    np.testing.assert_array_equal(index.search(wide, 4).ids, index.search(user_vectors[:5], 4).ids)


def test_ties_in_row_order(declared: Declared) -> None:
    index = declared.make(np.ones((50, 4), np.float32))
    hits = index.search(np.ones((1, 4), np.float32), 5)
    if declared.orders_ties:
        assert hits.ids.tolist() == [[0, 1, 2, 3, 4]]
    assert hits.ids[0].tolist() == sorted(set(hits.ids[0].tolist()))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_queries_that_are_not_finite(index: Index, value: float) -> None:
    x = np.zeros((2, 32), np.float32)
    x[1, 3] = value
    with pytest.raises(InvalidInputError, match="row 1, factor 3"):
        index.search(x, 3)


def test_items_that_are_not_finite(declared: Declared) -> None:
    with pytest.raises(InvalidInputError, match="item factors hold nan"):
        declared.make([[1.0, np.nan]])


@pytest.mark.parametrize("mmap", [True, False])
def test_saved_and_loaded(
    declared: Declared, index: Index, user_vectors: Floats, tmp_path: Path, mmap: bool
) -> None:
    index.save(tmp_path / "index")
    index.save(tmp_path / "index")  # over itself
    files = 3 if index.kind in ("ivf", "ivfpq") else 2  # none of the first save is left
    assert len(list((tmp_path / "index").iterdir())) == files
    for loaded in (
        declared.make.load(tmp_path / "index", mmap=mmap),
        load_index(tmp_path / "index", mmap=mmap),
    ):
        assert type(loaded) is type(index)
        exclude = random_exclude(len(user_vectors), 4000, 0.01, seed=14)
        before = index.search(user_vectors, 10, exclude=exclude)
        after = loaded.search(user_vectors, 10, exclude=exclude)
        np.testing.assert_array_equal(before.ids, after.ids)
        np.testing.assert_array_equal(before.scores, after.scores)


def damage_flip(data: Path) -> None:
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)


def damage_truncate(data: Path) -> None:
    data.write_bytes(data.read_bytes()[:-100])


def damage_remove(data: Path) -> None:
    data.unlink()


def damage_manifest(data: Path) -> None:
    (data.parent / "manifest.json").write_text("{")


def damage_newer(data: Path) -> None:
    manifest = data.parent / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 99'))


@pytest.mark.parametrize(
    "damage", [damage_flip, damage_truncate, damage_remove, damage_manifest, damage_newer]
)
def test_damage_is_refused(index: Index, tmp_path: Path, damage: Any) -> None:
    index.save(tmp_path)
    names = [file.name for file in tmp_path.iterdir() if file.name != "manifest.json"]
    for name in names:
        hurt = tmp_path / "hurt"
        shutil.copytree(tmp_path, hurt)
        damage(hurt / name)
        with pytest.raises(ModelFormatError) as raised:
            load_index(hurt)
        assert "\n" not in str(raised.value)
        shutil.rmtree(hurt)


def test_another_kind_is_refused(declared: Declared, index: Index, tmp_path: Path) -> None:
    index.save(tmp_path)
    other = FaissFlatIndex if declared.make is ExactIndex else ExactIndex
    with pytest.raises(ModelFormatError, match="expected"):
        other.load(tmp_path)
    with pytest.raises(InputNotFoundError):
        load_index(tmp_path / "none")


def test_factory() -> None:
    vectors = trained_like(30, 4, seed=15)
    for kind, declared in INDEXES.items():
        assert type(make_index(vectors, kind)) is declared.make  # type: ignore[arg-type]
    assert isinstance(make_index(vectors), ExactIndex)
    with pytest.raises(
        InvalidInputError, match="expected one of auto, exact, flat, hnsw, ivf, ivfpq"
    ):
        make_index(vectors, "annoy")  # type: ignore[arg-type]


def test_empty_catalogue() -> None:
    hits = ExactIndex(np.empty((0, 3), np.float32)).search([[1.0, 2.0, 3.0]], 2)
    assert hits.counts.tolist() == [0]
    with pytest.raises(InvalidInputError, match="no rows"):
        FaissFlatIndex(np.empty((0, 3), np.float32))


def test_graph_copes_with_widely_spread_norms() -> None:
    random = np.random.default_rng(16)
    y = trained_like(10_000, 32, seed=16, clusters=1000)
    y *= np.exp(random.normal(size=(len(y), 1))).astype(np.float32)
    x = trained_like(200, 32, seed=17, clusters=1000)
    norms = np.linalg.norm(y, axis=1)
    assert norms.max() > 300 * norms.min()
    assert recall_against_exact(FaissHnswIndex(y), ExactIndex(y), x, 10) >= 0.95


def test_faiss_threads_are_put_back(item_vectors: Floats, user_vectors: Floats) -> None:
    import faiss

    before = faiss.omp_get_max_threads()
    index = FaissFlatIndex(item_vectors)
    index.search(user_vectors, 3, num_threads=before + 1)
    assert faiss.omp_get_max_threads() == before


def test_import_leaves_faiss_out() -> None:
    code = "import sys, recsys.retrieval; print('faiss' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.split() == ["False", "False"]

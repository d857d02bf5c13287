"""Every ranker keeps the contract: true rows only, nothing seen, lists that end early."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import InvalidInputError, NotFittedError
from recsys.evaluation import (
    AlsRanker,
    AlsSettings,
    PopularityRanker,
    Ranker,
    implicit_als,
    implicit_bm25,
)
from recsys.interactions import Interactions

SMALL = AlsSettings(factors=8, iterations=3, num_threads=1)
MAKERS: dict[str, Callable[[], Ranker]] = {
    "alsatian": lambda: AlsRanker(SMALL),
    "implicit": lambda: implicit_als(SMALL),
    "bm25": lambda: implicit_bm25(neighbours=5, num_threads=1),
    "popularity": PopularityRanker,
}


def random_events(
    seed: int, users: int = 30, items: int = 12, density: float = 0.4
) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    dense = (rng.random((users, items)) < density) * rng.uniform(0.5, 3, (users, items))
    dense[0] = 1.0  # a user who has seen everything
    dense[1] = 0.0  # one who has seen nothing
    dense[2, :-2] = 1.0  # one with two items left
    return sp.csr_matrix(dense, dtype=np.float32)


@pytest.mark.parametrize("n", [1, 5, 12, 20])
@pytest.mark.parametrize("name", MAKERS)
def test_contract(name: str, n: int) -> None:
    matrix = random_events(3)
    ranker = MAKERS[name]()
    assert isinstance(ranker, Ranker)
    assert ranker.name == name
    ranker.fit(Interactions.from_csr(matrix))
    users = np.array([0, 2, 5, 29, 7])
    ids = ranker.recommend(users, n, matrix[users])
    assert ids.shape == (5, n)
    assert ids.dtype == np.int32
    for user, row in zip(users, ids, strict=True):
        listed = row[row >= 0]
        assert (row[: listed.size] >= 0).all(), "an item after the end of the list"
        assert len(set(listed.tolist())) == listed.size
        assert not set(listed.tolist()) & set(matrix[user].indices.tolist())
    assert (ids[0] == -1).all()
    assert (ids[1] >= 0).sum() <= 2
    if name != "bm25":  # an item-item model lists only what is similar to something seen
        unseen = 12 - np.diff(matrix[users].indptr)
        assert (ids >= 0).sum(axis=1).tolist() == np.minimum(unseen, n).tolist()


@pytest.mark.parametrize("name", ["alsatian", "implicit", "bm25", "popularity"])
def test_fit_starts_afresh_and_is_reproducible(name: str) -> None:
    matrix, other = random_events(1), random_events(2)
    users = np.arange(30)
    once, twice = MAKERS[name](), MAKERS[name]()
    once.fit(Interactions.from_csr(matrix))
    twice.fit(Interactions.from_csr(other))
    twice.fit(Interactions.from_csr(matrix))
    lists = [r.recommend(users, 6, matrix).tolist() for r in (once, twice)]
    assert lists[0] == lists[1]


def slow_popularity(train: npt.NDArray[np.float32], user: int, n: int) -> list[int]:
    """The definition, one user at a time."""
    count = (train > 0).sum(axis=0)
    order = sorted(range(train.shape[1]), key=lambda item: (-count[item], item))
    listed = [item for item in order if train[user, item] == 0][:n]
    return listed + [-1] * (n - len(listed))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 999), st.integers(1, 9), st.integers(1, 15), st.integers(1, 20))
def test_popularity_against_its_definition(seed: int, users: int, items: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    dense = (rng.random((users, items)) < 0.5).astype(np.float32)
    dense[0, 0] = 1
    matrix = sp.csr_matrix(dense)
    ranker = PopularityRanker()
    ranker.fit(Interactions.from_csr(matrix))
    found = ranker.recommend(np.arange(users), n, matrix)
    assert found.tolist() == [slow_popularity(dense, user, n) for user in range(users)]


def test_implicit_alone_makes_rows_up() -> None:
    """The reason for the cleaning; if this fails, `implicit` has mended it and we can stop."""
    matrix = random_events(3)
    ranker = implicit_als(SMALL)
    ranker.fit(Interactions.from_csr(matrix))
    raw, _ = ranker.model.recommend(np.array([2]), matrix[[2]], N=5)
    assert set(raw[0].tolist()) & set(matrix[2].indices.tolist())


def test_bad_input() -> None:
    with pytest.raises(InvalidInputError, match="unobserved_weight"):
        implicit_als(AlsSettings(unobserved_weight=0.5))
    for make in (PopularityRanker, AlsRanker, implicit_als):
        with pytest.raises(NotFittedError):
            make().recommend(np.array([0]), 3, sp.csr_matrix((1, 4)))

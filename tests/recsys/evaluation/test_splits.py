"""Splits: disjoint, complete, reproducible, and true to their description."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import InvalidInputError
from recsys.evaluation import Split, leave_last_out, random_split
from recsys.interactions import Interactions


def make(n_users: int, n_items: int, density: float, seed: int) -> Interactions:
    """Random interactions with weights and with times that often tie."""
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((n_users, n_items)) < density)
    if users.size < 4:
        users, items = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    table = pa.table(
        {
            "user_id": users,
            "item_id": items,
            "weight": rng.uniform(0.5, 2, users.size),
            "at": rng.integers(0, 5, users.size),
        }
    )
    return Interactions.from_frame(table, weight="weight", timestamp="at")


def assert_divides(events: Interactions, split: Split) -> None:
    """Both parts together are the whole, no pair is in both, and times follow their pairs."""
    train = split.train.matrix
    assert train.multiply(split.test).nnz == 0
    assert (abs(train + split.test - events.matrix)).max() == 0
    assert train.nnz + split.test.nnz == events.nnz
    assert split.train.users is events.users
    assert split.train.items is events.items
    for part in (train, split.test):
        assert part.dtype == np.float32
        assert part.has_sorted_indices
    if events.timestamps is not None:
        times = sp.csr_matrix(
            (events.timestamps + 1, events.matrix.indices, events.matrix.indptr),
            events.matrix.shape,
        )
        assert split.train.timestamps is not None
        kept = np.asarray(times[train.nonzero()]).ravel() - 1
        assert kept.tolist() == split.train.timestamps.tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 12),
    st.integers(2, 15),
    st.floats(0.1, 0.9),
    st.integers(0, 99),
    st.sampled_from([0.1, 0.2, 0.5]),
    st.booleans(),
)
def test_random_split(
    n_users: int, n_items: int, density: float, seed: int, fraction: float, per_user: bool
) -> None:
    events = make(n_users, n_items, density, seed)
    counts = np.diff(events.matrix.indptr)
    whole = np.array([round(fraction * events.nnz)])
    expected = np.floor(fraction * counts) if per_user else whole
    if expected.sum() == 0:
        with pytest.raises(InvalidInputError, match="test part is empty"):
            random_split(events, fraction, seed=seed, per_user=per_user)
        return
    split = random_split(events, fraction, seed=seed, per_user=per_user)
    assert_divides(events, split)
    held = np.diff(split.test.indptr)
    assert (held.tolist() if per_user else [held.sum()]) == expected.tolist()
    again = random_split(events, fraction, seed=seed, per_user=per_user)
    assert (again.test != split.test).nnz == 0
    assert f"seed {seed}" in split.description
    assert split.test_users.tolist() == np.flatnonzero(held).tolist()


def test_random_split_depends_on_the_seed_and_is_even() -> None:
    events = make(60, 50, 0.5, 0)
    tests = [random_split(events, 0.2, seed=s).test for s in range(40)]
    assert (tests[0] != tests[1]).nnz > 0
    # Every pair is held out about one time in five: 40 draws of 0.2 have mean 8, deviation 2.5.
    times_held = sum((test > 0).astype(int) for test in tests)
    share = times_held[events.matrix.nonzero()].mean() / 40
    assert share == pytest.approx(0.2, abs=0.005)
    assert times_held.max() < 8 + 6 * 2.53


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 12),
    st.integers(2, 15),
    st.floats(0.2, 0.9),
    st.integers(0, 99),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_leave_last_out(
    n_users: int, n_items: int, density: float, seed: int, n: int, min_history: int
) -> None:
    events = make(n_users, n_items, density, seed)
    counts = np.diff(events.matrix.indptr)
    assert events.timestamps is not None
    if (counts < n + min_history).all():
        with pytest.raises(InvalidInputError, match="test part is empty"):
            leave_last_out(events, n, min_history=min_history, seed=seed)
        return
    split = leave_last_out(events, n, min_history=min_history, seed=seed)
    assert_divides(events, split)
    held = np.diff(split.test.indptr)
    assert held.tolist() == np.where(counts >= n + min_history, n, 0).tolist()
    for user in split.test_users:
        row = slice(events.matrix.indptr[user], events.matrix.indptr[user + 1])
        in_test = np.isin(events.matrix.indices[row], split.test[user].indices)
        times = events.timestamps[row]
        assert times[in_test].min() >= times[~in_test].max()


def test_leave_last_out_draws_ties_without_favour() -> None:
    table = pa.table({"user_id": [1] * 10, "item_id": list(range(10)), "at": [5] * 10})
    events = Interactions.from_frame(table, timestamp="at")
    drawn = {int(leave_last_out(events, seed=s).test.indices[0]) for s in range(100)}
    assert drawn == set(range(10))
    same = [leave_last_out(events, seed=3).test.indices.tolist() for _ in range(2)]
    assert same[0] == same[1]


def test_bad_input() -> None:
    events = Interactions.from_csr(sp.csr_matrix(np.ones((3, 4))))
    with pytest.raises(InvalidInputError, match="no timestamps"):
        leave_last_out(events)
    for fraction in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(InvalidInputError, match="test_fraction"):
            random_split(events, fraction)
    with pytest.raises(InvalidInputError, match="n: found 0"):
        leave_last_out(events, 0)
    with pytest.raises(InvalidInputError, match="min_history: found 0"):
        leave_last_out(events, 1, min_history=0)
    with pytest.raises(InvalidInputError, match="training part is empty"):
        random_split(Interactions.from_csr(sp.csr_matrix(np.ones((1, 2)))), 0.9)

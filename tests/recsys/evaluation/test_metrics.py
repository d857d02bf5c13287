"""Metrics against cases worked by hand and against a slow oracle that shares no code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import InvalidInputError
from recsys.evaluation import metrics

# One user, test items {1, 4, 7}, list 4 2 1 9 then the end.
HAND_TEST = sp.csr_matrix(([1, 5, 1], ([0, 0, 0], [1, 4, 7])), (1, 10))
HAND_IDS = np.array([[4, 2, 1, 9, -1]])
HAND = {
    # places 1 and 3 are hits: (1 + 1/2) / (1 + 1/log2(3) + 1/2)
    ("ndcg", 4): 1.5 / (1.5 + 1 / math.log2(3)),
    ("ndcg", 2): 1.0 / (1.0 + 1 / math.log2(3)),
    ("recall", 1): 1 / 3,
    ("recall", 5): 2 / 3,
    ("truncated_recall", 1): 1.0,
    ("truncated_recall", 2): 1 / 2,
    ("truncated_recall", 5): 2 / 3,
    # precision 1/1 at place 1 and 2/3 at place 3, over min(k, 3)
    ("map", 4): (1 + 2 / 3) / 3,
    ("map", 2): 1 / 2,
    ("mrr", 5): 1.0,
    ("hit_rate", 1): 1.0,
}


@pytest.mark.parametrize(("case", "value"), HAND.items(), ids=str)
def test_by_hand(case: tuple[str, int], value: float) -> None:
    name, k = case
    relevant = metrics.relevance(HAND_IDS, HAND_TEST)
    assert relevant.tolist() == [[True, False, True, False, False]]
    assert metrics.METRICS[name](relevant, np.array([3]), k)[0] == pytest.approx(value, abs=1e-15)


def oracle(ranked: list[int], test: set[int], k: int) -> dict[str, float]:
    """The definitions, one list at a time."""
    top = ranked[:k]
    hits = [place for place, item in enumerate(top, start=1) if item in test]
    best = min(k, len(test))
    gain = sum(1 / math.log2(place + 1) for place in hits)
    ideal = sum(1 / math.log2(place + 1) for place in range(1, best + 1))
    precisions = [sum(1 for other in hits if other <= place) / place for place in hits]
    return {
        "ndcg": gain / ideal,
        "recall": len(hits) / len(test),
        "truncated_recall": len(hits) / best,
        "map": sum(precisions) / best,
        "mrr": 1 / hits[0] if hits else 0.0,
        "hit_rate": 1.0 if hits else 0.0,
    }


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_against_the_oracle(data: st.DataObject) -> None:
    n_items = data.draw(st.integers(1, 12))
    users = data.draw(st.integers(1, 6))
    n = data.draw(st.integers(1, 8))
    item = st.integers(0, n_items - 1)
    tests = [data.draw(st.sets(item, min_size=1)) for _ in range(users)]
    ranked = [
        data.draw(st.lists(item, unique=True, max_size=min(n, n_items))) for _ in range(users)
    ]
    ids = np.array([row + [-1] * (n - len(row)) for row in ranked])
    dense = np.zeros((users, n_items))
    for user, held in enumerate(tests):
        dense[user, sorted(held)] = 2.5
    relevant = metrics.relevance(ids, sp.csr_matrix(dense))
    n_test = np.array([len(held) for held in tests])
    for k in range(1, n + 1):
        for name, function in metrics.METRICS.items():
            values = function(relevant, n_test, k)
            expected = [oracle(*pair, k)[name] for pair in zip(ranked, tests, strict=True)]
            assert values == pytest.approx(expected, abs=1e-12), (name, k)
            assert values.dtype == np.float64
            assert ((values >= 0) & (values <= 1 + 1e-12)).all()


def test_a_perfect_list_scores_one() -> None:
    test = sp.csr_matrix(np.ones((1, 3)))
    relevant = metrics.relevance(np.array([[2, 0, 1, -1]]), test)
    for name in ("ndcg", "recall", "truncated_recall", "map", "mrr", "hit_rate"):
        assert metrics.METRICS[name](relevant, np.array([3]), 4)[0] == pytest.approx(1.0)


def test_self_information_and_coverage() -> None:
    # Of 8 users 8 have item 0, 2 have item 1, none has item 2: 0, 2 and (as if one) 3 bits.
    ids = np.array([[0, 1, -1], [2, -1, -1], [-1, -1, -1]])
    assert metrics.self_information(ids, np.array([8, 2, 0]), 8).tolist() == [1.0, 3.0, 0.0]
    assert metrics.coverage(np.array([True, False, False, True])) == 0.5


def test_no_test_items_anywhere() -> None:
    assert not metrics.relevance(np.array([[0, 1]]), sp.csr_matrix((1, 5))).any()


def test_bad_input() -> None:
    relevant = np.zeros((2, 3), np.bool_)
    with pytest.raises(InvalidInputError, match="k: found 4"):
        metrics.recall(relevant, np.array([1, 1]), 4)
    with pytest.raises(InvalidInputError, match="row 1 has no test items"):
        metrics.ndcg(relevant, np.array([1, 0]), 2)
    with pytest.raises(InvalidInputError, match="shape"):
        metrics.ndcg(relevant, np.array([1]), 2)
    with pytest.raises(InvalidInputError, match="below 3"):
        metrics.relevance(np.array([[3]]), sp.csr_matrix((1, 3)))
    with pytest.raises(InvalidInputError, match="expected \\(2, n\\)"):
        metrics.relevance(np.array([[0]]), sp.csr_matrix((2, 3)))

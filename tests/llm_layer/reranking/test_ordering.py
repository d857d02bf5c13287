from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from reranking_doubles import among

from llm_layer.reranking.ordering import (
    check_windows,
    consensus,
    ranked_by,
    shuffles,
    windows,
)
from recsys.errors import InvalidInputError


@pytest.mark.parametrize(("n", "size", "stride"), [(20, 10, 5), (7, 3, 2), (5, 10, 10), (9, 4, 4)])
def test_windows_cover_every_place_up_to_the_first(n: int, size: int, stride: int) -> None:
    found = list(windows(n, size, stride))
    assert {place for begin, end in found for place in range(begin, end)} == set(range(n))
    assert found[-1][0] == 0
    assert found[0][1] == n
    for (begin, end), (before, _) in pairwise(found):
        assert before < begin
        assert end - begin <= size


def test_shuffles_come_in_pairs_that_cancel_a_place() -> None:
    found = shuffles(9, 4, seed=3)
    assert [sorted(one) for one in found] == [list(range(9))] * 4
    assert found[0].tolist() == found[1][::-1].tolist()
    assert found[0].tolist() != found[2].tolist()
    again = shuffles(9, 4, seed=3)
    assert all((one == other).all() for one, other in zip(found, again, strict=True))
    assert shuffles(4, 1, 0)[0].tolist() == [0, 1, 2, 3]
    assert len(shuffles(4, 3, 0)) == 3


@pytest.mark.parametrize("method", ["borda", "reciprocal"])
def test_consensus_follows_the_majority(method: str) -> None:
    votes = [(2, 0, 1), (2, 1, 0), (0, 2, 1)]
    assert consensus(votes, 3, method) == [2, 0, 1]  # type: ignore[arg-type]


def test_borda_cancels_a_bias_towards_places() -> None:
    # Whoever only repeats what was shown, in whatever order, changes nothing.
    shown = shuffles(8, 6, seed=1)
    assert consensus([one.tolist() for one in shown], 8) == list(range(8))


def test_what_was_not_judged_comes_after_in_the_order_before() -> None:
    candidates = among([7, 5, 6, 8])
    ranked = ranked_by(candidates, "x", np.array([np.nan, 0.0, 0.9, np.nan]))
    assert ranked.rows.tolist() == [6, 5, 7, 8]
    assert (np.diff(ranked.scores) <= 0).all()
    assert ((ranked.scores >= 0) & (ranked.scores <= 1)).all()
    np.testing.assert_array_equal(ranked.parts["x"], [0.9, 0.0, np.nan, np.nan])


def test_a_signal_that_judged_nothing_is_not_there() -> None:
    ranked = ranked_by(among([5, 6]), "x", np.full(2, np.nan), "why")
    assert ranked.rows.tolist() == [5, 6]
    assert set(ranked.parts) == {"score"}
    assert ranked.reason == "why"


@pytest.mark.parametrize(
    ("depth", "window", "stride"), [(1, 2, 1), (9, 1, 1), (9, 27, 1), (9, 5, 6), (9, 5, 0)]
)
def test_windows_that_leave_items_out_are_an_error(depth: int, window: int, stride: int) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        check_windows(depth, window, stride, 26)

"""What is hidden is in no training data."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from llm_layer.evaluation.hiding import hide
from recsys.errors import InvalidInputError
from recsys.interactions import Interactions


def events(users: int = 30, items: int = 25, seed: int = 3) -> Interactions:
    random = np.random.default_rng(seed)
    matrix = sp.csr_matrix((random.random((users, items)) < 0.5).astype(np.float32))
    return Interactions.from_csr(matrix, [100 + row for row in range(users)])


def test_targets_and_unknown_history_are_in_no_training_data() -> None:
    given = events()
    hidden = hide(given, 5, targets=2, known=(None, 3, 0), seed=4)
    train = hidden.train.matrix.toarray()
    whole = given.matrix.toarray()
    changed = np.zeros_like(whole)
    for level, seekers in hidden.groups.items():
        for seeker in seekers:
            theirs = set(np.flatnonzero(whole[seeker.row]).tolist())
            assert len(seeker.targets) == 2
            assert {*seeker.history, *seeker.targets} == theirs
            assert not {*seeker.history} & {*seeker.targets}
            assert set(np.flatnonzero(train[seeker.row]).tolist()) == {*seeker.known}
            assert len(seeker.known) == (len(seeker.history) if level is None else level)
            assert seeker.is_newcomer == (level == 0)
            gone = theirs - {*seeker.known}
            changed[seeker.row, list(gone)] = 1
    # Nobody else's pairs are touched.
    assert np.array_equal(whole - train, changed)
    rows = [seeker.row for seekers in hidden.groups.values() for seeker in seekers]
    assert len(set(rows)) == 15


def test_choice_depends_on_the_seed_alone() -> None:
    given = events()
    first, again, other = (hide(given, 5, seed=seed) for seed in (1, 1, 2))
    assert first.groups == again.groups
    assert (first.train.matrix != again.train.matrix).nnz == 0
    assert first.groups != other.groups


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"users": 0}, "users is 0"),
        ({"users": 2, "targets": 0}, "targets is 0"),
        ({"users": 2, "known": (-1,)}, "known is"),
        ({"users": 16}, "ask for fewer users"),
        ({"users": 2, "targets": 24}, "0 users have at least 29 items"),
    ],
)
def test_bad_input_is_one_line(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        hide(events(), **arguments)
    assert "\n" not in str(caught.value)

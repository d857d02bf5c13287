"""Bootstrap intervals: reproducible, of the right width, and paired where they compare."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.errors import InvalidInputError
from recsys.evaluation import bootstrap, bootstrap_means, estimate, paired_difference

RNG = np.random.default_rng(5)


def test_reproducible_and_independent_of_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RNG.random((200, 3))
    first = bootstrap_means(values, samples=50, seed=1)
    monkeypatch.setattr(bootstrap, "_BLOCK_BYTES", 8 * 200 * 7)
    assert np.allclose(bootstrap_means(values, samples=50, seed=1), first, rtol=1e-12)
    assert not np.allclose(bootstrap_means(values, samples=50, seed=2), first)
    # The same draws as picking rows by hand.
    rng = np.random.default_rng(1)
    by_hand = [values[rng.integers(200, size=200)].mean(axis=0) for _ in range(50)]
    assert np.allclose(first, by_hand, rtol=1e-12)


def test_width_is_that_of_the_standard_error() -> None:
    values = RNG.normal(3.0, 2.0, 4000)
    found = estimate(values, samples=4000, level=0.95, seed=0)
    error = values.std() / np.sqrt(values.size)
    assert found.mean == pytest.approx(values.mean())
    assert found.high - found.mean == pytest.approx(1.96 * error, rel=0.08)
    assert found.mean - found.low == pytest.approx(1.96 * error, rel=0.08)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    trials = [estimate(rng.exponential(1.0, 120), samples=200, level=0.9) for _ in range(300)]
    share = np.mean([trial.low <= 1.0 <= trial.high for trial in trials])
    # Standard deviation of the share: sqrt(0.9 * 0.1 / 300) = 0.017.
    assert 0.83 <= share <= 0.95


def test_a_paired_difference_is_narrower_than_an_unpaired_one() -> None:
    ability = RNG.normal(0, 1, 2000)
    first, second = ability + 0.02, ability + RNG.normal(0, 0.01, 2000)
    paired = paired_difference(first, second)
    assert paired.mean == pytest.approx((first - second).mean())
    assert 0 < paired.low < paired.mean < paired.high
    assert paired.high - paired.low < 0.05 * (estimate(first).high - estimate(first).low)


def test_bad_input() -> None:
    with pytest.raises(InvalidInputError, match="at least one user"):
        estimate([])
    with pytest.raises(InvalidInputError, match="NaN"):
        estimate([1.0, float("nan")])
    with pytest.raises(InvalidInputError, match="samples"):
        estimate([1.0], samples=0)
    with pytest.raises(InvalidInputError, match="level"):
        estimate([1.0], level=1.0)
    with pytest.raises(InvalidInputError, match="same users"):
        paired_difference([1.0], [1.0, 2.0])

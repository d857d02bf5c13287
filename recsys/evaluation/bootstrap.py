"""Confidence intervals by resampling users (Efron 1979, percentile form)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.als.randomness import generator
from recsys.errors import InvalidInputError

__all__ = ["Estimate", "bootstrap_means", "estimate", "paired_difference"]

# Resamples drawn at a time; bounds the matrix of draw counts to this many rows of one per user.
_BLOCK_BYTES = 64 << 20


@dataclass(frozen=True)
class Estimate:
    """A mean over users with its interval.

    Attributes
    ----------
    mean : float
        Mean of the observed values.
    low, high : float
        Percentile interval of the resampled means.
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap_means(
    values: npt.ArrayLike, *, samples: int = 1000, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Means of resampled users, for several columns at once.

    Every column sees the same resamples, so that the difference of two columns (two models, the
    same users) is a paired one.

    Parameters
    ----------
    values : array_like
        float, shape (users, columns): one value per user and quantity, finite.
    samples : int
        Number of resamples, at least 1.
    seed : int
        Seed of the draws.

    Returns
    -------
    numpy.ndarray
        float64, shape (samples, columns): the mean of each column over users drawn with
        replacement.

    Raises
    ------
    InvalidInputError
        No users, values not finite, or `samples` below 1.
    """
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or not table.shape[0]:
        raise InvalidInputError(
            f"values: found shape {table.shape}, expected (users, columns) with at least one user"
        )
    if not np.isfinite(table).all():
        raise InvalidInputError("values: found NaN or infinity, expected finite numbers")
    if samples < 1:
        raise InvalidInputError(f"samples: found {samples}, expected at least 1")
    users = table.shape[0]
    rng = generator(seed)
    block = max(1, min(samples, _BLOCK_BYTES // (8 * users)))
    means = np.empty((samples, table.shape[1]))
    for start in range(0, samples, block):
        size = min(block, samples - start)
        counts = np.empty((size, users))
        for row in range(size):
            counts[row] = np.bincount(rng.integers(users, size=users), minlength=users)
        means[start : start + size] = counts @ table / users
    return means


def estimate(
    values: npt.ArrayLike, *, samples: int = 1000, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Mean of one value per user, with its bootstrap interval.

    Parameters
    ----------
    values : array_like
        float, shape (users,).
    samples, seed : int
        See :func:`bootstrap_means`.
    level : float
        Coverage of the interval, in (0, 1).

    Returns
    -------
    Estimate

    Raises
    ------
    InvalidInputError
        As :func:`bootstrap_means`; or `level` outside (0, 1).

    Examples
    --------
    >>> estimate([0.5, 0.5, 0.5])
    Estimate(mean=0.5, low=0.5, high=0.5)
    """
    column = np.asarray(values, np.float64).reshape(-1, 1)
    return interval(column[:, 0], bootstrap_means(column, samples=samples, seed=seed)[:, 0], level)


def paired_difference(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Mean of ``first - second`` over the same users, with its bootstrap interval.

    Parameters
    ----------
    first, second : array_like
        float, shape (users,), in the same order of users.
    samples, level, seed
        See :func:`estimate`.

    Returns
    -------
    Estimate
        An interval above 0 says that the first is better on this metric.

    Raises
    ------
    InvalidInputError
        The two differ in length; else as :func:`estimate`.
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != two.shape:
        raise InvalidInputError(
            f"paired values are of shapes {one.shape} and {two.shape}; expected the same users"
        )
    return estimate(one - two, samples=samples, level=level, seed=seed)


def interval(
    values: npt.NDArray[np.float64], resampled: npt.NDArray[np.float64], level: float
) -> Estimate:
    """Combine observed `values` (users,) and `resampled` means (samples,) to an estimate."""
    if not 0.0 < level < 1.0:
        raise InvalidInputError(f"level: found {level}, expected a share above 0 and below 1")
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(resampled, [tail, 1.0 - tail])
    return Estimate(float(values.mean()), float(low), float(high))

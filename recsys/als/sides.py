"""What a training is told of each side beside the interactions: weights and features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.als.border import Factors, Weights
from recsys.als.config import ALSConfig
from recsys.als.features import Features
from recsys.errors import InvalidInputError

_CHUNK = 1 << 22


@dataclass(frozen=True)
class Side:
    """One side's part of it.

    Attributes
    ----------
    weights : ndarray of float32, shape (rows,), or None
        Weight of each row's unobserved pairs; None where all are 1.
    features : Features or None
        Side features of its rows.
    """

    weights: Weights | None = None
    features: Features | None = None

    def mass(self, rows: int) -> float:
        """Sum of the weights of so many rows."""
        return float(rows) if self.weights is None else float(self.weights.sum(dtype=np.float64))


@dataclass(frozen=True)
class Sides:
    """Both sides, users and items."""

    users: Side = field(default_factory=Side)
    items: Side = field(default_factory=Side)

    @property
    def with_features(self) -> bool:
        """Whether features of either side are told."""
        return self.users.features is not None or self.items.features is not None

    def fingerprint(self) -> dict[str, str]:
        """Digests of what is told, by name; empty where nothing is."""
        found = {}
        for name, side in (("users", self.users), ("items", self.items)):
            if side.weights is not None:
                plain = Features(side.weights[:, None], None, name, side.weights.dtype)
                found[f"weights of {name}"] = plain.fingerprint()
            if side.features is not None:
                found[f"features of {name}"] = side.features.fingerprint()
        return found


NOTHING_TOLD = Sides()


def checked_weights(values: ArrayLike | None, rows: int | None, name: str) -> Weights | None:
    """Return weights of unobserved pairs as float32, shape (rows,); rows may be any number.

    Raises
    ------
    InvalidInputError
        Not one finite number of at least 0 for each row.
    """
    if values is None:
        return None
    try:
        with np.errstate(over="ignore"):
            weights = np.ascontiguousarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} is {values!r}, expected numbers") from error
    if weights.ndim != 1 or (rows is not None and len(weights) != rows):
        raise InvalidInputError(
            f"{name} is of shape {weights.shape}, expected one number for each of "
            f"{'the' if rows is None else rows} rows"
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise InvalidInputError(
            f"{name} holds {weights[wrong[0]]} at {wrong[0]}, expected finite numbers of at least 0"
        )
    return weights


def popularity_scale(entries: NDArray[np.int64], exponent: float) -> float:
    """By what ``entries**exponent`` is to be multiplied to be 1 on average (He et al. 2016).

    Examples
    --------
    >>> popularity_scale(np.array([1, 3, 8]), 1.0)
    0.25
    """
    total = float((entries.astype(np.float64) ** exponent).sum())
    return len(entries) / total if total > 0 else 1.0


def popularity_weights(entries: NDArray[np.int64], exponent: float, scale: float) -> Weights:
    """Weights of rows with so many entries: ``scale * entries**exponent``, as float32."""
    return np.asarray(scale * entries.astype(np.float64) ** exponent, np.float32)


def checked_sides(
    shape: tuple[int, int],
    features: tuple[Any, Any],
    weights: tuple[ArrayLike | None, ArrayLike | None],
    dtype: np.dtype[Any],
) -> Sides:
    """Return what is told of so many users and items, once it is sound.

    Raises
    ------
    InvalidInputError
        Weights or features that do not fit the rows, or are not finite.
    """
    users, items = (
        Side(
            checked_weights(told, rows, f"{kind}_weights"),
            None if values is None else Features(values, rows, f"{kind}_features", dtype),
        )
        for kind, rows, values, told in zip(("user", "item"), shape, features, weights, strict=True)
    )
    return Sides(users, items)


def weighted_by_popularity(sides: Sides, csr: csr_matrix, exponent: float) -> tuple[Sides, float]:
    """Weigh items by the entries of their columns; also tell the scale.

    Raises
    ------
    InvalidInputError
        Weights of items are told already.
    """
    if sides.items.weights is not None:
        raise InvalidInputError(
            f"item_weights are given and popularity_exponent is {exponent}"
            ", which makes them; expected one of the two"
        )
    entries = entries_of_columns(csr)
    scale = popularity_scale(entries, exponent)
    items = replace(sides.items, weights=popularity_weights(entries, exponent, scale))
    return Sides(sides.users, items), scale


@contextmanager
def meeting_biases(rows: Factors, config: ALSConfig) -> Iterator[Any]:
    """Have rows end in the 1 that the other side's bias is multiplied by, while they are held.

    A row is stored as [factors, bias]. While the other side is solved, whose unknowns are factors
    and bias as well, the bias of `rows` is a known part of the score, an offset, and the place of
    it holds 1.

    Yields
    ------
    ndarray of the dtype of `rows`, shape (len(rows),), or None
        The offsets; None without biases.
    """
    if not config.biases:
        yield None
        return
    offsets = rows[:, -1].copy()
    rows[:, -1] = 1
    try:
        yield offsets
    finally:
        rows[:, -1] = offsets


def stored_mass(csr: csr_matrix, sides: Sides) -> float:
    """What the pairs that have an entry would count without it, over the unobserved weight."""
    if sides.users.weights is None and sides.items.weights is None:
        return float(csr.nnz)
    users = np.ones(csr.shape[0]) if sides.users.weights is None else sides.users.weights
    items = np.ones(csr.shape[1]) if sides.items.weights is None else sides.items.weights
    ones = csr_matrix((np.ones(csr.nnz, np.float32), csr.indices, csr.indptr), shape=csr.shape)
    return float(users.astype(np.float64) @ (ones @ items.astype(np.float64)))


def entries_of_columns(csr: csr_matrix) -> NDArray[np.int64]:
    """Stored values of each column."""
    total = np.zeros(csr.shape[1], np.int64)
    for begin in range(0, len(csr.indices), _CHUNK):  # NumPy widens what it counts to 64 bits
        total += np.bincount(csr.indices[begin : begin + _CHUNK], minlength=csr.shape[1])
    return total

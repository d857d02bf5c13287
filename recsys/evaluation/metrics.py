"""Ranking metrics, one value per user, computed from ranked ids and held-out pairs.

All metrics are of binary relevance: an item counts where the user has it in the test part, its
weight does not matter. A list may end early (id -1); the missing places count as misses. The
arguments are the same everywhere: `relevant`, a bool array (users, n) that says which place of each
user's list holds a test item (:func:`relevance` makes it), `n_test`, the number of test items of
each user, and the cutoff `k`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.errors import InvalidInputError

__all__ = [
    "METRICS",
    "average_precision",
    "coverage",
    "hit_rate",
    "ndcg",
    "recall",
    "reciprocal_rank",
    "relevance",
    "self_information",
    "truncated_recall",
]

Relevant: TypeAlias = npt.NDArray[np.bool_]
Counts: TypeAlias = npt.NDArray[np.int64]
PerUser: TypeAlias = npt.NDArray[np.float64]


def relevance(ids: npt.NDArray[Any], test: sp.csr_matrix) -> Relevant:
    """Mark which recommended items are test items.

    Parameters
    ----------
    ids : numpy.ndarray
        int, shape (users, n): ranked item rows, best first, -1 where a list ends early.
    test : scipy.sparse.csr_matrix
        Shape (users, n_items), sorted indices: row `u` holds the test items of the user whose list
        is ``ids[u]``.

    Returns
    -------
    numpy.ndarray
        bool, shape (users, n).

    Raises
    ------
    InvalidInputError
        The shapes differ, or an id is outside [-1, n_items).

    Examples
    --------
    >>> test = sp.csr_matrix([[0, 1, 0, 1]])
    >>> relevance(np.array([[3, 0, 1, -1]]), test).tolist()
    [[True, False, True, False]]
    """
    users, n_items = test.shape
    if ids.ndim != 2 or ids.shape[0] != users:
        raise InvalidInputError(f"ids: found shape {ids.shape}, expected ({users}, n)")
    if ids.size and (ids.min() < -1 or ids.max() >= n_items):
        raise InvalidInputError(
            f"ids: found {ids.min()} to {ids.max()}, expected item rows below {n_items}, or -1"
        )
    if not test.nnz:
        return np.zeros(ids.shape, np.bool_)
    # Sorted rows laid end to end are one sorted list of keys, searched for all users at once.
    rows = np.repeat(np.arange(users, dtype=np.int64), np.diff(test.indptr))
    known = rows * n_items + test.indices
    wanted = np.arange(users, dtype=np.int64)[:, None] * n_items + ids
    found = known[np.minimum(np.searchsorted(known, wanted), known.size - 1)] == wanted
    return np.asarray(found & (ids >= 0))


def recall(relevant: Relevant, n_test: Counts, k: int) -> PerUser:
    """Recall@k: test items among the first `k`, over all of the user's test items.

    The denominator is `n_test`, as in the published tables of NGCF, LightGCN and UltraGCN; with
    more than `k` test items 1 cannot be reached. See :func:`truncated_recall` for the other one.
    """
    _check(relevant, n_test, k)
    return np.asarray(relevant[:, :k].sum(axis=1) / n_test, np.float64)


def truncated_recall(relevant: Relevant, n_test: Counts, k: int) -> PerUser:
    """Recall@k with the denominator min(k, `n_test`), as in Liang et al. 2018 (Mult-VAE)."""
    _check(relevant, n_test, k)
    return np.asarray(relevant[:, :k].sum(axis=1) / np.minimum(n_test, k), np.float64)


def ndcg(relevant: Relevant, n_test: Counts, k: int) -> PerUser:
    """NDCG@k: discounted gain over that of an ideal list of min(k, `n_test`) test items.

    The gain is 1 and the discount of place `r` (from 1) is 1 / log2(r + 1); Järvelin and
    Kekäläinen 2002, with binary gain.
    """
    _check(relevant, n_test, k)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(n_test, k) - 1]
    return np.asarray(relevant[:, :k] @ discount / ideal, np.float64)


def average_precision(relevant: Relevant, n_test: Counts, k: int) -> PerUser:
    """AP@k: precision at each hit within the first `k`, summed, over min(k, `n_test`).

    Its mean over users is MAP@k. Some libraries divide by `n_test` instead.
    """
    _check(relevant, n_test, k)
    top = relevant[:, :k]
    precision = np.cumsum(top, axis=1) / np.arange(1, k + 1)
    return np.asarray((precision * top).sum(axis=1) / np.minimum(n_test, k), np.float64)


def hit_rate(relevant: Relevant, n_test: Counts, k: int) -> PerUser:
    """Hit rate@k: 1 where the first `k` hold at least one test item, else 0."""
    _check(relevant, n_test, k)
    return np.asarray(relevant[:, :k].any(axis=1), np.float64)


def reciprocal_rank(relevant: Relevant, n_test: Counts, k: int) -> PerUser:
    """RR@k: 1 / place of the first test item within the first `k`, else 0; its mean is MRR@k."""
    _check(relevant, n_test, k)
    top = relevant[:, :k]
    first = np.where(top.any(axis=1), 1.0 / (top.argmax(axis=1) + 1), 0.0)
    return np.asarray(first, np.float64)


METRICS: Mapping[str, Callable[[Relevant, Counts, int], PerUser]] = MappingProxyType(
    {
        "ndcg": ndcg,
        "recall": recall,
        "truncated_recall": truncated_recall,
        "map": average_precision,
        "mrr": reciprocal_rank,
        "hit_rate": hit_rate,
    }
)


def coverage(recommended: npt.NDArray[np.bool_]) -> float:
    """Catalogue coverage: the share of items that stand in at least one user's list.

    Parameters
    ----------
    recommended : numpy.ndarray
        bool, shape (n_items,): items that were recommended to anybody.

    Returns
    -------
    float
        In [0, 1].
    """
    return float(recommended.mean()) if recommended.size else 0.0


def self_information(ids: npt.NDArray[Any], users_per_item: Counts, n_users: int) -> PerUser:
    """Novelty: mean self-information of a list's items, in bits.

    An item that `c` of the `n_users` training users have tells -log2(max(c, 1) / n_users); Zhou et
    al. 2010 (PNAS 107(10)). Higher means less popular items.

    Parameters
    ----------
    ids : numpy.ndarray
        int, shape (users, k): ranked item rows, -1 where a list ends early.
    users_per_item : numpy.ndarray
        int, shape (n_items,): training users of each item.
    n_users : int
        Number of training users.

    Returns
    -------
    numpy.ndarray
        float64, shape (users,), bits; 0 for an empty list.
    """
    bits = np.log2(n_users) - np.log2(np.maximum(users_per_item, 1))
    filled = ids >= 0
    total = np.where(filled, bits[ids], 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(filled.sum(axis=1), 1), np.float64)


def _check(relevant: Relevant, n_test: Counts, k: int) -> None:
    if relevant.ndim != 2 or n_test.shape != (relevant.shape[0],):
        raise InvalidInputError(
            f"relevant is of shape {relevant.shape} and n_test of {n_test.shape}; "
            "expected (users, n) and (users,)"
        )
    if not 1 <= k <= relevant.shape[1]:
        raise InvalidInputError(f"k: found {k}, expected 1 to {relevant.shape[1]} (list length)")
    if n_test.size and n_test.min() < 1:
        raise InvalidInputError(
            f"n_test: row {int(n_test.argmin())} has no test items; evaluate only users that have"
        )

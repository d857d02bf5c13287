"""Sparse matrices for speed tests: power-law users and items around latent clusters.

Speed depends on the shape of the data: how long the longest rows are, and how far apart in memory
the factors lie that a row touches. Uniform random matrices flatter every implementation; these have
the long tail of real interactions, and users who keep to a few clusters of items.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

_REDRAWS = 4


def powerlaw_matrix(
    n_users: int,
    n_items: int,
    nnz: int,
    *,
    seed: int,
    clusters: int = 32,
    user_exponent: float = 0.6,
    item_exponent: float = 0.8,
    home_share: float = 0.6,
) -> csr_matrix:
    """Draw a matrix of confidences between 2 and 6.

    Parameters
    ----------
    n_users, n_items : int
        Shape.
    nnz : int
        Entries; at most a quarter of all pairs.
    seed : int
        Of ``numpy.random.default_rng``.
    clusters : int
        Latent clusters. Each user and each item belongs to one.
    user_exponent, item_exponent : float
        How often the k-th user (item) is drawn: in proportion to ``k ** -exponent``.
    home_share : float
        Share of a user's draws that stay within the user's own cluster of items.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32 ``(n_users, n_items)``, int32 indices, sorted, without duplicates, exactly `nnz`
        entries. Rows and columns are shuffled, so that popular items do not lie side by side.

    Raises
    ------
    ValueError
        More entries than a quarter of the pairs.
    """
    if nnz > n_users * n_items // 4:
        raise ValueError(f"{nnz} entries are more than a quarter of {n_users} x {n_items} pairs")
    rng = np.random.default_rng(seed)
    user_of_rank = rng.permutation(n_users)
    item_of_rank = rng.permutation(n_items)
    cluster_of_user = rng.integers(0, clusters, n_users)
    user_weight = np.arange(1, n_users + 1, dtype=np.float64) ** -user_exponent
    item_weight = np.arange(1, n_items + 1, dtype=np.float64) ** -item_exponent

    pairs = np.empty(0, dtype=np.int64)
    while len(pairs) < nnz:  # pairs drawn twice are merged, so draw some more
        count = max((nnz - len(pairs)) * 5 // 3, nnz // 8) + 16
        users = np.repeat(user_of_rank, rng.multinomial(count, user_weight / user_weight.sum()))
        ranks = _draw(rng, item_weight, count)
        # Rank r belongs to cluster r mod clusters: every cluster has its own head and tail.
        home = rng.random(count) < home_share
        moved = ranks[home] - ranks[home] % clusters + cluster_of_user[users[home]]
        ranks[home] = np.minimum(moved, n_items - 1)
        pairs = np.concatenate([pairs, users * n_items + item_of_rank[ranks]])
        pairs.sort()
        pairs = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
    pairs = np.delete(pairs, rng.choice(len(pairs), len(pairs) - nnz, replace=False))

    rows, columns = np.divmod(pairs, n_items)
    indptr = np.zeros(n_users + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=n_users), out=indptr[1:])
    values = rng.integers(2, 7, nnz).astype(np.float32)
    matrix = csr_matrix((values, columns.astype(np.int32), indptr), shape=(n_users, n_items))
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix


def _draw(rng: np.random.Generator, weight: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Draw ranks in proportion to `weight`, by inverting the cumulative sum."""
    cumulative = np.cumsum(weight)
    return np.searchsorted(cumulative, rng.random(count) * cumulative[-1]).astype(np.int64)


def powerlaw_in_parts(
    n_users: int,
    n_items: int,
    nnz: int,
    *,
    seed: int,
    clusters: int = 32,
    user_exponent: float = 0.6,
    item_exponent: float = 0.8,
    home_share: float = 0.6,
    part: int = 2_000_000,
) -> csr_matrix:
    """Draw such a matrix part by part, for sizes at which :func:`powerlaw_matrix` needs too much.

    Parameters
    ----------
    n_users, n_items, seed, clusters, user_exponent, item_exponent, home_share
        As for :func:`powerlaw_matrix`; other numbers come of the same seed.
    nnz : int
        Entries wanted, at most a quarter of all pairs. Pairs drawn twice are merged and drawn again
        a few times, so there are a few percent fewer.
    part : int
        Entries at a time; 100 bytes of memory for each, beside the matrix itself.

    Returns
    -------
    scipy.sparse.csr_matrix
        As from :func:`powerlaw_matrix`. No user has more than a quarter of the items.
    """
    rng = np.random.default_rng(seed)
    item_of_rank = rng.permutation(n_items).astype(np.int32)
    cluster_of_user = rng.integers(0, clusters, n_users)
    user_weight = rng.permutation(np.arange(1, n_users + 1, dtype=np.float64) ** -user_exponent)
    item_weight = np.arange(1, n_items + 1, dtype=np.float64) ** -item_exponent
    wanted = rng.multinomial(nnz, user_weight / user_weight.sum())
    np.minimum(wanted, n_items // 4, out=wanted)
    ends = np.cumsum(wanted)
    cuts = np.searchsorted(ends, np.arange(0, ends[-1], part), side="right")
    bounds = np.unique([0, *cuts, n_users])

    indices = np.empty(ends[-1], dtype=np.int32)
    lengths = np.zeros(n_users, dtype=np.int64)
    filled = 0
    for begin, end in pairwise(bounds):
        pairs = np.empty(0, dtype=np.int64)
        for _ in range(_REDRAWS):
            missing = wanted[begin:end] - np.bincount(
                pairs // n_items - begin, minlength=end - begin
            )
            users = np.repeat(np.arange(begin, end), missing)
            ranks = _draw(rng, item_weight, len(users))
            home = rng.random(len(users)) < home_share
            moved = ranks[home] - ranks[home] % clusters + cluster_of_user[users[home]]
            ranks[home] = np.minimum(moved, n_items - 1)
            pairs = np.concatenate([pairs, users * n_items + item_of_rank[ranks]])
            pairs.sort()
            pairs = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
        rows, columns = np.divmod(pairs, n_items)
        lengths[begin:end] = np.bincount(rows - begin, minlength=end - begin)
        indices[filled : filled + len(pairs)] = columns
        filled += len(pairs)
    indptr = np.zeros(n_users + 1, dtype=np.int64)
    np.cumsum(lengths, out=indptr[1:])
    values = rng.integers(2, 7, filled, dtype=np.int8).astype(np.float32)
    matrix = csr_matrix((values, indices[:filled], indptr), shape=(n_users, n_items))
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix

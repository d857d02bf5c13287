"""Readable NumPy twin of the exact top-N kernel: what the native one is held to."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix

from recsys.retrieval.base import (
    Hits,
    candidate_rows,
    check_count,
    check_exclude,
    check_vectors,
    empty_hits,
)


def top_n_reference(
    queries: ArrayLike,
    items: ArrayLike,
    n: int,
    *,
    exclude: csr_matrix | None = None,
    allow: ArrayLike | None = None,
    deny: ArrayLike | None = None,
) -> Hits:
    """Score everything, strike out what is excluded, sort: exact top-N without any haste.

    Parameters
    ----------
    queries : array-like, shape (q, factors)
        Finite values.
    items : array-like, shape (size, factors)
        Finite values.
    n : int
        Rows wanted for each query.
    exclude, allow, deny
        As in :meth:`recsys.retrieval.Index.search`.

    Returns
    -------
    Hits
        Higher score first, of equal scores the lower row first. Scores are accumulated in
        float32 factor by factor, as the kernel does, but without fused multiply-add.

    Raises
    ------
    InvalidInputError
        As in :meth:`recsys.retrieval.Index.search`.

    Examples
    --------
    >>> hits = top_n_reference([[1.0, 0.0]], [[1.0, 5.0], [3.0, 0.0], [3.0, 9.0]], n=2)
    >>> hits.ids.tolist(), hits.scores.tolist()
    ([[1, 2]], [[3.0, 3.0]])
    """
    n = check_count(n)
    y = check_vectors(items, "items")
    x = check_vectors(queries, "queries", y.shape[1])
    excluded = check_exclude(exclude, len(x), len(y))
    candidates = candidate_rows(len(y), allow, deny)
    hits = empty_hits(len(x), n)
    for query in range(len(x)):
        scores = np.zeros(len(y), dtype=np.float32)
        for factor in range(y.shape[1]):
            scores += x[query, factor] * y[:, factor]
        possible = np.zeros(len(y), dtype=np.bool_)
        possible[slice(None) if candidates is None else candidates] = True
        if excluded is not None:
            start, end = excluded.indptr[query : query + 2]
            possible[excluded.indices[start:end]] = False
        possible &= scores > -np.inf  # also strikes out NaN
        rows = np.flatnonzero(possible)
        best = rows[np.argsort(-scores[rows], kind="stable")][:n]
        hits.ids[query, : len(best)] = best
        hits.scores[query, : len(best)] = scores[best]
        hits.counts[query] = len(best)
    return hits

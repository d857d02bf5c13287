"""How much of the exact answer an approximate index finds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recsys.errors import InvalidInputError
from recsys.retrieval.base import Hits, Index

_CELLS = 16_000_000  # comparisons held at a time


def recall_against_exact(index: Index, exact: Index, queries: ArrayLike, n: int) -> float:
    """Share of the exact top `n` that `index` returns.

    Parameters
    ----------
    index : Index
        The index to judge.
    exact : Index
        An exact index over the same vectors.
    queries : array-like, shape (q, factors)
        At least one.
    n : int
        Length of the lists.

    Returns
    -------
    float
        In [0, 1], over all true entries of all queries. An item whose score equals that of the
        last exact one counts as found, since nothing but the tie rule sets them apart.

    Raises
    ------
    InvalidInputError
        The indexes differ in size, or there is no query.

    Examples
    --------
    >>> from recsys.retrieval import ExactIndex
    >>> index = ExactIndex([[1.0], [2.0]])
    >>> recall_against_exact(index, index, [[1.0]], n=1)
    1.0
    """
    if index.size != exact.size:
        raise InvalidInputError(
            f"the indexes hold {index.size} and {exact.size} items; recall needs the same items"
        )
    truth = exact.search(queries, n)
    found = index.search(queries, n)
    total = int(truth.counts.sum())
    if total == 0:
        raise InvalidInputError("recall needs at least one query and one item, found none")
    return int(found_per_query(truth, found).sum()) / total


def found_per_query(truth: Hits, found: Hits) -> NDArray[np.int64]:
    """How many entries of each line of `truth` the same line of `found` holds.

    Parameters
    ----------
    truth, found : Hits
        Exact and found answers to the same queries.

    Returns
    -------
    ndarray of int64, shape (q,)
        Ties at the end count as in :func:`recall_against_exact`.
    """
    width = max(1, truth.ids.shape[1] * found.ids.shape[1])
    step = max(1, _CELLS // width)
    last = np.maximum(truth.counts - 1, 0)
    floors = truth.scores[np.arange(len(truth)), last][:, None]
    valid = np.arange(found.ids.shape[1]) < found.counts[:, None]
    # Two implementations may differ in the last bits of a score.
    with np.errstate(invalid="ignore"):
        good = np.isclose(found.scores, floors, rtol=1e-6, atol=0.0)
    for start in range(0, len(truth), step):
        rows = slice(start, start + step)
        good[rows] |= (found.ids[rows, :, None] == truth.ids[rows, None, :]).any(axis=2)
    hits: NDArray[np.int64] = np.minimum((good & valid).sum(axis=1), truth.counts)
    return hits.astype(np.int64)

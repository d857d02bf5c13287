"""The best rows for a factor vector, in the form that ``implicit`` gives them.

The search itself is :class:`recsys.retrieval.ExactIndex`; here are the shapes, the restriction to
some rows, and the scores of double-precision models.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.als.config import whole_number
from recsys.errors import InvalidInputError
from recsys.retrieval import ExactIndex

Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Ranked: TypeAlias = tuple[NDArray[Any], NDArray[Any]]


def rows_of(values: ArrayLike, size: int, name: str) -> NDArray[np.int64]:
    """Return row numbers as an int64 array of one dimension.

    Parameters
    ----------
    values : int or array-like of int
        Row numbers.
    size : int
        How many rows there are.
    name : str
        What they are called in errors.

    Raises
    ------
    InvalidInputError
        Not whole numbers within ``[0, size)``.
    """
    try:
        rows = np.atleast_1d(np.asarray(values))
    except ValueError as error:
        raise InvalidInputError(f"{name} is {values!r}, expected whole numbers") from error
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise InvalidInputError(
            f"{name} is an array of {rows.dtype} with {rows.ndim} dimensions, expected one "
            "dimension of whole numbers"
        )
    outside = rows[(rows < 0) | (rows >= size)]
    if outside.size:
        raise InvalidInputError(
            f"{name} holds {outside[0]}, which the model does not have; expected 0 to {size - 1}"
        )
    return rows.astype(np.int64)


def unit_rows(vectors: Floats) -> NDArray[np.float32]:
    """Return `vectors`, shape (n, f), as float32 of length 1; rows of zeros stay zeros."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    norms[norms == 0] = 1.0
    return np.ascontiguousarray(vectors / norms, dtype=np.float32)


def best_rows(
    index: ExactIndex,
    exact: Floats,
    queries: Floats,
    n: int,
    *,
    exclude: csr_matrix | None = None,
    only: ArrayLike | None = None,
    without: ArrayLike | None = None,
    names: tuple[str, str] = ("items", "filter_items"),
    num_threads: int = 0,
) -> Ranked:
    """Rank rows of `index` for each query.

    Parameters
    ----------
    index : ExactIndex
        Over the vectors to rank, float32.
    exact : ndarray, shape (size, f)
        The same vectors in the model's dtype, from which scores of a float64 model are computed.
    queries : ndarray, shape (q, f)
        In the model's dtype.
    n : int
        Rows wanted, >= 1.
    exclude : csr_matrix, shape (q, size), optional
        Its stored entries are left out, for their query.
    only, without : array-like of int, optional
        The rows that may be returned, or those that may not; not both.
    names : tuple of str
        What `only` and `without` are called in errors.
    num_threads : int
        Threads; 0 for all.

    Returns
    -------
    ids : ndarray of int32 (with `only` int64), shape (q, n)
        Best first; -1 after the last true row.
    scores : ndarray of the model's dtype, shape (q, n)
        Falling; -inf after the last true row.

    Raises
    ------
    InvalidInputError
        A row that does not exist, both `only` and `without`, or `n` below 1.
    """
    n = whole_number("N", n, 1)
    if only is not None and without is not None and np.size(without):
        raise InvalidInputError(f"{names[0]} and {names[1]} are both given, expected one of them")
    allow = deny = None
    if only is not None:
        allow = np.unique(rows_of(only, index.size, names[0]))
        if not len(allow):
            raise InvalidInputError(f"{names[0]} is empty, expected at least one row to rank")
    if without is not None and np.size(without):
        deny = rows_of(without, index.size, names[1])
    hits = index.search(
        queries, n, exclude=exclude, allow=allow, deny=deny, num_threads=num_threads
    )
    ids, scores = hits.ids, hits.scores
    if exact.dtype != np.float32:
        ids, scores = _rescored(ids, exact, queries)
    # implicit answers with entries of the list that it was given: those are int64
    return (ids if only is None else ids.astype(np.int64)), scores


def _rescored(ids: NDArray[Any], exact: Floats, queries: Floats) -> Ranked:
    """Compute the scores of found rows in the dtype of `exact`, and order by them."""
    scores = np.full(ids.shape, -np.inf, dtype=exact.dtype)
    for line, (found, query) in enumerate(zip(ids, queries, strict=True)):
        true = found >= 0
        scores[line, true] = exact[found[true]] @ query
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)

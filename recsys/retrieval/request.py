"""A search as every index takes it: what a caller gave, checked once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.retrieval.base import (
    candidate_rows,
    check_count,
    check_exclude,
    check_threads,
    check_vectors,
)


@dataclass(frozen=True)
class Request:
    """A search whose parameters have been checked.

    Attributes
    ----------
    queries : ndarray of float32, shape (q, factors)
        Finite.
    n : int
        Rows wanted for each, at least 1.
    exclude : csr_matrix, shape (q, size), or None
        Rows that single queries leave out; None where none does.
    rows : ndarray of int32, ascending, or None
        The rows that may be returned; None for all of them.
    allowed : int
        How many these are.
    threads : int
        At least 0.
    """

    queries: NDArray[np.float32]
    n: int
    exclude: csr_matrix | None
    rows: NDArray[np.int32] | None
    allowed: int
    threads: int


def check_request(
    shape: tuple[int, ...],
    queries: ArrayLike,
    n: int,
    *,
    exclude: csr_matrix | None,
    allow: ArrayLike | None,
    deny: ArrayLike | None,
    num_threads: int,
) -> Request:
    """Check what a caller gave to search item vectors of `shape` (size, factors).

    Raises
    ------
    InvalidInputError
        A parameter is of the wrong shape, out of range, or not finite.
    """
    size, factors = shape
    n = check_count(n)
    threads = check_threads(num_threads)
    x = check_vectors(queries, "queries", factors)
    excluded = check_exclude(exclude, len(x), size)
    rows = candidate_rows(size, allow, deny)
    return Request(x, n, excluded, rows, size if rows is None else len(rows), threads)

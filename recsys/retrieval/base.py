"""What every index answers and accepts: the result type, the interface, the shared checks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.errors import CapacityError, InvalidInputError

NO_ROW = -1
NO_SCORE = float("-inf")


@dataclass(frozen=True)
class Hits:
    """The best rows of each query, best first.

    Attributes
    ----------
    ids : ndarray of int32, shape (q, n)
        Rows of the index; -1 after the last true one.
    scores : ndarray of float32, shape (q, n)
        Inner products, falling along each line; -inf after the last true one.
    counts : ndarray of int32, shape (q,)
        How many entries of each line are true.
    """

    ids: NDArray[np.int32]
    scores: NDArray[np.float32]
    counts: NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.counts)


@runtime_checkable
class Index(Protocol):
    """Maximum inner product search over a matrix of item vectors.

    A row is the position of an item in that matrix, and stays it: added items come after the last
    one, removed ones keep their numbers and are never returned.

    Attributes
    ----------
    kind : str
        ``"exact"``, ``"flat"``, ``"hnsw"``, ``"ivf"`` or ``"ivfpq"``.
    size : int
        Number of item rows, removed ones included.
    factors : int
        Length of a vector.
    """

    kind: str

    @property
    def size(self) -> int:
        """Return the number of item rows, removed ones included."""
        ...

    @property
    def factors(self) -> int:
        """Return the length of a vector."""
        ...

    def search(
        self,
        queries: ArrayLike,
        n: int,
        *,
        exclude: csr_matrix | None = None,
        allow: ArrayLike | None = None,
        deny: ArrayLike | None = None,
        num_threads: int = 0,
    ) -> Hits:
        """Return the `n` best rows of each query.

        Parameters
        ----------
        queries : array-like, shape (q, factors)
            Finite values, taken as float32.
        n : int
            Rows wanted for each query, at least 1. Fewer are given where fewer remain.
        exclude : csr_matrix, shape (q, size), optional
            Its stored entries are never returned for their query, whatever their value.
        allow : array-like of int, optional
            The only rows that may be returned. Duplicates and order do not matter.
        deny : array-like of int, optional
            Rows that may not be returned; wins over `allow`.
        num_threads : int
            Threads to use; 0 means every processor this process may run on.

        Returns
        -------
        Hits
            Exact counts: a line is short only if the catalogue, after `exclude`, `allow` and
            `deny`, holds no more rows.

        Raises
        ------
        InvalidInputError
            A parameter is of the wrong shape, out of range, or not finite.
        """
        ...

    @property
    def removed(self) -> NDArray[np.int64]:
        """Return the removed rows, ascending."""
        ...

    @property
    def bytes(self) -> int:
        """Return the memory that vectors and index take, mapped or not."""
        ...

    @property
    def recall_(self) -> float | None:
        """Return the share of the exact answer that is found.

        1.0 where the search is exhaustive, else the figure measured when the index was tuned, or
        None where nobody measured it.
        """
        ...

    def add(self, vectors: ArrayLike) -> NDArray[np.int64]:
        """Append items without building anew.

        Parameters
        ----------
        vectors : array-like, shape (k, factors)
            Finite values.

        Returns
        -------
        ndarray of int64, shape (k,)
            The rows that they got: ``size .. size + k - 1`` of before.

        Raises
        ------
        InvalidInputError
            Not a matrix of finite numbers of that width; nothing is added then.
        """
        ...

    def remove(self, rows: ArrayLike) -> None:
        """Leave `rows` out of every search from now on; their numbers stay taken.

        Raises
        ------
        InvalidInputError
            Not whole numbers within ``[0, size)``; nothing is removed then.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return kind, sizes, settings and measured recall, as JSON can hold them."""
        ...

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index into the folder `path`, removed rows included."""
        ...


def described(index: Index) -> dict[str, Any]:
    """Return what every index tells of itself, as JSON can hold it."""
    return {
        "index": index.kind,
        "size": index.size,
        "factors": index.factors,
        "removed": len(index.removed),
        "bytes": index.bytes,
        "recall": index.recall_,
    }


def check_count(n: int, name: str = "n") -> int:
    """Return `n` as a plain int of at least 1, or raise :class:`InvalidInputError`."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise InvalidInputError(f"{name} is {n!r}, expected a whole number of at least 1")
    return int(n)


def check_threads(num_threads: int) -> int:
    """Return `num_threads` as a plain int of at least 0, or raise :class:`InvalidInputError`."""
    if isinstance(num_threads, bool) or not isinstance(num_threads, int | np.integer):
        raise InvalidInputError(f"num_threads is {num_threads!r}, expected a whole number")
    if num_threads < 0:
        raise InvalidInputError(f"num_threads is {num_threads}, expected 0 (all) or more")
    return int(num_threads)


def check_vectors(values: ArrayLike, what: str, factors: int | None = None) -> NDArray[np.float32]:
    """Return `values` as a C-contiguous float32 matrix of finite numbers.

    Parameters
    ----------
    values : array-like, shape (rows, factors)
        Numbers. Nothing is copied where they already are contiguous float32.
    what : str
        What they are called in an error.
    factors : int, optional
        Length that each row has to have.

    Returns
    -------
    ndarray of float32, shape (rows, factors)

    Raises
    ------
    InvalidInputError
        Not a matrix of finite numbers of that width.
    """
    try:
        with np.errstate(over="ignore"):
            matrix = np.ascontiguousarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{what} are not a matrix of numbers: {error}") from error
    given = np.ndim(values) if not isinstance(values, np.ndarray) else values.ndim
    if given != 2 or matrix.shape[1] < 1:
        raise InvalidInputError(
            f"{what} have shape {np.shape(values)}, expected two dimensions (rows, factors)"
        )
    if factors is not None and matrix.shape[1] != factors:
        raise InvalidInputError(
            f"{what} have {matrix.shape[1]} factors, the index has {factors}; "
            "use vectors of the model that the index was built from"
        )
    check_finite(matrix, what)
    return matrix


def check_finite(matrix: NDArray[np.float32], what: str) -> None:
    """Raise :class:`InvalidInputError` with the first place that is NaN or infinite."""
    # A sum is finite only if all its terms are: one pass without a mask of the matrix's size.
    # It may overflow though all are finite, so the rows in question are looked at again.
    with np.errstate(over="ignore", invalid="ignore"):
        doubtful = np.flatnonzero(~np.isfinite(matrix.sum(axis=1, dtype=np.float32)))
    for row in doubtful:
        bad = np.flatnonzero(~np.isfinite(matrix[row]))
        if len(bad):
            raise InvalidInputError(
                f"{what} hold {matrix[row, bad[0]]} in row {row}, factor {bad[0]}; expected "
                "finite float32 values"
            )


def check_exclude(exclude: csr_matrix | None, queries: int, size: int) -> csr_matrix | None:
    """Return `exclude` with sorted indices, or None where it excludes nothing.

    Raises
    ------
    InvalidInputError
        It is not a CSR matrix of shape (`queries`, `size`).
    """
    if exclude is None:
        return None
    if getattr(exclude, "format", None) != "csr":
        raise InvalidInputError(
            f"exclude is a {type(exclude).__name__}, expected a scipy.sparse.csr_matrix"
        )
    if exclude.shape != (queries, size):
        raise InvalidInputError(
            f"exclude has shape {exclude.shape}, expected {(queries, size)}: a line for each "
            "query and a column for each item"
        )
    if exclude.nnz == 0:
        return None
    return exclude if exclude.has_sorted_indices else exclude.sorted_indices()


def candidate_rows(
    size: int, allow: ArrayLike | None, deny: ArrayLike | None
) -> NDArray[np.int32] | None:
    """Return the rows that may be returned, ascending, or None where that is all of them.

    Parameters
    ----------
    size : int
        Number of item rows.
    allow, deny : array-like of int, optional
        As in :meth:`Index.search`.

    Returns
    -------
    ndarray of int32 or None

    Raises
    ------
    InvalidInputError
        Not whole numbers within ``[0, size)``.
    """
    if allow is None and (deny is None or np.size(deny) == 0):
        return None
    if allow is None:
        keep = np.ones(size, dtype=np.bool_)
    else:
        keep = np.zeros(size, dtype=np.bool_)
        keep[check_rows(allow, size, "allow")] = True
    if deny is not None:
        keep[check_rows(deny, size, "deny")] = False
    return np.flatnonzero(keep).astype(np.int32)


def check_rows(values: ArrayLike, size: int, name: str) -> NDArray[np.int64]:
    """Return `values` as item rows, or raise :class:`InvalidInputError`."""
    rows = np.asarray(values)
    if rows.size == 0:
        return np.empty(0, dtype=np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise InvalidInputError(
            f"{name} is an array of {rows.dtype} with {rows.ndim} dimensions, expected item rows: "
            "one dimension of whole numbers"
        )
    low, high = int(rows.min()), int(rows.max())
    if low < 0 or high >= size:
        raise InvalidInputError(
            f"{name} holds row {low if low < 0 else high}, expected rows from 0 to {size - 1}"
        )
    return rows.astype(np.int64)


_Scalar = TypeVar("_Scalar", bound=np.generic)


def allocate(shape: tuple[int, ...], dtype: type[_Scalar]) -> NDArray[_Scalar]:
    """Return an uninitialised result array, or raise :class:`CapacityError` naming its size."""
    try:
        return np.empty(shape, dtype=dtype)
    except (MemoryError, ValueError) as error:
        size = float(np.prod(np.array(shape, dtype=np.float64))) * np.dtype(dtype).itemsize
        raise CapacityError(
            f"a result of shape {shape} needs {size / 2**30:.1f} GiB, which cannot be had; ask "
            "for fewer rows or search in blocks of queries"
        ) from error


def empty_hits(queries: int, n: int) -> Hits:
    """Return hits without a single true row."""
    ids = allocate((queries, n), np.int32)
    scores = allocate((queries, n), np.float32)
    ids.fill(NO_ROW)
    scores.fill(NO_SCORE)
    return Hits(ids, scores, np.zeros(queries, dtype=np.int32))

"""Sparse matrices as they are given: checked, and taken without a copy where that can be.

SciPy gives row pointers and column indices one type. A matrix of 2**31 entries or more, whose
pointers need 64 bits, would thus have its indices copied to 64 bits, and read from the disk where
they are mapped. What is here leaves each array its own type.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse

from recsys.errors import InvalidInputError

_CHUNK = 1 << 18


def csr_over(
    data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], shape: tuple[int, int]
) -> csr_matrix:
    """Return a csr_matrix over arrays as they are: nothing is cast, copied or read.

    For arrays in a file (``numpy.memmap``), however many entries they hold: training on float32
    values, int32 indices that ascend within each row, and int64 pointers reads them in place.
    SciPy's own operations may refuse or convert a matrix whose index types differ.

    Parameters
    ----------
    data : ndarray of float32, shape (entries,)
        Values.
    indices : ndarray of int32, shape (entries,)
        Column of each.
    indptr : ndarray of int64, shape (rows + 1,)
        Where each row begins; the last one is the number of entries.
    shape : tuple of int
        Rows and columns.

    Raises
    ------
    InvalidInputError
        Arrays of other dimensions or sizes. What they hold is checked where it is used.

    Examples
    --------
    >>> pointers = np.array([0, 1, 3], np.int64)
    >>> columns, values = np.array([2, 0, 1], np.int32), np.ones(3, np.float32)
    >>> matrix = csr_over(values, columns, pointers, (2, 3))
    >>> matrix.indices is columns, matrix.indptr.dtype, matrix.toarray().tolist()
    (True, dtype('int64'), [[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    """
    if not data.ndim == indices.ndim == indptr.ndim == 1:
        raise InvalidInputError("data, indices and indptr are expected to be of one dimension each")
    if len(indptr) != shape[0] + 1 or len(data) != len(indices):
        raise InvalidInputError(
            f"{len(data)} values, {len(indices)} indices and {len(indptr)} pointers do not make a "
            f"matrix of shape {shape}; expected as many values as indices, and {shape[0] + 1} "
            "pointers"
        )
    made = csr_matrix(shape, dtype=data.dtype)
    made.data, made.indices, made.indptr = data, indices, indptr
    return made


def taken_csr(matrix: Any) -> csr_matrix:
    """Return a CSR matrix or array as csr_matrix over its own arrays, once they are sound.

    Like ``check_format``, which would convert indices and cut arrays off by copying them.

    Raises
    ------
    ValueError
        Pointers, indices and values contradict each other.
    """
    data, indices, indptr = matrix.data, matrix.indices, matrix.indptr
    rows, columns = matrix.shape
    if not data.ndim == indices.ndim == indptr.ndim == 1:
        raise ValueError("data, indices and indptr are not of one dimension each")
    if indices.dtype.kind not in "iu" or indptr.dtype.kind not in "iu":
        raise ValueError(f"its indices are {indices.dtype} and its pointers {indptr.dtype}")
    if len(indptr) != rows + 1:
        raise ValueError(f"it has {len(indptr)} pointers, expected {rows + 1}")
    entries = int(indptr[-1])
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        raise ValueError("its pointers do not rise from 0")
    if not entries <= len(indices) == len(data):
        raise ValueError(
            f"it has {len(data)} values and {len(indices)} indices, its pointers end at {entries}"
        )
    if entries and not 0 <= indices[:entries].min() <= indices[:entries].max() < columns:
        raise ValueError(f"it has an index outside 0 to {columns - 1}")
    if isinstance(matrix, csr_matrix) and entries == len(data):
        return matrix
    return csr_over(data[:entries], indices[:entries], indptr, (rows, columns))


def canonical_csr(matrix: Any, name: str) -> csr_matrix:
    """Return `matrix` as CSR of float32 with sorted, unique columns; the input is not changed.

    Parameters
    ----------
    matrix : scipy.sparse matrix or array
        Any sparse format. Nothing is copied where it is CSR, float32 and canonical already.
        Duplicate entries are summed.
    name : str
        Its name in errors.

    Raises
    ------
    InvalidInputError
        Not sparse, complex or not numeric, or an inner structure that contradicts itself.
    """
    if not issparse(matrix):
        raise InvalidInputError(
            f"{name} is a {type(matrix).__name__}, expected a scipy.sparse.csr_matrix; "
            "wrap a dense array with csr_matrix(...)"
        )
    if matrix.ndim != 2 or matrix.dtype.kind not in "buif":
        raise InvalidInputError(
            f"{name} is of dtype {matrix.dtype} and {matrix.ndim} dimensions, expected a matrix of "
            "real numbers"
        )
    try:
        # To float32 before duplicates are summed: small integers would wrap around.
        with np.errstate(over="ignore"):  # an overflow is infinite, and refused as such
            if matrix.format == "csr":
                csr = taken_csr(matrix)
                if csr.dtype != np.float32:
                    values = csr.data.astype(np.float32)
                    csr = csr_over(values, csr.indices, csr.indptr, csr.shape)
            else:
                csr = csr_matrix(matrix.astype(np.float32, copy=False))
        if not is_canonical(csr):
            csr = summed(csr)
    except ValueError as error:
        raise InvalidInputError(f"{name} is not a sound sparse matrix: {error}") from error
    return csr


def is_canonical(csr: csr_matrix) -> bool:
    """Whether the columns of every row ascend, none twice."""
    indices, indptr = csr.indices, csr.indptr
    if indices.dtype == indptr.dtype:
        return bool(csr.has_canonical_format)
    for begin in range(0, len(indices) - 1, _CHUNK):
        end = min(begin + _CHUNK, len(indices) - 1)
        # An entry that does not rise above the one before has to be the first of its row.
        falls = np.flatnonzero(indices[begin + 1 : end + 1] <= indices[begin:end]) + (begin + 1)
        if (indptr[np.searchsorted(indptr, falls)] != falls).any():
            return False
    return True


def summed(csr: csr_matrix) -> csr_matrix:
    """Return a canonical copy: columns sorted, duplicates added up."""
    copied = csr_matrix((csr.data, csr.indices, csr.indptr), shape=csr.shape, copy=True)
    copied.sum_duplicates()
    return copied


def absolute_sum(values: NDArray[Any]) -> float:
    """Sum of absolute values, in double, without an array of them."""
    return sum(
        float(np.abs(values[begin : begin + _CHUNK]).sum(dtype=np.float64))
        for begin in range(0, len(values), _CHUNK)
    )

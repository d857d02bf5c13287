"""The border to the native core: its variants, its sparse matrices, and what it throws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recsys.als import _als
from recsys.als._als import SparseRows as SparseRows
from recsys.errors import CapacityError, InvalidInputError

Factors = NDArray[np.float32] | NDArray[np.float64]

Weights = NDArray[np.float32]

_MAX_ROWS = np.iinfo(np.int32).max


def simd_variants() -> list[str]:
    """Kernel variants that this build holds and this processor runs, slowest first.

    Examples
    --------
    >>> "baseline" in simd_variants()
    True
    """
    return _als.simd_variants()


def simd_variant() -> str:
    """The variant in use: what the environment variable ``ALSATIAN_SIMD`` names, or the fastest.

    Raises
    ------
    InvalidInputError
        ``ALSATIAN_SIMD`` names a variant that is unknown or cannot run here.

    Examples
    --------
    >>> simd_variant() in simd_variants()
    True
    """
    with native_errors("ALSATIAN_SIMD"):
        return _als.simd_variant()


@contextmanager
def native_errors(what: str) -> Iterator[None]:
    """Turn what the native core throws into the project's errors, with `what` as the subject."""
    try:
        yield
    except ValueError as error:
        raise InvalidInputError(f"{what}: {error}") from error
    except OverflowError as error:
        raise InvalidInputError(
            f"{what}: {error}; expected smaller confidences or more regularization"
        ) from error
    except MemoryError as error:
        raise CapacityError(
            f"{what}: the system has no memory left for it; use fewer factors or threads"
        ) from error


def sparse_rows(csr: csr_matrix, name: str) -> SparseRows:
    """Hand a canonical CSR to the native core, which checks every entry.

    Raises
    ------
    InvalidInputError
        A value is NaN or infinite, an index out of range, or there are more than 2**31 - 1 rows or
        columns.
    """
    if max(csr.shape) > _MAX_ROWS:
        raise InvalidInputError(
            f"{name} has shape {csr.shape}, expected at most {_MAX_ROWS} a side"
        )
    with native_errors(f"{name} (expected finite values at columns within range)"):
        return SparseRows(
            np.ascontiguousarray(csr.indptr, dtype=np.int64),
            np.ascontiguousarray(csr.indices, dtype=np.int32),
            np.ascontiguousarray(csr.data, dtype=np.float32),
            int(csr.shape[1]),
        )


def transposed(rows: SparseRows, num_threads: int = 0) -> SparseRows:
    """The transpose: 8 bytes an entry, 8 bytes a column, by counting on all threads."""
    with native_errors("user_items"):
        return SparseRows(*rows.transposed(num_threads), rows.rows)


def thread_count(num_threads: int) -> int:
    """How many threads `num_threads` means: 0 is every processor this process may use."""
    return _als.threads(num_threads)

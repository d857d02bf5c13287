"""The native core, typed: what comes in is checked here, what goes wrong there is said plainly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse
from threadpoolctl import ThreadpoolController

from recsys.als import _als
from recsys.als._als import SparseRows as SparseRows
from recsys.als.choice import fastest
from recsys.als.config import ALSConfig
from recsys.als.reference import NOTHING, Terms
from recsys.als.sparse import csr_over, is_canonical, summed, taken_csr
from recsys.errors import CapacityError, InvalidInputError

Factors = NDArray[np.float32] | NDArray[np.float64]

Weights = NDArray[np.float32]

_MAX_ROWS = np.iinfo(np.int32).max
_NARROW_ENTRIES = 1_000_000


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


@dataclass(frozen=True)
class Weighting:
    """The weights of the objective as the native core takes them."""

    alpha: float
    unobserved: float
    regularization: float
    exponent: float

    @classmethod
    def of(cls, config: ALSConfig) -> Weighting:
        """Take them out of the settings."""
        return cls(
            config.alpha,
            config.unobserved_weight,
            config.regularization,
            config.regularization_exponent,
        )


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


class Size(NamedTuple):
    """How large a side's matrix is: what the way of its half-sweep is chosen by."""

    rows: int
    entries: int


@dataclass(frozen=True)
class Way:
    """How a half-sweep goes, decided from the whole of both sides before its first row is solved.

    Rows may then be solved in blocks, on other machines too, as if it were all at once.

    Attributes
    ----------
    solver : str
        ``"cg"``, ``"cholesky"`` or ``"subspace"``.
    split : bool
        Whether factors may be read in 16 bits.
    gramian : ndarray of float64, shape (f, f), or None
        Of the other side; None where the native core is to compute it.
    eigenvalues, eigenvectors : ndarray of float64, shape (f,) and (f, f), or None
        Of the Gramian, where they are worth it.
    """

    solver: str
    split: bool
    gramian: NDArray[np.float64] | None
    eigenvalues: NDArray[np.float64] | None = None
    eigenvectors: NDArray[np.float64] | None = None


def choose_way(
    size: Size | SparseRows,
    other: Factors,
    config: ALSConfig,
    *,
    solver: str | None = None,
    gramian: NDArray[np.float64] | None = None,
    terms: Terms = NOTHING,
    with_gramian: bool = False,
) -> Way:
    """Decide how rows of a matrix of `size` are solved given `other`; see :func:`solve`.

    Parameters
    ----------
    size : Size or SparseRows
        The whole matrix, or how large it is.
    other, config, solver, gramian, terms
        As of :func:`solve`.
    with_gramian : bool
        Compute the Gramian in any case, with the bits that the native core would come to.
    """
    chosen, split = _kind(size, config, solver)
    plain = terms.offsets is None and terms.priors is None
    basis = plain and _worth_a_basis(size, config, chosen, split)
    if gramian is None and (basis or with_gramian):
        gramian = _als.gramian(
            other,
            row_weights=terms.column_weights,
            split=chosen == "cg" if basis else split,
            num_threads=config.num_threads,
        )
    if basis and gramian is not None:
        return Way(chosen, split, gramian, *_eigen(gramian))
    return Way(chosen, split, gramian)


def part_of_gramian(
    rows: Factors, size: Size, config: ALSConfig, weights: Weights | None = None
) -> NDArray[np.float64]:
    """What `rows` add to the Gramian that :func:`choose_way` takes.

    Parameters
    ----------
    rows : ndarray, shape (n, f)
        Some of the factors that are held.
    size : Size
        Of the matrix whose rows are solved meanwhile.
    config : ALSConfig
        Settings of that half.
    weights : ndarray of float32, shape (n,), optional
        Weight of the unobserved pairs of each of `rows`.
    """
    chosen, split = _kind(size, config, None)
    with native_errors("factors"):
        return _als.gramian(
            rows,
            row_weights=weights,
            split=split and chosen == "cg",
            num_threads=config.num_threads,
        )


def solve(
    rows: SparseRows,
    target: Factors,
    other: Factors,
    config: ALSConfig,
    *,
    solver: str | None = None,
    gramian: NDArray[np.float64] | None = None,
    terms: Terms = NOTHING,
    linear: NDArray[np.float64] | None = None,
    name: str = "user_items",
    way: Way | None = None,
) -> None:
    """Solve every row of `target` in place, given all rows of `other`.

    Parameters
    ----------
    rows : SparseRows
        Stored values, ``len(target)`` rows and ``len(other)`` columns.
    target, other : ndarray
        Factors, C-contiguous, of the dtype of the settings.
    config : ALSConfig
        Weights, solver, its settings and threads; of items' rows, see :meth:`ALSConfig.of_items`.
    solver : str, optional
        Instead of the solver of the settings.
    gramian : ndarray of float64, shape (f, f), optional
        ``gramian(other, terms.column_weights)``, where it is known.
    terms : Terms
        Weights of unobserved pairs (float32), offsets and priors (of the dtype of the settings).
    linear : ndarray of float64, shape (f,), optional
        ``weighted_sum(other, terms.column_weights, terms.offsets)``, where it is known.
    name : str
        What the matrix is called in errors.
    way : Way, optional
        From :func:`choose_way`, where `rows` are a part of it all; then `solver` and `gramian` are
        not looked at.

    Raises
    ------
    InvalidInputError
        Shapes disagree, or a solution overflows.
    CapacityError
        No memory is left for the scratch of a thread.
    KeyboardInterrupt
        Ctrl-C; rows that were not reached keep their values.
    """
    weights = Weighting.of(config)
    with native_errors(name):
        if way is None:
            way = choose_way(rows, other, config, solver=solver, gramian=gramian, terms=terms)
        _als.solve(
            rows,
            target,
            other,
            solver=way.solver,
            cg_steps=config.cg_steps,
            subspace_dimension=config.subspace_dimension,
            alpha=weights.alpha,
            unobserved=weights.unobserved,
            regularization=weights.regularization,
            exponent=weights.exponent,
            gramian=way.gramian,
            eigenvalues=way.eigenvalues,
            eigenvectors=way.eigenvectors,
            split=way.split,
            row_weights=terms.row_weights,
            column_weights=terms.column_weights,
            offsets=terms.offsets,
            priors=terms.priors,
            linear=linear,
            num_threads=config.num_threads,
        )


def named_by_auto(rows: Size | SparseRows, config: ALSConfig) -> str:
    """The solver that ``"auto"`` means for these rows on this processor."""
    wide = simd_variant() in ("avx512", "amx")
    dimension = config.subspace_dimension
    return fastest(rows.entries, rows.rows, config.factors, dimension, wide=wide)


def _kind(size: Size | SparseRows, config: ALSConfig, solver: str | None) -> tuple[str, bool]:
    """The solver, and whether factors may be read in 16 bits."""
    chosen = solver or config.solver
    if chosen == "auto":
        chosen = named_by_auto(size, config)
    return chosen, solver is None and _narrow(size, config)


def _narrow(rows: Size | SparseRows, config: ALSConfig) -> bool:
    """Whether training may read factors in 16 bits: asked for, or enough to be faster."""
    if config.dtype != "float32" or config.gathered_dtype == "same":
        return False
    return config.gathered_dtype == "bfloat16" or rows.entries >= _NARROW_ENTRIES


def _worth_a_basis(rows: Size | SparseRows, config: ALSConfig, solver: str, split: bool) -> bool:
    """Whether the eigenvectors of the Gramian, which cost as long as some 4 f rows take, pay.

    ``cg`` reads narrow factors in their basis, ``cholesky`` solves rows in it that are shorter than
    7/8 of the factors: where rows are longer than 2 f in the mean, few are.
    """
    if config.gathered_dtype == "auto" and rows.rows < 4 * config.factors:
        return False
    if solver == "cholesky":
        return split and rows.entries <= 2 * config.factors * rows.rows
    return solver == "cg" and _narrow(rows, config)


@cache
def _blas() -> ThreadpoolController:
    """The libraries of linear algebra in this process; looking for them takes milliseconds."""
    return ThreadpoolController()


def _eigen(
    gramian: NDArray[np.float64],
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Eigenvalues and eigenvectors; None where they cannot be had, the factors having overflown."""
    try:
        # Threads of the library behind NumPy go on waiting for work after a call, on the processors
        # that solve() is about to take: with two, a sweep at 64 factors took 1.7 times as long.
        with _blas().limit(limits=1, user_api="blas"):
            values, vectors = np.linalg.eigh(gramian)
    except np.linalg.LinAlgError:
        return None, None
    if not (np.isfinite(values).all() and np.isfinite(vectors).all()):
        return None, None
    return values, np.ascontiguousarray(vectors)


def gramian(
    rows: Factors, num_threads: int = 0, weights: Weights | None = None
) -> NDArray[np.float64]:
    """``(rows.T * weights) @ rows`` in double: the same bits on any number of threads."""
    with native_errors("factors"):
        return _als.gramian(rows, row_weights=weights, num_threads=num_threads)


def weighted_sum(
    rows: Factors, weights: Weights | None = None, offsets: Factors | None = None
) -> NDArray[np.float64]:
    """``rows.T @ (weights * offsets)`` in double, each of 1 where it is None; shape (f,)."""
    with native_errors("factors"):
        return _als.weighted_sum(rows, row_weights=weights, offsets=offsets)


def objective(
    rows: SparseRows,
    users: Factors,
    items: Factors,
    config: ALSConfig,
    terms: Terms = NOTHING,
    item_priors: Factors | None = None,
) -> float:
    """The objective without the dense matrix.

    See :func:`recsys.als.reference.objective_value` for the formula, and for what `terms` (those of
    the users' half) and `item_priors` mean. The penalty of feature maps is left to the caller.
    """
    weights = Weighting.of(config)
    with native_errors("user_items"):
        return _als.objective(
            rows,
            users,
            items,
            alpha=weights.alpha,
            unobserved=weights.unobserved,
            regularization=weights.regularization,
            exponent=weights.exponent,
            item_regularization=config.of_items().regularization,
            row_weights=terms.row_weights,
            column_weights=terms.column_weights,
            offsets=terms.offsets,
            user_priors=terms.priors,
            item_priors=item_priors,
            num_threads=config.num_threads,
        )


def transposed(rows: SparseRows, num_threads: int = 0) -> SparseRows:
    """The transpose: 8 bytes an entry, 8 bytes a column, by counting on all threads."""
    with native_errors("user_items"):
        return SparseRows(*rows.transposed(num_threads), rows.rows)


def thread_count(num_threads: int) -> int:
    """How many threads `num_threads` means: 0 is every processor this process may use."""
    return _als.threads(num_threads)

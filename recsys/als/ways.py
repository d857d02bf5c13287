"""How a half-sweep goes: which solver, in what precision, in which basis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from recsys.als import _als
from recsys.als.border import Factors, SparseRows, Weights, native_errors, simd_variant
from recsys.als.choice import fastest
from recsys.als.config import ALSConfig
from recsys.als.reference import NOTHING, Terms

_NARROW_ENTRIES = 1_000_000


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
    """Decide how rows of a matrix of `size` are solved given `other`.

    See :func:`recsys.als.cpu.solve`.

    Parameters
    ----------
    size : Size or SparseRows
        The whole matrix, or how large it is.
    other, config, solver, gramian, terms
        As of :func:`recsys.als.cpu.solve`.
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

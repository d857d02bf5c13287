"""The native core, typed: what comes in is checked here, what goes wrong there is said plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.als import _als
from recsys.als.border import Factors as Factors
from recsys.als.border import SparseRows as SparseRows
from recsys.als.border import Weights as Weights
from recsys.als.border import native_errors as native_errors
from recsys.als.border import sparse_rows as sparse_rows
from recsys.als.border import thread_count as thread_count
from recsys.als.border import transposed as transposed
from recsys.als.config import ALSConfig
from recsys.als.reference import NOTHING, Terms
from recsys.als.ways import Way, choose_way


def _weights(config: ALSConfig) -> dict[str, Any]:
    """The weights of the objective as the native core takes them."""
    return {
        "alpha": config.alpha,
        "unobserved": config.unobserved_weight,
        "regularization": config.regularization,
        "exponent": config.regularization_exponent,
    }


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
            **_weights(config),
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
    with native_errors("user_items"):
        return _als.objective(
            rows,
            users,
            items,
            **_weights(config),
            item_regularization=config.of_items().regularization,
            row_weights=terms.row_weights,
            column_weights=terms.column_weights,
            offsets=terms.offsets,
            user_priors=terms.priors,
            item_priors=item_priors,
            num_threads=config.num_threads,
        )

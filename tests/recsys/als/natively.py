"""Half-sweeps and objectives of the native core, their twins, and how far these are apart."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
from scipy.sparse import csr_matrix, vstack

from recsys.als import _als, cpu, reference
from recsys.als.reference import NOTHING, Objective, Terms

from .conftest import every_kind_of_row, random_factors, random_matrix

TOLERANCE = {"float32": 2e-4, "float64": 1e-10}
OBJECTIVES = [
    Objective(alpha=1.0, unobserved=1.0, regularization=0.05, exponent=0.0),
    Objective(alpha=2.5, unobserved=0.1, regularization=0.003, exponent=1.0),
    Objective(alpha=0.5, unobserved=0.0, regularization=0.02, exponent=0.5),
    Objective(unobserved=0.3, regularization=0.02, exponent=0.5, item_regularization=0.4),
]
KINDS = ["column_weights", "row_weights", "offsets", "priors", "all"]


def solve(
    matrix,
    target,
    other,
    objective,
    solver,
    *,
    steps=3,
    dimension=64,
    terms=NOTHING,
    threads=1,
    **settings,
):
    """Solve every row of `target`; `settings` as the binding takes them."""
    weights = asdict(objective)
    del weights["item_regularization"]
    _als.solve(
        cpu.sparse_rows(matrix, "matrix"),
        target,
        other,
        solver=solver,
        cg_steps=steps,
        subspace_dimension=dimension,
        **weights,
        **asdict(terms),
        num_threads=threads,
        **settings,
    )


def solve_twin(matrix, target, other, objective, solver, *, steps=3, dimension=64, terms=NOTHING):
    if solver == "cg":
        reference.solve_cg(matrix, target, other, objective, steps, terms)
    elif solver == "subspace":
        reference.solve_subspace(matrix, target, other, objective, dimension, terms)
    else:
        reference.solve_cholesky(matrix, target, other, objective, terms)


def value_of(
    matrix, users, items, objective, *, terms=NOTHING, item_priors=None, threads=1, variant=""
):
    """The objective, by the native core."""
    return _als.objective(
        cpu.sparse_rows(matrix, "matrix"),
        users,
        items,
        **asdict(objective),
        row_weights=terms.row_weights,
        column_weights=terms.column_weights,
        offsets=terms.offsets,
        user_priors=terms.priors,
        item_priors=item_priors,
        num_threads=threads,
        variant=variant,
    )


def worst(found, expected) -> float:
    """Largest difference of a row, as a part of its largest factor."""
    size = np.maximum(np.abs(expected).max(axis=1, keepdims=True), 1e-3)
    return float((np.abs(found - expected) / size).max())


def assert_same(found, expected, dtype):
    """Equal to rounding, row by row, relative to the row's own size."""
    apart = worst(found, expected)
    assert apart < TOLERANCE[dtype], f"off by {apart:.2e} of the row's largest factor"


def terms_of(kind: str, rows: int, columns: int, factors: int, dtype: str) -> Terms:
    """One of the terms, or all at once; some weights are 0."""
    rng = np.random.default_rng(31)
    column_weights = np.maximum(rng.gamma(0.7, 1.5, columns) - 0.1, 0).astype(np.float32)
    row_weights = np.maximum(rng.gamma(2.0, 0.5, rows) - 0.1, 0).astype(np.float32)
    everything = Terms(
        row_weights=row_weights,
        column_weights=column_weights,
        offsets=rng.normal(0.2, 0.3, columns).astype(dtype),
        priors=random_factors(rows, factors, dtype, seed=32),
    )
    if kind == "all":
        return everything
    return replace(Terms(), **{kind: getattr(everything, kind)})


def mixed_lengths(columns: int, seed: int) -> csr_matrix:
    """Rows of every kind, and some of several blocks of tiles, with a rest."""
    long = random_matrix(3, columns, 0.97, seed)
    return csr_matrix(vstack([every_kind_of_row(columns, seed), long]))

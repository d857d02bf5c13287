"""The subspace solver (iALS++): its twin, its optimum, and what it owes to the order of work."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack

from recsys.als import AlternatingLeastSquares, reference
from recsys.als.reference import Objective

from .conftest import every_kind_of_row, random_factors, random_matrix
from .natively import OBJECTIVES, assert_same, solve, value_of


def native(matrix, target, other, objective, dimension, **settings):
    solve(matrix, target, other, objective, "subspace", dimension=dimension, **settings)


@pytest.mark.parametrize(
    ("factors", "dimension"),
    [(1, 1), (7, 64), (16, 16), (17, 16), (33, 1), (64, 16), (64, 64), (100, 32), (130, 64)],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_every_kind(variant, dtype, factors, dimension):
    matrix = every_kind_of_row(150, seed=factors)
    other = random_factors(150, factors, dtype, seed=1)
    start = random_factors(matrix.shape[0], factors, dtype, seed=2)
    for objective in OBJECTIVES:
        expected = start.astype(np.float64)
        reference.solve_subspace(matrix, expected, other, objective, dimension)
        for threads in (1, 3):
            found = start.copy()
            native(matrix, found, other, objective, dimension, threads=threads, variant=variant)
            assert_same(found, expected, dtype)


@pytest.mark.parametrize(("factors", "dimension"), [(40, 16), (48, 16)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_few_entries_are_read_in_place(variant, dtype, factors, dimension):
    # Fewer entries than the other side has rows: its columns are not copied.
    matrix = random_matrix(3, 4_000, 0.05, seed=3)
    other = random_factors(4_000, factors, dtype, seed=4)
    start = random_factors(3, factors, dtype, seed=5)
    expected = start.astype(np.float64)
    reference.solve_subspace(matrix, expected, other, OBJECTIVES[1], dimension)
    found = start.copy()
    native(matrix, found, other, OBJECTIVES[1], dimension, variant=variant)
    assert_same(found, expected, dtype)


def test_several_batches_give_what_one_gives(variant):
    # More than 2**20 entries are taken in batches of rows; alone, a row is a batch of its own.
    rows = csr_matrix(vstack([random_matrix(64, 1_000, 0.9, seed=6)] * 20))
    assert rows.nnz > 2**20
    other = random_factors(1_000, 20, "float64", seed=7)
    found = random_factors(rows.shape[0], 20, "float64", seed=8)
    found[64:] = np.tile(found[:64], (19, 1))
    expected = found[:64].copy()
    reference.solve_subspace(rows[:64], expected, other, OBJECTIVES[0], 16)
    native(rows, found, other, OBJECTIVES[0], 16, threads=2, variant=variant)
    for begin in range(0, rows.shape[0], 64):
        assert_same(found[begin : begin + 64], expected, "float64")


@pytest.mark.parametrize("dimension", [1, 8, 16, 24])
def test_half_sweeps_converge_to_the_exact_solution(variant, dimension):
    # Regularized enough that single dimensions converge within the test's patience.
    objective = Objective(alpha=2.5, unobserved=0.3, regularization=0.4, exponent=0.0)
    matrix = every_kind_of_row(60, seed=9)
    other = random_factors(60, 24, "float64", seed=10)
    exact = np.zeros((matrix.shape[0], 24))
    solve(matrix, exact, other, objective, "cholesky", variant=variant)
    found = random_factors(matrix.shape[0], 24, "float64", seed=11)
    values = [value_of(matrix, found, other, objective)]
    for _ in range(120):
        native(matrix, found, other, objective, dimension, variant=variant)
        values.append(value_of(matrix, found, other, objective))
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(values))
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_block_of_all_dimensions_is_exact(variant, dtype):
    matrix = every_kind_of_row(90, seed=12)
    other = random_factors(90, 40, dtype, seed=13)
    exact = np.zeros((matrix.shape[0], 40), dtype=dtype)
    solve(matrix, exact, other, OBJECTIVES[0], "cholesky", variant=variant)
    found = random_factors(matrix.shape[0], 40, dtype, seed=14)
    native(matrix, found, other, OBJECTIVES[0], 40, variant=variant)
    assert_same(found, exact, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("unobserved", [0.0, 1.0])
def test_singular_blocks_descend_to_the_minimum(variant, dtype, unobserved):
    # No regularization, factors that repeat each other within a block and between blocks.
    objective = Objective(alpha=1.0, unobserved=unobserved, regularization=0.0, exponent=0.0)
    matrix = every_kind_of_row(20, seed=15)
    base = random_factors(20, 3, dtype, seed=16)
    other = np.concatenate([base, base, np.zeros_like(base), base], axis=1)
    found = random_factors(matrix.shape[0], 12, dtype, seed=17)
    expected = np.zeros((matrix.shape[0], 12))
    reference.solve_cholesky(matrix, expected, other, objective)
    best = reference.objective_value(matrix, expected, other, objective)
    values = []
    for _ in range(30):
        native(matrix, found, other, objective, 6, variant=variant)
        assert np.isfinite(found).all()
        values.append(reference.objective_value(matrix, found, other, objective))
    slack = (1e-4 if dtype == "float32" else 1e-9) * max(1.0, best)
    assert all(after <= before + slack for before, after in pairwise(values))
    assert values[-1] <= best + slack


def test_more_factors_than_a_twin_would_like():
    matrix = random_matrix(12, 300, 0.2, seed=18)
    other = random_factors(300, 517, "float32", seed=19)
    objective = Objective(alpha=1.0, unobserved=0.5, regularization=0.3, exponent=0.0)
    found = random_factors(12, 517, "float32", seed=20)
    expected = found.astype(np.float64)
    reference.solve_subspace(matrix, expected, other, objective, 64)
    native(matrix, found, other, objective, 64)
    assert_same(found, expected, "float32")


def test_training_descends_as_far_as_exact_sweeps():
    matrix = random_matrix(200, 120, 0.1, seed=21)
    reached = {}
    for solver in ("cholesky", "subspace"):
        model = AlternatingLeastSquares(
            48, 0.5, solver=solver, subspace_dimension=16, iterations=60, random_state=1
        )
        model.fit(matrix, show_progress=False)
        reached[solver] = model.objective(matrix)
    assert reached["subspace"] == pytest.approx(reached["cholesky"], rel=2e-3)

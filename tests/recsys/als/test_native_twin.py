"""The native core against its NumPy twin: every solver, dtype, SIMD variant and thread count."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.als import _als, cpu, reference
from recsys.als.reference import Objective

from .conftest import every_kind_of_row, random_factors, random_matrix
from .natively import OBJECTIVES, assert_same, solve, solve_twin, value_of


@pytest.mark.parametrize("factors", [1, 7, 16, 17, 64, 100])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_rows_of_every_kind(variant, solver, dtype, factors):
    matrix = every_kind_of_row(150, seed=factors)
    other = random_factors(150, factors, dtype, seed=1)
    start = random_factors(matrix.shape[0], factors, dtype, seed=2)
    for objective in OBJECTIVES:
        expected = start.astype(np.float64)
        solve_twin(matrix, expected, other, objective, solver)
        for threads in (1, 2, 3):
            found = start.copy()
            solve(matrix, found, other, objective, solver, threads=threads, variant=variant)
            assert_same(found, expected, dtype)


@pytest.mark.parametrize(("factors", "entries"), [(64, 9_000), (100, 4_000), (200, 3_000)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_rows_longer_than_any_buffer(variant, solver, dtype, factors, entries):
    matrix = random_matrix(3, entries, 0.95, seed=5)
    other = random_factors(entries, factors, dtype, seed=6)
    start = random_factors(3, factors, dtype, seed=7)
    objective = OBJECTIVES[1]
    expected = start.astype(np.float64)
    solve_twin(matrix, expected, other, objective, solver)
    found = start.copy()
    solve(matrix, found, other, objective, solver, threads=2, variant=variant)
    assert_same(found, expected, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_number_of_cg_steps(variant, dtype, steps):
    matrix = random_matrix(40, 60, 0.2, seed=8)
    other = random_factors(60, 24, dtype, seed=9)
    start = random_factors(40, 24, dtype, seed=10)
    expected = start.astype(np.float64)
    solve_twin(matrix, expected, other, OBJECTIVES[0], "cg", steps=steps)
    found = start.copy()
    solve(matrix, found, other, OBJECTIVES[0], "cg", steps=steps, variant=variant)
    assert_same(found, expected, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_factor_count(variant, dtype):
    matrix = random_matrix(2, 200, 0.3, seed=11)
    other = random_factors(200, 517, dtype, seed=12)
    objective = Objective(alpha=1.0, unobserved=0.5, regularization=2.0, exponent=0.0)
    for solver in ("cg", "cholesky"):
        found = random_factors(2, 517, dtype, seed=13)
        expected = found.astype(np.float64)
        solve_twin(matrix, expected, other, objective, solver)
        solve(matrix, found, other, objective, solver, variant=variant)
        assert_same(found, expected, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("rows", "factors"), [(1, 1), (5, 3), (1_000, 17), (5_000, 64), (300, 200)]
)
def test_gramian(variant, dtype, rows, factors):
    vectors = random_factors(rows, factors, dtype, seed=14)
    expected = reference.gramian(vectors)
    found = _als.gramian(vectors, num_threads=2, variant=variant)
    assert np.array_equal(found, found.T)
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert error < (1e-6 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_objective(variant, dtype, objective, threads):
    matrix = every_kind_of_row(70, seed=15)
    users = random_factors(matrix.shape[0], 19, dtype, seed=16)
    items = random_factors(70, 19, dtype, seed=17)
    found = value_of(matrix, users, items, objective, threads=threads, variant=variant)
    expected = reference.objective_value(matrix, users, items, objective)
    assert found == pytest.approx(expected, rel=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_thread_count_does_not_change_a_bit(variant, solver, dtype):
    matrix = random_matrix(300, 200, 0.1, seed=18)
    other = random_factors(200, 33, dtype, seed=19)
    start = random_factors(300, 33, dtype, seed=20)
    results = []
    for threads in (1, 2, 3, 8):
        found = start.copy()
        solve(matrix, found, other, OBJECTIVES[0], solver, threads=threads, variant=variant)
        results.append(found.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", [(1, 1), (30, 4), (4, 30), (500, 60)])
def test_transpose(threads, shape):
    matrix = random_matrix(*shape, 0.3, seed=21)
    indptr, indices, data = cpu.sparse_rows(matrix, "matrix").transposed(threads)
    expected = matrix.T.tocsr()
    expected.sort_indices()
    np.testing.assert_array_equal(indptr, expected.indptr)
    np.testing.assert_array_equal(indices, expected.indices)
    np.testing.assert_array_equal(data, expected.data)
    assert (indptr.dtype, indices.dtype, data.dtype) == (np.int64, np.int32, np.float32)

"""Weights of unobserved pairs, offsets and priors in the native core, against the NumPy twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recsys.als import _als, cpu, reference
from recsys.als.reference import Objective, Terms

from .conftest import every_kind_of_row, random_factors, random_matrix
from .natively import KINDS, OBJECTIVES, assert_same, solve, solve_twin, terms_of, value_of

DIMENSION = 24


def native(matrix, target, other, objective, terms, solver, **settings):
    solve(matrix, target, other, objective, solver, terms=terms, dimension=DIMENSION, **settings)


def twin(matrix, target, other, objective, terms, solver):
    solve_twin(matrix, target, other, objective, solver, terms=terms, dimension=DIMENSION)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factors", [1, 17, 64])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
def test_rows_of_every_kind(variant, solver, dtype, factors, kind):
    matrix = every_kind_of_row(90, seed=factors)
    rows = matrix.shape[0]
    other = random_factors(90, factors, dtype, seed=1)
    start = random_factors(rows, factors, dtype, seed=2)
    terms = terms_of(kind, rows, 90, factors, dtype)
    for objective in OBJECTIVES:
        expected = start.astype(np.float64)
        twin(matrix, expected, other, objective, terms, solver)
        for threads in (1, 3):
            found = start.copy()
            native(matrix, found, other, objective, terms, solver, threads=threads, variant=variant)
            assert_same(found, expected, dtype)


@pytest.mark.parametrize(("factors", "entries"), [(64, 6_000), (200, 2_000)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
def test_rows_longer_than_any_buffer(variant, solver, dtype, factors, entries):
    matrix = random_matrix(2, entries, 0.95, seed=5)
    other = random_factors(entries, factors, dtype, seed=6)
    start = random_factors(2, factors, dtype, seed=7)
    terms = terms_of("all", 2, entries, factors, dtype)
    expected = start.astype(np.float64)
    twin(matrix, expected, other, OBJECTIVES[1], terms, solver)
    found = start.copy()
    native(matrix, found, other, OBJECTIVES[1], terms, solver, threads=2, variant=variant)
    assert_same(found, expected, dtype)


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
def test_terms_that_say_nothing_change_nothing(variant, solver):
    matrix = every_kind_of_row(60, seed=3)
    rows = matrix.shape[0]
    other = random_factors(60, 16, "float32", seed=1)
    plain = random_factors(rows, 16, "float32", seed=2)
    told = plain.copy()
    # Enough steps that a row without entries, which is told to be 0 or iterated to it, is there.
    native(matrix, plain, other, OBJECTIVES[1], Terms(), solver, steps=40, variant=variant)
    neutral = Terms(
        np.ones(rows, np.float32),
        np.ones(60, np.float32),
        np.zeros(60, np.float32),
        np.zeros((rows, 16), np.float32),
    )
    native(matrix, told, other, OBJECTIVES[1], neutral, solver, steps=40, variant=variant)
    np.testing.assert_allclose(told, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["cholesky", "subspace"])  # of one block, which is exact
def test_singular_systems_with_terms_have_a_right_answer(variant, solver, kind, dtype):
    objective = Objective(alpha=1.0, unobserved=0.5, regularization=0.0, exponent=0.0)
    matrix = every_kind_of_row(20, seed=10)
    base = random_factors(20, 6, dtype, seed=11)
    other = np.concatenate([base, base, np.zeros_like(base)], axis=1)
    rows = matrix.shape[0]
    terms = terms_of(kind, rows, 20, 18, dtype)
    found = np.zeros((rows, 18), dtype=dtype)
    native(matrix, found, other, objective, terms, solver, variant=variant)
    for row in range(rows):
        a, r = reference.normal_equations(matrix, row, other, objective, terms=terms)
        size = np.abs(a).sum() * max(1.0, np.abs(found[row]).max())
        assert np.abs(a @ found[row] - r).max() <= (1e-4 if dtype == "float32" else 1e-11) * size


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objective(variant, dtype, objective, kind):
    matrix = every_kind_of_row(70, seed=15)
    objective = replace(objective, item_regularization=0.07)
    rows = matrix.shape[0]
    users = random_factors(rows, 19, dtype, seed=16)
    items = random_factors(70, 19, dtype, seed=17)
    terms = terms_of(kind, rows, 70, 19, dtype)
    item_priors = random_factors(70, 19, dtype, seed=18) if terms.priors is not None else None
    expected = reference.objective_value(matrix, users, items, objective, terms, item_priors)
    for threads in (1, 3):
        found = value_of(
            matrix,
            users,
            items,
            objective,
            terms=terms,
            item_priors=item_priors,
            threads=threads,
            variant=variant,
        )
        assert found == pytest.approx(expected, rel=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weighted_gramian_and_sum(variant, dtype):
    rng = np.random.default_rng(19)
    rows = random_factors(900, 37, dtype, seed=20)
    weights = rng.gamma(1.0, 1.0, 900).astype(np.float32)
    offsets = rng.normal(size=900).astype(dtype)
    expected = reference.gramian(rows, weights)
    found = _als.gramian(rows, row_weights=weights, num_threads=2, variant=variant)
    tolerance = 1e-6 if dtype == "float32" else 1e-13
    assert np.array_equal(found, found.T)
    assert np.abs(found - expected).max() < tolerance * np.abs(expected).max()
    exact = rows.astype(np.float64).T @ (weights.astype(np.float64) * offsets)
    np.testing.assert_allclose(
        _als.weighted_sum(rows, row_weights=weights, offsets=offsets), exact, rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("row_weights", np.ones(3, np.float32), "row_weights has 3 entries, expected 40"),
        ("column_weights", np.full(30, -1, np.float32), "negative"),
        ("column_weights", np.full(30, np.nan, np.float32), "not finite"),
        ("offsets", np.ones(31, np.float32), "offsets has 31"),
        ("priors", np.ones((39, 8), np.float32), "priors has 39 rows"),
        ("linear", np.ones(7), "linear has 7"),
    ],
)
def test_the_native_border_refuses_what_does_not_fit(name, value, says):
    matrix = cpu.sparse_rows(random_matrix(40, 30, 0.2, seed=1), "matrix")
    target, other = np.zeros((40, 8), np.float32), np.ones((30, 8), np.float32)
    with pytest.raises(ValueError, match=says):
        _als.solve(
            matrix,
            target,
            other,
            solver="cg",
            cg_steps=3,
            alpha=1.0,
            unobserved=1.0,
            regularization=0.05,
            exponent=0.0,
            **{name: value},
        )

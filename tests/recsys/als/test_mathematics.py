"""What has to hold whatever the implementation: minima are minima, sweeps go down, seeds repeat."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys.als import AlternatingLeastSquares, reference
from recsys.als.reference import Objective

from .conftest import every_kind_of_row, random_factors, random_matrix
from .natively import OBJECTIVES, solve, value_of


def model_of(objective: Objective, **settings) -> AlternatingLeastSquares:
    defaults = {"factors": 12, "iterations": 1, "random_state": 1, "num_threads": 2}
    return AlternatingLeastSquares(
        **(defaults | settings),
        alpha=objective.alpha,
        unobserved_weight=objective.unobserved,
        regularization=objective.regularization,
        regularization_exponent=objective.exponent,
        item_regularization=objective.item_regularization,
    )


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objective_never_rises(solver, dtype, objective):
    matrix = random_matrix(150, 90, 0.1, seed=1)
    model = model_of(objective, solver=solver, dtype=dtype)
    values = []
    for _ in range(12):
        model.fit(matrix, show_progress=False)
        values.append(model.objective(matrix))
    slack = 1e-5 if dtype == "float32" else 1e-12
    for before, after in pairwise(values):
        assert after <= before * (1 + slack)
    assert values[-1] < 0.9 * values[0]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradient_vanishes_at_the_cholesky_solution(objective):
    matrix = every_kind_of_row(80, seed=2)
    items = random_factors(80, 20, "float64", seed=3)
    users = np.zeros((matrix.shape[0], 20))
    solve(matrix, users, items, objective, "cholesky")
    rng = np.random.default_rng(4)

    def value(at):
        return value_of(matrix, at, items, objective)

    step = 1e-4
    for _ in range(20):
        direction = rng.normal(size=users.shape)
        slope = (value(users + step * direction) - value(users - step * direction)) / (2 * step)
        curvature = (
            value(users + step * direction) + value(users - step * direction) - 2 * value(users)
        ) / step**2
        assert curvature > 0
        assert abs(slope) < 1e-6 * curvature


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_perturbation_improves_an_exact_half_sweep(dtype, objective):
    matrix = random_matrix(60, 50, 0.2, seed=5)
    model = model_of(objective, solver="cholesky", dtype=dtype, iterations=3)
    model.fit(matrix, show_progress=False)
    best = model.objective(matrix)  # items were solved last: they are optimal given the users
    optimal = model.item_factors
    rng = np.random.default_rng(6)
    for size in (1e-2, 1e-1):
        for _ in range(10):
            model.item_factors = optimal + size * rng.normal(size=optimal.shape)
            assert model.objective(matrix) > best


def test_many_cg_steps_reach_the_exact_solution(variant):
    matrix = every_kind_of_row(60, seed=7)
    other = random_factors(60, 16, "float64", seed=8)
    exact = np.zeros((matrix.shape[0], 16))
    steps = exact.copy()
    solve(matrix, exact, other, OBJECTIVES[1], "cholesky", variant=variant)
    solve(matrix, steps, other, OBJECTIVES[1], "cg", steps=60, variant=variant)
    np.testing.assert_allclose(steps, exact, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_seed_same_bits(solver, dtype):
    matrix = random_matrix(200, 120, 0.1, seed=9)
    made = []
    for threads in (2, 2, 1, 3):
        model = model_of(OBJECTIVES[0], solver=solver, dtype=dtype, iterations=4)
        model.num_threads = threads
        model.fit(matrix, show_progress=False)
        made.append(model.user_factors.tobytes() + model.item_factors.tobytes())
    assert len(set(made)) == 1
    other = model_of(OBJECTIVES[0], solver=solver, dtype=dtype, iterations=4, random_state=2)
    other.fit(matrix, show_progress=False)
    assert other.user_factors.tobytes() + other.item_factors.tobytes() != made[0]


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("unobserved", [0.0, 1.0])
def test_singular_systems_have_a_right_answer(variant, solver, dtype, unobserved):
    # No regularization, more factors than items, factors that repeat each other: A is singular.
    objective = Objective(alpha=1.0, unobserved=unobserved, regularization=0.0, exponent=0.0)
    matrix = every_kind_of_row(20, seed=10)
    base = random_factors(20, 6, dtype, seed=11)
    other = np.concatenate([base, base, np.zeros_like(base)], axis=1)
    found = np.zeros((matrix.shape[0], 18), dtype=dtype)
    solve(matrix, found, other, objective, solver, steps=50, variant=variant)
    assert np.isfinite(found).all()
    expected = np.zeros((matrix.shape[0], 18))
    reference.solve_cholesky(matrix, expected, other, objective)
    # Many solutions, one value: compare what they achieve.
    best = reference.objective_value(matrix, expected, other, objective)
    reached = reference.objective_value(matrix, found, other, objective)
    assert reached <= best + (1e-3 if dtype == "float32" else 1e-8) * max(1.0, abs(best))


def test_dislikes_push_scores_down():
    likes = csr_matrix(np.array([[5, 5, 0, 0], [5, 5, 0, 0], [0, 0, 5, 5], [5, 0, 0, 0.0]]))
    dislikes = likes.tolil()
    dislikes[3, 1] = -50
    scores = []
    for matrix in (likes, dislikes.tocsr()):
        model = AlternatingLeastSquares(2, 0.1, random_state=0, solver="cholesky")
        model.fit(matrix, show_progress=False)
        scores.append(model.user_factors[3] @ model.item_factors[1])
    assert scores[1] < scores[0] - 0.1


def test_an_explicit_zero_is_left_out_of_the_loss():
    dense = np.array([[3.0, 0.0, 2.0], [1.0, 4.0, 0.0]])
    stored = csr_matrix(
        (np.array([3, 0, 2, 1, 4.0]), np.array([0, 1, 2, 0, 1]), np.array([0, 3, 5])), (2, 3)
    )
    users = random_factors(2, 3, "float64", seed=12)
    items = random_factors(3, 3, "float64", seed=13)
    with_pair = reference.objective_value(csr_matrix(dense), users, items, Objective())
    without = reference.objective_value(stored, users, items, Objective())
    assert without == pytest.approx(with_pair - (users[0] @ items[1]) ** 2)

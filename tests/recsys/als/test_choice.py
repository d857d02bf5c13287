"""``solver="auto"``: it follows its model of cost, and trains as the solver it names."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.als import AlternatingLeastSquares, choice

from .conftest import random_matrix


@pytest.mark.parametrize("factors", [8, 64, 256, 1024])
def test_the_cheapest_way_to_an_objective_is_chosen(factors):
    chosen = choice.fastest(2_000_000, 20_000, factors)
    seconds = {
        solver: choice.predicted_seconds(solver, 2_000_000, 20_000, factors)
        for solver in ("cg", "cholesky", "subspace")
    }
    # An exact sweep is worth one and a half of the others at most.
    assert seconds[chosen] <= 2 * min(seconds.values())


def test_cost_grows_with_entries_rows_and_factors():
    for solver in ("cg", "cholesky", "subspace"):
        base = choice.predicted_seconds(solver, 10**6, 10**4, 64)
        assert choice.predicted_seconds(solver, 2 * 10**6, 10**4, 64) > base
        assert choice.predicted_seconds(solver, 10**6, 2 * 10**4, 64) > base
        assert choice.predicted_seconds(solver, 10**6, 10**4, 128) > base


@pytest.mark.parametrize("factors", [8, 600])
def test_auto_trains_as_the_solver_it_names(factors):
    matrix = random_matrix(80, 60, 0.2, seed=1)
    named = choice.fastest(matrix.nnz, 80, factors)
    assert named == choice.fastest(matrix.nnz, 60, factors)
    made = []
    for solver in ("auto", named):
        model = AlternatingLeastSquares(factors, iterations=2, solver=solver, random_state=1)
        model.fit(matrix, show_progress=False)
        made.append(model.user_factors)
    np.testing.assert_array_equal(*made)

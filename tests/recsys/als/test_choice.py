"""``solver="auto"``: it follows its model of cost, and trains as the solver it names."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys.als import AlternatingLeastSquares, choice, cpu
from recsys.als.config import ALSConfig
from recsys.als.ways import named_by_auto

from .conftest import random_matrix


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("factors", [8, 64, 256, 1024])
def test_the_cheapest_way_to_an_objective_is_chosen(factors, wide):
    chosen = choice.fastest(2_000_000, 20_000, factors, wide=wide)
    seconds = {
        solver: choice.predicted_seconds(solver, 2_000_000, 20_000, factors, wide=wide)
        for solver in ("cg", "cholesky", "subspace")
    }
    # An exact sweep is worth one and a half of the others at most.
    assert seconds[chosen] <= 2 * min(seconds.values())


@pytest.mark.parametrize("wide", [True, False])
def test_cost_grows_with_entries_rows_and_factors(wide):
    def cost(solver, entries, rows, factors):
        return choice.predicted_seconds(solver, entries, rows, factors, wide=wide)

    for solver in ("cg", "cholesky", "subspace"):
        base = cost(solver, 10**6, 10**4, 64)
        assert cost(solver, 2 * 10**6, 10**4, 64) > base
        assert cost(solver, 10**6, 2 * 10**4, 64) > base
        assert cost(solver, 10**6, 10**4, 128) > base


@pytest.mark.parametrize("factors", [8, 600])
def test_auto_trains_as_the_solver_it_names(factors):
    matrix = random_matrix(80, 60, 0.2, seed=1)
    config = ALSConfig(factors)
    named = named_by_auto(cpu.sparse_rows(matrix, "matrix"), config)
    assert named == named_by_auto(cpu.sparse_rows(csr_matrix(matrix.T), "matrix"), config)
    made = []
    for solver in ("auto", named):
        model = AlternatingLeastSquares(factors, iterations=2, solver=solver, random_state=1)
        model.fit(matrix, show_progress=False)
        made.append(model.user_factors)
    np.testing.assert_array_equal(*made)

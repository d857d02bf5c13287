"""Rows so long that they are split over threads: the same solution, the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys.als.reference import Objective

from .conftest import random_factors
from .natively import solve, solve_twin

ENTRIES = 150_000  # more than the bound, and no multiple of a stretch
OBJECTIVE = Objective(alpha=1.5, unobserved=0.1, regularization=0.02, exponent=0.5)


@pytest.fixture(scope="module")
def matrix() -> csr_matrix:
    """Three rows: a short one, a long one with dislikes, an empty one; some empty columns."""
    rng = np.random.default_rng(1)
    columns = np.sort(rng.choice(ENTRIES + 5_000, ENTRIES, replace=False))
    values = rng.integers(1, 6, ENTRIES) * np.where(rng.random(ENTRIES) < 0.1, -1, 1)
    return csr_matrix(
        (
            np.concatenate([[2, 3], values]).astype(np.float32),
            np.concatenate([[5, 9], columns]).astype(np.int32),
            np.array([0, 2, 2 + ENTRIES, 2 + ENTRIES]),
        ),
        shape=(3, ENTRIES + 5_000),
    )


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_agrees_with_the_twin_on_any_number_of_threads(matrix, variant, dtype, solver):
    other = random_factors(matrix.shape[1], 10, dtype, seed=2)
    start = random_factors(3, 10, dtype, seed=3)
    expected = start.astype(np.float64)
    solve_twin(matrix, expected, other, OBJECTIVE, solver)
    bits = set()
    for threads in (1, 2, 3):
        found = start.copy()
        solve(matrix, found, other, OBJECTIVE, solver, threads=threads, variant=variant)
        bits.add(found.tobytes())
        np.testing.assert_allclose(
            found, expected, rtol=0, atol=2e-5 if dtype == "float32" else 1e-9
        )
    assert len(bits) == 1


def test_a_singular_long_row_stays_finite(matrix, variant):
    other = np.repeat(random_factors(matrix.shape[1], 1, "float32", seed=4), 8, axis=1)
    for solver in ("cg", "cholesky"):
        found = np.zeros((3, 8), np.float32)
        nothing = Objective(1.0, 0.0, 0.0, 0.0)
        solve(matrix, found, other, nothing, solver, steps=5, threads=2, variant=variant)
        assert np.isfinite(found).all()
        assert np.abs(found[1]).max() > 0

"""The subspace solver with normal matrices from the matrix unit: what changes and what does not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys.als import AlternatingLeastSquares, cpu, reference
from recsys.als.reference import Objective
from recsys.errors import InvalidInputError

from .conftest import every_kind_of_row, random_factors, random_matrix
from .natively import KINDS, OBJECTIVES, mixed_lengths, solve, terms_of, value_of, worst

#: Normal matrices hold 8 significant bits: a step is off by a part in 512 or so.
TOLERANCE = 1e-2
WHOLE_NUMBERS = ("avx2", "avx512")  # of 15 bits: fixed_entries.hpp
#: Confidences under the weight of unobserved pairs: what an entry adds to the matrix is negative.
FAINT = Objective(alpha=0.05, unobserved=0.4, regularization=0.3, exponent=0.5)


def half_sweep(matrix, target, other, objective, dimension=64, *, split=True, **settings):
    solve(
        matrix, target, other, objective, "subspace", dimension=dimension, split=split, **settings
    )


@pytest.mark.parametrize(
    ("factors", "dimension"),
    [(1, 64), (7, 7), (32, 16), (32, 32), (64, 64), (96, 32), (100, 64), (130, 64), (200, 128)],
)
def test_agrees_with_the_twin_to_eight_bits(variant, factors, dimension):
    matrix = mixed_lengths(300, seed=factors)
    other = random_factors(300, factors, "float32", seed=1)
    start = random_factors(matrix.shape[0], factors, "float32", seed=2)
    for objective in (*OBJECTIVES, FAINT):
        expected = start.astype(np.float64)
        reference.solve_subspace(matrix, expected, other, objective, dimension)
        found, full = start.copy(), start.copy()
        half_sweep(matrix, found, other, objective, dimension, variant=variant)
        half_sweep(matrix, full, other, objective, dimension, variant=variant, split=False)
        before, least, reached = (
            reference.objective_value(matrix, users, other, objective)
            for users in (start, expected, found)
        )
        assert abs(reached - least) < 1e-4 * (before - least)
        width = min(dimension, factors)
        rounded = (variant in WHOLE_NUMBERS and width <= 96) or (variant == "amx" and width >= 32)
        assert np.array_equal(found, full) is not rounded


@pytest.mark.parametrize("objective", [OBJECTIVES[0], OBJECTIVES[3], FAINT])
@pytest.mark.parametrize("columns", [300, 6_000])
def test_only_the_curvature_is_rounded(columns, objective):
    # Half-sweeps come to the exact solution and never turn back. Of 6,000 columns there are fewer
    # entries than rows of the other side: those are read in place.
    matrix = mixed_lengths(300, seed=9)
    matrix = csr_matrix((matrix.data, matrix.indices * (columns // 300), matrix.indptr))
    matrix.resize(matrix.shape[0], columns)
    other = random_factors(columns, 128, "float32", seed=10)
    exact = np.zeros((matrix.shape[0], 128))
    reference.solve_cholesky(matrix, exact, other, objective)
    found = random_factors(matrix.shape[0], 128, "float32", seed=11)
    values = [value_of(matrix, found, other, objective)]
    for _ in range(40):
        half_sweep(matrix, found, other, objective)
        values.append(value_of(matrix, found, other, objective))
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(values))
    best = value_of(matrix, exact.astype(np.float32), other, objective)
    assert values[-1] <= best * (1 + 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_terms_agree_with_the_twin(variant, kind):
    matrix = mixed_lengths(300, seed=12)
    other = random_factors(300, 96, "float32", seed=13)
    start = random_factors(matrix.shape[0], 96, "float32", seed=14)
    terms = terms_of(kind, matrix.shape[0], 300, 96, "float32")
    objective = OBJECTIVES[3]
    expected = start.astype(np.float64)
    reference.solve_subspace(matrix, expected, other, objective, 32, terms)
    found = start.copy()
    half_sweep(matrix, found, other, objective, 32, terms=terms, variant=variant)
    apart = worst(found, expected)
    assert apart < TOLERANCE, f"off by {apart:.2e} of the row's largest factor"


def test_thread_count_does_not_change_a_bit(variant):
    matrix = random_matrix(300, 200, 0.6, seed=18)
    other = random_factors(200, 70, "float32", seed=19)
    start = random_factors(300, 70, "float32", seed=20)
    results = set()
    for threads in (1, 2, 3, 8):
        found = start.copy()
        half_sweep(matrix, found, other, OBJECTIVES[1], threads=threads, variant=variant)
        results.add(found.tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("unobserved", [0.0, 1.0])
def test_singular_blocks_descend_to_the_minimum(variant, unobserved):
    # No regularization, factors that repeat each other within a block and between blocks.
    objective = Objective(alpha=1.0, unobserved=unobserved, regularization=0.0, exponent=0.0)
    matrix = every_kind_of_row(20, seed=15)
    base = random_factors(20, 16, "float32", seed=16)
    other = np.concatenate([base, base, np.zeros_like(base), base], axis=1)
    found = random_factors(matrix.shape[0], 64, "float32", seed=17)
    expected = np.zeros((matrix.shape[0], 64))
    reference.solve_cholesky(matrix, expected, other, objective)
    best = reference.objective_value(matrix, expected, other, objective)
    values = []
    for _ in range(30):
        half_sweep(matrix, found, other, objective, 32, variant=variant)
        assert np.isfinite(found).all()
        values.append(reference.objective_value(matrix, found, other, objective))
    slack = 1e-4 * max(1.0, best)
    assert all(after <= before + slack for before, after in pairwise(values))
    assert values[-1] <= best + slack


def test_what_overflows_is_told(variant):
    matrix = random_matrix(4, 60, 0.5, seed=21)
    other = random_factors(60, 32, "float32", seed=22)
    found = random_factors(4, 32, "float32", seed=23)
    huge = matrix * np.float32(6e37)
    with pytest.raises(InvalidInputError), cpu.native_errors("matrix"):
        half_sweep(huge, found, other * np.float32(1e18), OBJECTIVES[0], variant=variant)
    assert np.isfinite(found).all()


def test_training_reaches_what_it_reaches_in_full():
    matrix = random_matrix(400, 150, 0.1, seed=24)
    reached = {}
    for gathered in ("same", "bfloat16"):
        model = AlternatingLeastSquares(
            96, 0.5, solver="subspace", iterations=12, gathered_dtype=gathered, random_state=1
        )
        model.fit(matrix, show_progress=False)
        reached[gathered] = model.objective(matrix)
    assert reached["bfloat16"] == pytest.approx(reached["same"], rel=1e-4)

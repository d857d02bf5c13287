"""Exact solutions of rows shorter than the factors, found in the eigenvectors of the Gramian."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack

from recsys.als import AlternatingLeastSquares, _als, reference, ways
from recsys.als.reference import NOTHING, Objective, Terms

from .conftest import every_kind_of_row, random_factors, random_matrix
from .natively import solve, worst

OBJECTIVE = Objective(alpha=1.5, unobserved=0.3, regularization=0.05, exponent=0.5)
COLUMNS = 110
WHOLE_NUMBERS = ("avx2", "avx512")


def solve_half(
    matrix,
    target,
    other,
    objective=OBJECTIVE,
    *,
    turned=True,
    terms=NOTHING,
    variant="",
    **settings,
):
    gramian = _als.gramian(other, row_weights=terms.column_weights, variant=variant)
    basis = {}
    if turned:
        values, vectors = np.linalg.eigh(gramian)
        basis = {"eigenvalues": values, "eigenvectors": np.ascontiguousarray(vectors)}
    about = {"gramian": gramian, **basis, "split": True, "terms": terms, "variant": variant}
    solve(matrix, target, other, objective, "cholesky", **about, **settings)


def many_short_rows(seed: int, rows: int = 300) -> csr_matrix:
    """Rows of 1 to 109 entries, likes alone and with dislikes, and every other kind of row."""
    rng = np.random.default_rng(seed)
    likes = abs(random_matrix(rows, COLUMNS, 0.35, seed))
    mixed = random_matrix(60, COLUMNS, 0.2, seed + 1)
    lengths = [
        csr_matrix(
            (np.full(n, 3.0, np.float32), (np.zeros(n, int), rng.permutation(COLUMNS)[:n])),
            shape=(1, COLUMNS),
        )
        for n in range(1, COLUMNS)
    ]
    found = csr_matrix(vstack([likes, mixed, *lengths, every_kind_of_row(COLUMNS, seed)]))
    found.sort_indices()
    return found


def tolerance(variant: str) -> float:
    """Two parts of 8 bits keep 16; whole numbers move a matrix by a thousandth at most."""
    return 3e-3 if variant in WHOLE_NUMBERS else 1e-3


@pytest.mark.parametrize("factors", [96, 100, 128, 160])
@pytest.mark.parametrize("exponent", [0.0, 0.5])
def test_agrees_with_the_twin(variant, factors, exponent):
    objective = Objective(alpha=1.5, unobserved=0.3, regularization=0.05, exponent=exponent)
    matrix = many_short_rows(seed=factors)
    other = random_factors(COLUMNS, factors, "float32", seed=1)
    expected = np.zeros((matrix.shape[0], factors))
    reference.solve_cholesky(matrix, expected, other, objective)
    found = np.zeros((matrix.shape[0], factors), np.float32)
    solve_half(matrix, found, other, objective, variant=variant)
    assert worst(found, expected) < tolerance(variant)
    if variant in WHOLE_NUMBERS:  # which read eigenvalues for another reason: test_whole_numbers.py
        return
    plain = np.zeros_like(found)
    solve_half(matrix, plain, other, objective, turned=False, variant=variant)
    differ = (found != plain).any(axis=1)
    lengths = np.diff(matrix.indptr)
    if variant == "amx":  # elsewhere there is one way for all rows
        short = (lengths > 0) & (lengths <= 7 * factors // 8)
        likes = np.array([(row.data > 0).all() for row in matrix])
        assert differ[short & likes].mean() > 0.95
    assert not differ[lengths > 7 * factors // 8].any()


def test_weights_of_rows_and_columns(variant):
    factors, rng = 112, np.random.default_rng(3)
    matrix = many_short_rows(seed=4)
    other = random_factors(COLUMNS, factors, "float32", seed=5)
    row_weights = rng.uniform(0.0, 2.0, matrix.shape[0]).astype(np.float32)
    row_weights[::7] = 0.0
    column_weights = rng.uniform(0.0, 6.0, COLUMNS).astype(np.float32)  # some excess is negative
    terms = Terms(row_weights=row_weights, column_weights=column_weights)
    expected = np.zeros((matrix.shape[0], factors))
    reference.solve_cholesky(matrix, expected, other, OBJECTIVE, terms)
    found = np.zeros((matrix.shape[0], factors), np.float32)
    solve_half(matrix, found, other, variant=variant, terms=terms)
    assert worst(found, expected) < tolerance(variant)


def test_thread_count_does_not_change_a_bit(variant):
    matrix = many_short_rows(seed=6)
    other = random_factors(COLUMNS, 128, "float32", seed=7)
    results = []
    for threads in (1, 2, 3, 8):
        found = np.zeros((matrix.shape[0], 128), np.float32)
        solve_half(matrix, found, other, threads=threads, variant=variant)
        results.append(found.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("regularization", [0.0, 1e-12])
def test_a_gramian_without_full_rank_is_left_to_the_normal_equations(variant, regularization):
    objective = Objective(1.0, 0.3, regularization, 0.0)
    matrix = many_short_rows(seed=8)
    other = np.repeat(random_factors(COLUMNS, 4, "float32", seed=9), 32, axis=1)  # rank 4
    found = np.full((matrix.shape[0], 128), 0.5, np.float32)
    solve_half(matrix, found, other, objective, variant=variant)
    plain = np.full_like(found, 0.5)
    solve_half(matrix, plain, other, objective, turned=False, variant=variant)
    np.testing.assert_array_equal(found, plain)


def test_without_unobserved_pairs(variant):
    """Nothing but lambda on the diagonal, which is as safe as any."""
    objective = Objective(1.0, 0.0, 0.1, 0.0)
    matrix = many_short_rows(seed=10)
    other = random_factors(COLUMNS, 128, "float32", seed=11)
    expected = np.zeros((matrix.shape[0], 128))
    reference.solve_cholesky(matrix, expected, other, objective)
    found = np.zeros((matrix.shape[0], 128), np.float32)
    solve_half(matrix, found, other, objective, variant=variant)
    assert worst(found, expected) < tolerance(variant)


def test_confidence_that_hardly_exceeds_the_unobserved_weight(variant):
    """Excess of zero, of rounding, and of wide range within a row."""
    rng = np.random.default_rng(12)
    matrix = many_short_rows(seed=13)
    matrix.data = rng.choice(
        np.array([0.3, 0.3000001, 0.301, 1.0, 30.0], np.float32), len(matrix.data)
    )
    objective = Objective(1.0, 0.3, 0.05, 0.0)
    other = random_factors(COLUMNS, 128, "float32", seed=14)
    expected = np.zeros((matrix.shape[0], 128))
    reference.solve_cholesky(matrix, expected, other, objective)
    found = np.zeros((matrix.shape[0], 128), np.float32)
    solve_half(matrix, found, other, objective, variant=variant)
    least = reference.objective_value(matrix, expected, other, objective)
    reached = reference.objective_value(matrix, found, other, objective)
    assert abs(reached - least) < 1e-4 * least


@pytest.mark.parametrize("scale", [1e12, 1e19])
def test_overflow_within_a_row_leaves_it_to_the_normal_equations(variant, scale):
    """There it is solved in double, or told: in both ways alike, and nothing comes out infinite."""
    matrix = many_short_rows(seed=15) * np.float32(1e30)
    other = random_factors(COLUMNS, 128, "float32", seed=16) * np.float32(scale)
    told = []
    for turned in (False, True):
        found = random_factors(matrix.shape[0], 128, "float32", seed=17)
        try:
            solve_half(
                matrix, found, other, Objective(1.0, 1.0, 0.01, 0.0), turned=turned, variant=variant
            )
            told.append(False)
        except OverflowError:
            told.append(True)
        assert np.isfinite(found).all()
    assert told[0] == told[1]


def test_training_takes_the_basis_where_rows_are_short(monkeypatch):
    calls = []
    eigen = ways._eigen
    monkeypatch.setattr(ways, "_eigen", lambda gramian: calls.append(1) or eigen(gramian))
    matrix = many_short_rows(seed=18)
    for gathered, taken in (("bfloat16", True), ("same", False)):
        calls.clear()
        model = AlternatingLeastSquares(
            96, solver="cholesky", iterations=1, random_state=1, gathered_dtype=gathered
        )
        model.fit(abs(matrix), show_progress=False)
        assert bool(calls) is taken

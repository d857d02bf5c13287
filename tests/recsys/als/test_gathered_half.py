"""Factors of the other side in 16 bits: what it changes, and what it must not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack

from recsys import Interactions
from recsys.als import AlternatingLeastSquares, _als, reference
from recsys.als.reference import Objective
from recsys.errors import InvalidInputError

from .conftest import random_factors, random_matrix
from .natively import mixed_lengths, solve, worst

OBJECTIVE = Objective(alpha=1.5, unobserved=0.3, regularization=0.05, exponent=0.5)
#: bfloat16 holds 8 significant bits: a number is off by a part in 512 at most.
TOLERANCE = 2e-2


def solve_half(matrix, target, other, objective=OBJECTIVE, *, steps=3, threads=1, variant=""):
    gramian = _als.gramian(other, variant=variant)
    basis = np.linalg.eigh(gramian)
    solve_in(basis, gramian, matrix, target, other, objective, steps, threads, variant)


def solve_in(
    basis, gramian, matrix, target, other, objective=OBJECTIVE, steps=3, threads=1, variant=""
):
    """Rows of `target` from the other side's in 16 bits, or in full width where `basis` is None."""
    values, vectors = basis or (None, None)
    solve(
        matrix,
        target,
        other,
        objective,
        "cg",
        steps=steps,
        gramian=gramian,
        eigenvalues=values,
        eigenvectors=None if vectors is None else np.ascontiguousarray(vectors),
        threads=threads,
        variant=variant,
    )


@pytest.mark.parametrize("factors", [1, 7, 31, 32, 64, 96, 100, 128, 256, 300])
def test_agrees_with_the_twin_to_the_precision_of_bfloat16(variant, factors):
    matrix = mixed_lengths(700, seed=factors)
    other = random_factors(700, factors, "float32", seed=1)
    start = random_factors(matrix.shape[0], factors, "float32", seed=2)
    expected = start.astype(np.float64)
    reference.solve_cg(matrix, expected, other, OBJECTIVE)
    found = start.copy()
    solve_half(matrix, found, other, variant=variant)
    apart = worst(found, expected)
    assert apart < TOLERANCE, f"off by {apart:.2e} of the row's largest factor"
    assert not np.array_equal(found, expected.astype(np.float32))


def off_by(found, expected) -> float:
    """Largest difference of a row, as a part of its largest factor."""
    size = np.abs(expected).max(axis=1, keepdims=True)
    return float((np.abs(found - expected) / np.where(size > 0, size, 1.0)).max())


def test_rows_longer_than_what_is_kept_near_by(variant):
    """Weights of rows of more than a MiB of the other side are taken anew in each pass."""
    matrix = random_matrix(2, 2600, 0.97, seed=31)
    assert np.diff(matrix.indptr).min() > 2400
    matrix.data[::3] *= -1  # negative feedback
    other = random_factors(2600, 256, "float32", seed=32)
    start = random_factors(2, 256, "float32", seed=33)
    expected = start.astype(np.float64)
    reference.solve_cg(matrix, expected, other, OBJECTIVE)
    found = start.copy()
    solve_half(matrix, found, other, variant=variant)
    assert off_by(found, expected) < TOLERANCE


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**-6, 2.0**9, 2.0**16])
def test_the_size_of_factors_does_not_matter(variant, scale):
    """The same problem in other units: other factors larger, the solution as much smaller."""
    matrix = mixed_lengths(300, seed=34)
    objective = Objective(alpha=1.5, unobserved=0.3, regularization=0.05 * scale**2, exponent=0.5)
    other = random_factors(300, 96, "float32", seed=35)
    start = random_factors(matrix.shape[0], 96, "float32", seed=36)
    expected = start.astype(np.float64)
    reference.solve_cg(matrix, expected, other, OBJECTIVE)
    found = start / np.float32(scale)
    solve_half(matrix, found, other * np.float32(scale), objective, variant=variant)
    assert off_by(found * scale, expected) < TOLERANCE


@pytest.mark.parametrize("factors", [40, 64, 96])
def test_numbers_of_any_size_stand_side_by_side(variant, factors):
    """Two numbers share a word: zeros, tiny and large ones must not spoil each other."""
    matrix = mixed_lengths(300, seed=41)
    other = random_factors(300, factors, "float32", seed=42)
    other[:, ::3] *= -1
    other[::2, 16:32] = 0
    other[1::2, :16] = 0
    other[::5, 3:40:7] *= np.float32(2.0**-100)
    start = random_factors(matrix.shape[0], factors, "float32", seed=43)
    diagonal = np.square(other, dtype=np.float64).sum(axis=0)
    solved = []
    # A basis that leaves the numbers where they are, and none: then they are read in full width.
    for basis in ((diagonal, np.eye(factors)), None):
        target = start.copy()
        solve_in(basis, np.diag(diagonal), matrix, target, other, variant=variant)
        solved.append(target)
    assert not np.array_equal(*solved)
    assert off_by(*solved) < TOLERANCE


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_stays_so(variant, bad):
    other = random_factors(200, 64, "float32", seed=44)
    gramian = _als.gramian(other, variant=variant)
    basis = np.linalg.eigh(gramian)
    other[7, 20] = bad
    matrix = random_matrix(30, 200, 0.9, seed=45)
    target = random_factors(30, 64, "float32", seed=46)
    with pytest.raises(OverflowError, match="not finite"):
        solve_in(basis, gramian, matrix, target, other, variant=variant)


@pytest.mark.parametrize("smallest", [2e-2, 1e-3, 1e-5, 1e-9])
def test_a_row_of_small_factors_counts_where_it_is_all_there_is(variant, smallest):
    """Arithmetic of little range must not lose a user whose only item has small factors."""
    other = random_factors(200, 80, "float32", seed=37)
    other[:5] *= np.float32(smallest)
    only = csr_matrix((np.ones(5, np.float32), (range(5), range(5))), shape=(5, 200))
    matrix = csr_matrix(vstack([only, random_matrix(20, 200, 0.5, seed=38)]))
    start = np.zeros((25, 80), np.float32)
    expected = start.astype(np.float64)
    reference.solve_cg(matrix, expected, other, OBJECTIVE)
    found = start.copy()
    solve_half(matrix, found, other, variant=variant)
    assert off_by(found, expected) < TOLERANCE


@pytest.mark.parametrize("unobserved", [1.0, 0.01, 0.0])
@pytest.mark.parametrize("heaviest", [10.0, 1e3, 1e5])
@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_weights_of_every_size_reach_the_same_objective(variant, solver, heaviest, unobserved):
    """A heavy entry magnifies what rounding does to it: then factors are read in full."""
    rng = np.random.default_rng(40)
    matrix = random_matrix(60, 400, 0.1, seed=41)
    values = np.where(rng.random(matrix.nnz) < 0.1, heaviest, 1.0 + rng.random(matrix.nnz))
    matrix.data[:] = values.astype(np.float32)
    other = random_factors(400, 96, "float32", seed=42)
    gramian = _als.gramian(other)
    basis = np.linalg.eigh(gramian)
    reached = []
    objective = Objective(1.0, unobserved, 0.05, 0.0)
    for narrow in (False, True):
        found = np.zeros((60, 96), np.float32)
        for _ in range(4 if solver == "cg" else 1):
            solve(
                matrix,
                found,
                other,
                objective,
                solver,
                steps=60,
                gramian=gramian,
                eigenvalues=basis[0] if narrow else None,
                eigenvectors=np.ascontiguousarray(basis[1]) if narrow else None,
                split=narrow,
                variant=variant,
            )
        reached.append(reference.objective_value(matrix, found, other, objective))
    assert reached[1] == pytest.approx(reached[0], rel=1e-4)


@pytest.mark.parametrize("factors", [1, 33, 100, 256])
@pytest.mark.parametrize("count", [1023, 1024, 5000])
def test_gramian_from_parts_of_numbers(variant, count, factors):
    rows = random_factors(count, factors, "float32", seed=39)
    rows[:, 0] += np.float32(1.0)  # sums of one sign
    exact = rows.astype(np.float64).T @ rows.astype(np.float64)
    results = {
        _als.gramian(rows, split=True, num_threads=threads, variant=variant).tobytes()
        for threads in (1, 2, 5)
    }
    assert len(results) == 1
    found = np.frombuffer(results.pop()).reshape(factors, factors)
    assert np.array_equal(found, found.T)
    size = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    assert (np.abs(found - exact) / size).max() < 3e-6


@pytest.mark.parametrize("factors", [33, 64, 96])
def test_the_minimum_is_missed_by_less_than_a_ten_thousandth(variant, factors):
    """Errors of the factors enter the objective squared."""
    matrix = mixed_lengths(700, seed=3)
    other = random_factors(700, factors, "float32", seed=4)
    best = np.zeros((matrix.shape[0], factors))
    reference.solve_cholesky(matrix, best, other, OBJECTIVE)
    found = np.zeros((matrix.shape[0], factors), np.float32)
    solve_half(matrix, found, other, steps=60, variant=variant)
    least = reference.objective_value(matrix, best, other, OBJECTIVE)
    reached = reference.objective_value(matrix, found, other, OBJECTIVE)
    assert 0 <= reached - least < 1e-4 * least


@pytest.mark.parametrize("factors", [1, 17, 64, 100, 128, 200])
def test_exact_solver_in_two_parts_keeps_sixteen_bits(variant, factors):
    matrix = mixed_lengths(700, seed=factors)
    other = random_factors(700, factors, "float32", seed=1)
    expected = np.zeros((matrix.shape[0], factors))
    reference.solve_cholesky(matrix, expected, other, OBJECTIVE)
    found = np.zeros((matrix.shape[0], factors), np.float32)
    settings = {"split": True, "threads": 2, "variant": variant}
    solve(matrix, found, other, OBJECTIVE, "cholesky", **settings)
    assert worst(found, expected) < 1e-3


@pytest.mark.parametrize("factors", [33, 96])
def test_thread_count_does_not_change_a_bit(variant, factors):
    matrix = random_matrix(300, 200, 0.6, seed=18)
    other = random_factors(200, factors, "float32", seed=19)
    start = random_factors(300, factors, "float32", seed=20)
    results = []
    for threads in (1, 2, 3, 8):
        found = start.copy()
        solve_half(matrix, found, other, threads=threads, variant=variant)
        results.append(found.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("factors", [40, 80])
def test_singular_and_huge_systems_stay_finite(variant, factors):
    matrix = mixed_lengths(300, seed=5)
    nothing = Objective(alpha=1.0, unobserved=0.0, regularization=0.0, exponent=0.0)
    other = np.repeat(random_factors(300, 1, "float32", seed=6), factors, axis=1)  # rank 1
    found = random_factors(matrix.shape[0], factors, "float32", seed=7)
    solve_half(matrix, found, other, nothing, steps=20, variant=variant)
    assert np.isfinite(found).all()
    with pytest.raises(OverflowError, match="not finite"):
        solve_half(matrix * 1e30, found, other * np.float32(1e15), nothing, variant=variant)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("factors", [20, 64])
def test_training_reaches_the_same_objective(ml100k, factors):
    matrix = Interactions.from_parquet(
        ml100k / "interactions.parquet", user="user_id", item="item_id"
    ).matrix
    reached = {}
    for gathered in ("same", "bfloat16"):
        model = AlternatingLeastSquares(
            factors, iterations=8, random_state=1, gathered_dtype=gathered
        )
        model.fit(matrix, show_progress=False)
        reached[gathered] = model.objective(matrix)
    assert reached["bfloat16"] == pytest.approx(reached["same"], rel=1e-4)
    assert reached["bfloat16"] != reached["same"]


def test_small_matrices_are_read_as_they_are():
    matrix = random_matrix(50, 40, 0.3, seed=8)
    factors = []
    for gathered in ("auto", "same"):
        model = AlternatingLeastSquares(8, iterations=2, random_state=1, gathered_dtype=gathered)
        model.fit(matrix, show_progress=False)
        factors.append(model.user_factors)
    np.testing.assert_array_equal(*factors)


def test_bfloat16_needs_float32():
    with pytest.raises(InvalidInputError, match="gathered_dtype is 'bfloat16' with dtype"):
        AlternatingLeastSquares(8, dtype="float64", gathered_dtype="bfloat16")
    with pytest.raises(InvalidInputError, match="gathered_dtype is 'half'"):
        AlternatingLeastSquares(8, gathered_dtype="half")

"""Exact solves whose normal matrices are products of whole numbers of 16 bits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack

from recsys.als import AlternatingLeastSquares, _als, reference
from recsys.als.reference import NOTHING, Objective, Terms

from .conftest import every_kind_of_row, random_factors, random_matrix
from .natively import solve, worst

OBJECTIVE = Objective(alpha=1.5, unobserved=0.3, regularization=0.5, exponent=0.5)
WHOLE_NUMBERS = ("avx2", "avx512")
#: Rounding may move a row's matrix by a thousandth of itself, and its solution by about as much.
TOLERANCE = 2e-3


def solved(
    matrix,
    other,
    objective=OBJECTIVE,
    *,
    start=None,
    dimension=None,
    split=True,
    terms=NOTHING,
    threads=2,
    variant="",
):
    """Rows by Cholesky, or after a half-sweep on blocks of `dimension` from `start`.

    With `split` in short numbers where the variant has them.
    """
    found = (
        np.zeros((matrix.shape[0], other.shape[1]), np.float32) if start is None else start.copy()
    )
    solve(
        csr_matrix(matrix),
        found,
        other,
        objective,
        "subspace" if dimension else "cholesky",
        dimension=dimension or 1,
        split=split,
        terms=terms,
        threads=threads,
        variant=variant,
    )
    return found


def twin(matrix, other, objective=OBJECTIVE, terms=NOTHING):
    expected = np.zeros((matrix.shape[0], other.shape[1]))
    reference.solve_cholesky(csr_matrix(matrix), expected, other, objective, terms)
    return expected


def rows_of(columns: int, seed: int) -> csr_matrix:
    """Every kind of row, and some at and about the ends of blocks of 32, 64 and 128 entries."""
    ends = [n for end in (32, 64, 128, 256) for n in (end - 1, end, end + 1)]
    rng = np.random.default_rng(seed)
    rows = [
        csr_matrix(
            (
                rng.integers(1, 6, n).astype(np.float32),
                (np.zeros(n, int), rng.permutation(columns)[:n]),
            ),
            shape=(1, columns),
        )
        for n in ends
    ]
    return csr_matrix(
        vstack([every_kind_of_row(columns, seed), *rows, random_matrix(20, columns, 0.4, seed)])
    )


@pytest.mark.parametrize("factors", [1, 5, 15, 16, 17, 31, 32, 48, 63, 64, 96, 97, 128, 160, 260])
def test_agrees_with_the_twin(variant, factors):
    matrix = rows_of(300, seed=factors)
    other = random_factors(300, factors, "float32", seed=1)
    found = solved(matrix, other, variant=variant)
    assert worst(found, twin(matrix, other)) < TOLERANCE
    full = solved(matrix, other, split=False, variant=variant)
    if variant in WHOLE_NUMBERS:
        filled = np.diff(matrix.indptr) > 0
        assert (found != full).any(axis=1)[filled].mean() > 0.8 or factors == 1


def test_weights_offsets_and_priors(variant):
    factors, rng = 48, np.random.default_rng(3)
    matrix = rows_of(300, seed=4)
    other = random_factors(300, factors, "float32", seed=5)
    row_weights = rng.uniform(0.0, 2.0, matrix.shape[0]).astype(np.float32)
    row_weights[::7] = 0.0
    terms = Terms(
        row_weights=row_weights,
        column_weights=rng.uniform(0.0, 6.0, 300).astype(np.float32),  # some excess is negative
        offsets=rng.normal(size=300).astype(np.float32) / 4,
        priors=random_factors(matrix.shape[0], factors, "float32", seed=6),
    )
    found = solved(matrix, other, terms=terms, variant=variant)
    assert worst(found, twin(matrix, other, terms=terms)) < TOLERANCE


@pytest.mark.parametrize("scale", [2.0**-30, 2.0**-6, 2.0**9, 2.0**20])
def test_the_size_of_factors_does_not_matter(variant, scale):
    """The same problem in other units."""
    matrix = rows_of(300, seed=7)
    other = random_factors(300, 64, "float32", seed=8)
    found = solved(
        matrix,
        other * np.float32(scale),
        Objective(1.5, 0.3, 0.5 * scale**2, 0.5),
        variant=variant,
    )
    assert worst(found * scale, twin(matrix, other)) < TOLERANCE


def test_columns_and_rows_of_unlike_size(variant):
    """What is small beside the rest keeps its precision, and what is 0 does no harm."""
    matrix = rows_of(300, seed=9)
    other = random_factors(300, 64, "float32", seed=10)
    other *= np.float32(2.0) ** -np.linspace(0, 12, 64, dtype=np.float32)
    other[::3] *= np.float32(1e-3)
    other[:, 11] = 0
    other[5] = 0
    found, expected = solved(matrix, other, variant=variant), twin(matrix, other)
    # By what a factor adds to scores: that of a small column may be large without meaning much.
    size = np.sqrt(np.square(other.astype(float)).sum(axis=0))
    assert worst(found * size, expected * size) < TOLERANCE


def test_the_largest_sums_fit(variant):
    """Rows that are all alike: a column of a block then has the length that it may have at most."""
    other = np.ones((700, 32), np.float32)
    other[:, 1::2] = -1
    matrix = csr_matrix(np.ones((3, 700), np.float32))
    objective = Objective(1.0, 0.0, 700.0, 0.0)
    # By the Sherman-Morrison formula: 700 y / (700 + 700 |y|^2).
    expected = np.repeat(other[:1] / 33, 3, axis=0)
    assert worst(solved(matrix, other, objective, variant=variant), expected) < 1e-4


def test_excess_of_nothing(variant):
    """Confidences that are those of unobserved pairs, in some entries or in all."""
    matrix = rows_of(300, seed=11)
    matrix.data[:] = 0.2
    matrix.data[::5] = 3.0
    matrix[3] = abs(matrix[3].sign()) * 0.2
    objective = Objective(1.0, np.float32(0.2), 0.5, 0.5)
    other = random_factors(300, 64, "float32", seed=12)
    assert (
        worst(solved(matrix, other, objective, variant=variant), twin(matrix, other, objective))
        < TOLERANCE
    )


@pytest.mark.parametrize("alpha", [1e3, 1e6, 1e12])
def test_rows_for_which_rounding_would_be_felt_are_solved_in_full_width(variant, alpha):
    """Heavy confidences, next to no regularization: the same bits as without short numbers."""
    if variant == "amx":
        pytest.skip("the matrix unit has its own rule: test_gathered_half.py")
    matrix = rows_of(300, seed=13)
    other = random_factors(300, 64, "float32", seed=14)
    objective = Objective(alpha, 0.1, 0.01, 0.0)
    found = solved(matrix, other, objective, variant=variant)
    full = solved(matrix, other, objective, split=False, variant=variant)
    np.testing.assert_array_equal(found, full)


def test_what_unobserved_pairs_hold_counts(variant):
    """It is the least eigenvalue of the Gramian; where that is 0, rows are solved in full width."""
    if variant not in WHOLE_NUMBERS:
        pytest.skip("this variant has no such numbers")
    matrix = abs(random_matrix(60, 2000, 0.1, seed=15))
    other = random_factors(2000, 64, "float32", seed=16)
    objective = Objective(1.0, 1.0, 1e-7, 0.0)
    found = solved(matrix, other, objective, variant=variant)
    full = solved(matrix, other, objective, split=False, variant=variant)
    assert (found != full).any(axis=1).all()
    assert worst(found, twin(matrix, other, objective)) < TOLERANCE
    other[:, 40] = other[:, 7]
    found = solved(matrix, other, objective, variant=variant)
    full = solved(matrix, other, objective, split=False, variant=variant)
    np.testing.assert_array_equal(found, full)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_told(variant, bad):
    matrix = rows_of(300, seed=17)
    other = random_factors(300, 64, "float32", seed=18)
    gramian = _als.gramian(other, variant=variant)
    other[7, 20] = bad
    with pytest.raises(OverflowError, match="not finite"):
        solve(
            matrix,
            np.zeros((matrix.shape[0], 64), np.float32),
            other,
            Objective(1.0, 0.3, 0.5, 0.5),
            "cholesky",
            gramian=gramian,
            split=True,
            variant=variant,
        )


@pytest.mark.parametrize("factors", [33, 64, 100])
def test_thread_count_does_not_change_a_bit(variant, factors):
    matrix = csr_matrix(vstack([rows_of(300, seed=19)] * 20))
    other = random_factors(300, factors, "float32", seed=20)
    results = {solved(matrix, other, threads=n, variant=variant).tobytes() for n in (1, 2, 3, 8)}
    assert len(results) == 1


@pytest.mark.parametrize("factors", [20, 64, 128])
def test_training_reaches_the_same_objective(factors):
    matrix = abs(random_matrix(400, 300, 0.2, seed=21))
    reached = {}
    for gathered in ("same", "bfloat16"):
        model = AlternatingLeastSquares(
            factors, solver="cholesky", iterations=4, random_state=1, gathered_dtype=gathered
        )
        model.fit(matrix, show_progress=False)
        reached[gathered] = model.objective(matrix)
    assert reached["bfloat16"] == pytest.approx(reached["same"], rel=1e-5)


@pytest.mark.parametrize(("factors", "dimension"), [(16, 16), (40, 17), (64, 32), (150, 128)])
def test_steps_on_blocks_agree_with_the_twin(variant, factors, dimension):
    matrix = rows_of(300, seed=22)
    other = random_factors(300, factors, "float32", seed=23)
    start = random_factors(matrix.shape[0], factors, "float32", seed=24)
    expected = start.astype(np.float64)
    reference.solve_subspace(matrix, expected, other, OBJECTIVE, dimension)
    found = solved(matrix, other, start=start, dimension=dimension, variant=variant)
    assert worst(found, expected) < 1e-2
    before, least, reached = (
        reference.objective_value(matrix, users, other, OBJECTIVE)
        for users in (start, expected, found)
    )
    assert abs(reached - least) < 2e-5 * (before - least)
    full = solved(matrix, other, start=start, dimension=dimension, split=False, variant=variant)
    if variant in WHOLE_NUMBERS:  # blocks of more than 96 dimensions are solved in full width
        assert np.array_equal(found, full) is (dimension > 96)


def test_steps_on_blocks_of_unlike_columns(variant):
    """Columns of a block that differ by 2^12, and one of zeros."""
    matrix = rows_of(300, seed=25)
    other = random_factors(300, 64, "float32", seed=26)
    other *= np.float32(2.0) ** -np.linspace(0, 12, 64, dtype=np.float32)
    other[:, 11] = 0
    assert_gains_what_exact_steps_gain(variant, matrix, other, OBJECTIVE, 32, 1e-4)


def assert_gains_what_exact_steps_gain(variant, matrix, other, objective, dimension, part, **told):
    """A half-sweep on blocks falls short of the exact one by no more than `part` of its gain."""
    start = random_factors(matrix.shape[0], other.shape[1], "float32", seed=27)
    terms = Terms(**told)
    expected = start.astype(np.float64)
    reference.solve_subspace(matrix, expected, other, objective, dimension, terms)
    found = solved(
        matrix, other, objective, start=start, dimension=dimension, terms=terms, variant=variant
    )
    before, least, reached = (
        reference.objective_value(matrix, users, other, objective, terms)
        for users in (start, expected, found)
    )
    assert abs(reached - least) < part * (before - least)


def test_steps_on_blocks_of_dependent_columns(variant):
    """Columns that repeat or all but repeat others: the block's Gramian is singular."""
    matrix = rows_of(300, seed=30)
    other = random_factors(300, 64, "float32", seed=31)
    other[:, 40], other[:, 41] = other[:, 33], other[:, 34] * np.float32(1 + 1e-6)
    other[:, 42] = other[:, 35] + other[:, 36]
    assert_gains_what_exact_steps_gain(variant, matrix, other, OBJECTIVE, 32, 1e-4)


def test_a_row_too_long_to_be_kept_near(variant):
    """Rows of more than 16,384 entries, and a few short ones beside them."""
    columns = 17_000
    rows = [random_matrix(3, columns, 0.99, seed=32), random_matrix(30, columns, 0.01, seed=33)]
    other = random_factors(columns, 20, "float32", seed=34)
    matrix = csr_matrix(vstack(rows))
    assert np.diff(matrix.indptr).max() > 1 << 14
    assert_gains_what_exact_steps_gain(variant, matrix, other, OBJECTIVE, 16, 1e-4)


def test_weights_offsets_and_priors_on_blocks(variant):
    rng = np.random.default_rng(35)
    matrix = rows_of(300, seed=36)
    told = {
        "row_weights": rng.uniform(0.1, 2.0, matrix.shape[0]).astype(np.float32),
        "column_weights": rng.uniform(0.0, 6.0, 300).astype(np.float32),  # some excess is negative
        "offsets": rng.normal(size=300).astype(np.float32) / 4,
        "priors": random_factors(matrix.shape[0], 48, "float32", seed=37),
    }
    other = random_factors(300, 48, "float32", seed=38)
    assert_gains_what_exact_steps_gain(variant, matrix, other, OBJECTIVE, 32, 1e-4, **told)
    told["column_weights"] = np.minimum(told["column_weights"], 0.5)  # none is
    assert_gains_what_exact_steps_gain(variant, matrix, other, OBJECTIVE, 32, 1e-4, **told)


@pytest.mark.parametrize("alpha", [1e4, 1e7])
def test_heavy_confidences_on_blocks_come_to_the_minimum(variant, alpha):
    """Where rounding would be felt a block is solved in full width, from scores of rounded rows."""
    matrix = abs(rows_of(300, seed=28))
    other = random_factors(300, 48, "float32", seed=29)
    objective = Objective(alpha, 0.1, 0.01, 0.0)
    found = np.zeros((matrix.shape[0], 48), np.float32)
    full = found.copy()
    for _ in range(6):
        found = solved(matrix, other, objective, start=found, dimension=32, variant=variant)
        full = solved(
            matrix, other, objective, start=full, dimension=32, split=False, variant=variant
        )
    of_full, reached = (
        reference.objective_value(matrix, users, other, objective) for users in (full, found)
    )
    assert reached < of_full * (1 + 1e-3)

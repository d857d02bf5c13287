"""Confidences damped by frequency: the formula, what stays, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys.als import damped_confidence
from recsys.errors import InvalidInputError

from .conftest import random_matrix


@pytest.mark.parametrize(("p", "q"), [(0.0, 0.0), (0.5, 0.0), (0.25, 0.4), (-0.5, 1.0)])
def test_formula(p, q):
    matrix = random_matrix(60, 40, 0.2, seed=3)
    kept = matrix.copy()
    damped = damped_confidence(matrix, user_exponent=p, item_exponent=q)
    dense = matrix.toarray().astype(np.float64)
    users, items = (dense != 0).sum(axis=1), (dense != 0).sum(axis=0)
    expected = dense * np.maximum(users, 1.0)[:, None] ** -p * np.maximum(items, 1.0)[None, :] ** -q
    expected *= np.abs(dense).sum() / np.abs(expected).sum()
    np.testing.assert_allclose(damped.toarray(), expected, rtol=1e-6)
    assert damped.dtype == np.float32
    assert (matrix != kept).nnz == 0


def test_nothing_stored_stays_nothing():
    assert damped_confidence(csr_matrix((3, 2)), item_exponent=0.5).nnz == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1", None])
def test_bad_exponents(bad):
    with pytest.raises(InvalidInputError, match="item_exponent"):
        damped_confidence(csr_matrix([[1.0]]), item_exponent=bad)


def test_values_that_overflow_are_refused():
    matrix = csr_matrix(np.array([[3e38, 3e38], [0, 3e38]], np.float32))
    with pytest.raises(InvalidInputError, match="overflow"):
        damped_confidence(matrix, item_exponent=5.0)

"""The ALS core once more, in readable NumPy: what the native code is held to in the tests.

Everything here is slow on purpose and follows the formulas line by line. For a row of weight a with
stored values v over S, confidence ``w = |alpha v|`` and label ``t = 1 if v > 0 else 0``, against
rows y of the other side with weights b and offsets c (1, 1 and 0 where they are not given), the
factor x minimizes (Hu, Koren & Volinsky 2008, eq. 3; weight and frequency scaling of Rendle et al.
2021, eqs. 2 and 7; weights by popularity of He et al. 2016, eq. 8)::

    sum_S w (t - c - x.y)^2  +  a0 a sum_(not S) b (c + x.y)^2  +  lambda_u |x - prior|^2

so that ``A x = r`` with::

    A = a0 a sum_all b y y' + sum_S (w - a0 a b) y y' + lambda_u I
    r = sum_S (w t - (w - a0 a b) c) y - a0 a sum_all b c y + lambda_u prior
    lambda_u = lambda (|S| + a0 a sum_all b) ^ nu
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Matrix: TypeAlias = NDArray[np.floating]

#: Squared residual below which a row counts as solved.
SOLVED = 1e-20


@dataclass(frozen=True)
class Objective:
    """Weights of the objective.

    Parameters
    ----------
    alpha, unobserved, regularization, exponent : float
        α, α0, λ and ν of the module's text, each >= 0.
    item_regularization : float, optional
        λ of items, where `regularization` is that of users alone.
    """

    alpha: float = 1.0
    unobserved: float = 1.0
    regularization: float = 0.01
    exponent: float = 0.0
    item_regularization: float | None = None

    def of_items(self) -> Objective:
        """The weights by which rows of items are solved: their λ as `regularization`."""
        if self.item_regularization is None:
            return self
        return replace(self, regularization=self.item_regularization)

    def row_lambda(self, entries: int, others: float) -> float:
        """λ of a row with `entries` stored values against weights that sum to `others`."""
        scale = (entries + self.unobserved * others) ** self.exponent if self.exponent else 1.0
        return float(self.regularization * scale)


@dataclass(frozen=True)
class Terms:
    """What may come on top for one half of a sweep; letters as in the module's text.

    Parameters
    ----------
    row_weights : ndarray, shape (n,), optional
        a of each row, >= 0.
    column_weights : ndarray, shape (m,), optional
        b of each row of the other side, >= 0.
    offsets : ndarray, shape (m,), optional
        c of each row of the other side.
    priors : ndarray, shape (n, f), optional
        What each row is pulled to.
    """

    row_weights: NDArray[np.float32] | None = None
    column_weights: NDArray[np.float32] | None = None
    offsets: Any = None
    priors: Any = None

    def weight(self, row: int) -> float:
        """Return a of a row."""
        return 1.0 if self.row_weights is None else float(self.row_weights[row])

    def prior(self, row: int, factors: int) -> NDArray[np.float64]:
        """What a row of so many factors is pulled to."""
        return np.zeros(factors) if self.priors is None else self.priors[row].astype(np.float64)

    def of_columns(self, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return b and c of all rows of the other side."""
        b, c = self.column_weights, self.offsets
        return (
            np.ones(count) if b is None else b.astype(np.float64),
            np.zeros(count) if c is None else c.astype(np.float64),
        )

    def settles(self, unobserved: float, row: int) -> bool:
        """Whether a row without entries needs no solving: it is its prior, or 0."""
        nothing = self.offsets is None and self.priors is None
        return nothing or unobserved * self.weight(row) == 0


NOTHING = Terms()


def gramian(rows: Matrix, weights: Matrix | None = None) -> NDArray[np.float64]:
    """Y'BY in double: the sum of the (weighted) outer products of `rows`, shape (f, f).

    Examples
    --------
    >>> gramian(np.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
    [[1.0, 2.0], [2.0, 5.0]]
    """
    y = rows.astype(np.float64)
    return np.asarray(y.T @ y if weights is None else (y.T * weights.astype(np.float64)) @ y)


def _entries(matrix: csr_matrix, row: int, alpha: float) -> tuple[NDArray[np.intp], Matrix, Matrix]:
    """Columns, confidences and labels of a row."""
    begin, end = matrix.indptr[row], matrix.indptr[row + 1]
    values = alpha * matrix.data[begin:end].astype(np.float64)
    return matrix.indices[begin:end], np.abs(values), (values > 0).astype(np.float64)


def normal_equations(
    matrix: csr_matrix,
    row: int,
    other: Matrix,
    objective: Objective,
    gram: NDArray[np.float64] | None = None,
    terms: Terms = NOTHING,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A and r of one row, in double.

    Parameters
    ----------
    matrix : csr_matrix, shape (n, m)
        Stored values.
    row : int
        Which row.
    other : ndarray, shape (m, f)
        Factors of the other side.
    objective : Objective
        Weights.
    gram : ndarray of float64, shape (f, f), optional
        ``gramian(other, terms.column_weights)``, where it is known.
    terms : Terms
        What comes on top.

    Returns
    -------
    A : ndarray of float64, shape (f, f)
    r : ndarray of float64, shape (f,)
    """
    columns, w, t = _entries(matrix, row, objective.alpha)
    y = other[columns].astype(np.float64)
    weight, prior = terms.weight(row), terms.prior(row, other.shape[1])
    b, c = terms.of_columns(len(other))
    a0 = objective.unobserved * weight
    lam = objective.row_lambda(len(columns), weight * b.sum())
    gram = gramian(other, terms.column_weights) if gram is None else gram
    excess = w - a0 * b[columns]
    a = a0 * gram + (y.T * excess) @ y + lam * np.eye(other.shape[1])
    r = y.T @ (w * t - excess * c[columns]) + lam * prior
    if terms.offsets is not None:
        r -= a0 * (other.astype(np.float64).T @ (b * c))
    return a, r


def _systems(
    matrix: csr_matrix, target: Matrix, other: Matrix, objective: Objective, terms: Terms
) -> Iterator[tuple[int, Matrix, Matrix]]:
    """Rows with their normal equations; a row whose solution is its prior is set to it at once."""
    gram = gramian(other, terms.column_weights)
    for row in range(matrix.shape[0]):
        empty = matrix.indptr[row] == matrix.indptr[row + 1]
        if empty and terms.settles(objective.unobserved, row):
            target[row] = terms.prior(row, target.shape[1])
        else:
            yield row, *normal_equations(matrix, row, other, objective, gram, terms)


def solve_cholesky(
    matrix: csr_matrix,
    target: Matrix,
    other: Matrix,
    objective: Objective,
    terms: Terms = NOTHING,
) -> None:
    """Replace each row of `target`, shape (n, f), by the minimum given `other`.

    Without regularization A may be singular; the solution of least norm is taken then. A row
    without entries becomes 0, which is its minimum, where there are neither offsets nor priors.
    """
    for row, a, b in _systems(matrix, target, other, objective, terms):
        singular = objective.regularization == 0
        target[row] = np.linalg.lstsq(a, b, rcond=None)[0] if singular else np.linalg.solve(a, b)


def solve_cg(
    matrix: csr_matrix,
    target: Matrix,
    other: Matrix,
    objective: Objective,
    steps: int = 3,
    terms: Terms = NOTHING,
) -> None:
    """Improve each row of `target`, shape (n, f), by `steps` of conjugate gradients.

    Warm-started from what `target` holds (Takács, Pilászy & Tikk 2011, algorithm 1). A row without
    entries becomes 0, which is its minimum, where there are neither offsets nor priors.
    """
    for row, a, b in _systems(matrix, target, other, objective, terms):
        x = target[row].astype(np.float64)
        r = b - a @ x
        p = r.copy()
        error = r @ r
        for _ in range(steps):
            if error < SOLVED:
                break
            q = a @ p
            curvature = p @ q
            if curvature <= 0:
                break
            x += error / curvature * p
            r -= error / curvature * q
            error, last = r @ r, error
            p = r + error / last * p
        target[row] = x


def solve_subspace(
    matrix: csr_matrix,
    target: Matrix,
    other: Matrix,
    objective: Objective,
    dimension: int = 64,
    terms: Terms = NOTHING,
) -> None:
    """Improve each row of `target`, shape (n, f), by one exact step for each block of dimensions.

    The half-sweep of iALS++ (Rendle, Krichene, Zhang & Koren 2021, algorithm 2): with B a block of
    `dimension` dimensions, in ascending order, the row moves to the minimum over ``x_B``, its other
    dimensions held::

        A_BB d = (b - A x)_B,    x_B += d

    Without regularization ``A_BB`` may be singular; the step of least norm is taken then. A row
    without entries becomes 0, which is its minimum, where there are neither offsets nor priors.
    """
    for row, a, b in _systems(matrix, target, other, objective, terms):
        x = target[row].astype(np.float64)
        for begin in range(0, len(x), dimension):
            block = slice(begin, begin + dimension)
            rest = b[block] - a[block] @ x
            if objective.regularization == 0:
                x[block] += np.linalg.lstsq(a[block, block], rest, rcond=None)[0]
            else:
                x[block] += np.linalg.solve(a[block, block], rest)
        target[row] = x


def objective_value(
    matrix: csr_matrix,
    users: Matrix,
    items: Matrix,
    objective: Objective,
    terms: Terms = NOTHING,
    item_priors: Matrix | None = None,
) -> float:
    """The objective, from the dense matrix of all scores: O(n_users * n_items) memory.

    `objective` and `terms` are those of the users' half. Where there are offsets, they are biases
    of the items: the last column of `items` is the ones that the users' biases meet, and the items'
    penalty takes the offsets in its place.
    """
    x, y = users.astype(np.float64), items.astype(np.float64)
    b, c = terms.of_columns(len(y))
    a = np.ones(len(x)) if terms.row_weights is None else terms.row_weights.astype(np.float64)
    weights = objective.unobserved * np.outer(a, b)
    labels = np.zeros(weights.shape)
    for row in range(matrix.shape[0]):
        columns, w, t = _entries(matrix, row, objective.alpha)
        weights[row, columns], labels[row, columns] = w, t
    loss = float((weights * (labels - x @ y.T - c) ** 2).sum())

    entries = np.diff(matrix.indptr)
    received = np.bincount(matrix.indices, minlength=matrix.shape[1])
    if terms.offsets is not None:
        y[:, -1] = c
    for vectors, priors, counts, masses, weighed in (
        (x, terms.priors, entries, a * b.sum(), objective),
        (y, item_priors, received, b * a.sum(), objective.of_items()),
    ):
        away = vectors if priors is None else vectors - priors
        lambdas = [weighed.row_lambda(int(n), mass) for n, mass in zip(counts, masses, strict=True)]
        loss += float((away**2).sum(axis=1) @ np.array(lambdas))
    return loss

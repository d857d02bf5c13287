"""The ALS core once more, in readable NumPy: what the native code is held to in the tests.

Everything here is slow on purpose and follows the formulas line by line. For a row with stored
values v over S, confidence ``w = |alpha v|`` and label ``t = 1 if v > 0 else 0``, the factor x
minimizes (Hu, Koren & Volinsky 2008, eq. 3; with weight and frequency scaling of Rendle et al.
2021, eqs. 2 and 7)::

    sum_S w (t - x.y)^2  +  a0 sum_(not S) (x.y)^2  +  lambda_u |x|^2

so that ``A x = b`` with::

    A = a0 Y'Y + sum_S (w - a0) y y' + lambda_u I
    b = sum_S w t y
    lambda_u = lambda (|S| + a0 m) ^ nu        (m rows on the other side)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

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

    def row_lambda(self, entries: int, others: int) -> float:
        """λ of a row with `entries` stored values against `others` rows of the other side."""
        scale = (entries + self.unobserved * others) ** self.exponent if self.exponent else 1.0
        return float(self.regularization * scale)


def gramian(rows: Matrix) -> NDArray[np.float64]:
    """Y'Y in double: the sum of the outer products of `rows`, shape (f, f).

    Examples
    --------
    >>> gramian(np.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
    [[1.0, 2.0], [2.0, 5.0]]
    """
    y = rows.astype(np.float64)
    return np.asarray(y.T @ y)


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
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A and b of one row, in double.

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
        ``gramian(other)``, where it is known.

    Returns
    -------
    A : ndarray of float64, shape (f, f)
    b : ndarray of float64, shape (f,)
    """
    columns, w, t = _entries(matrix, row, objective.alpha)
    y = other[columns].astype(np.float64)
    a0 = objective.unobserved
    lam = objective.row_lambda(len(columns), len(other))
    gram = gramian(other) if gram is None else gram
    a = a0 * gram + (y.T * (w - a0)) @ y + lam * np.eye(other.shape[1])
    return a, y.T @ (w * t)


def solve_cholesky(matrix: csr_matrix, target: Matrix, other: Matrix, objective: Objective) -> None:
    """Replace each row of `target`, shape (n, f), by the minimum given `other`.

    Without regularization A may be singular; the solution of least norm is taken then. A row
    without entries becomes 0, which is its minimum.
    """
    gram = gramian(other)
    for row in range(matrix.shape[0]):
        if matrix.indptr[row] == matrix.indptr[row + 1]:
            target[row] = 0
            continue
        a, b = normal_equations(matrix, row, other, objective, gram)
        singular = objective.regularization == 0
        target[row] = np.linalg.lstsq(a, b, rcond=None)[0] if singular else np.linalg.solve(a, b)


def solve_cg(
    matrix: csr_matrix, target: Matrix, other: Matrix, objective: Objective, steps: int = 3
) -> None:
    """Improve each row of `target`, shape (n, f), by `steps` of conjugate gradients.

    Warm-started from what `target` holds (Takács, Pilászy & Tikk 2011, algorithm 1). A row without
    entries becomes 0, which is its minimum.
    """
    gram = gramian(other)
    for row in range(matrix.shape[0]):
        if matrix.indptr[row] == matrix.indptr[row + 1]:
            target[row] = 0
            continue
        a, b = normal_equations(matrix, row, other, objective, gram)
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
    matrix: csr_matrix, target: Matrix, other: Matrix, objective: Objective, dimension: int = 64
) -> None:
    """Improve each row of `target`, shape (n, f), by one exact step for each block of dimensions.

    The half-sweep of iALS++ (Rendle, Krichene, Zhang & Koren 2021, algorithm 2): with B a block of
    `dimension` dimensions, in ascending order, the row moves to the minimum over ``x_B``, its other
    dimensions held::

        A_BB d = (b - A x)_B,    x_B += d

    Without regularization ``A_BB`` may be singular; the step of least norm is taken then. A row
    without entries becomes 0, which is its minimum.
    """
    gram = gramian(other)
    for row in range(matrix.shape[0]):
        if matrix.indptr[row] == matrix.indptr[row + 1]:
            target[row] = 0
            continue
        a, b = normal_equations(matrix, row, other, objective, gram)
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
    matrix: csr_matrix, users: Matrix, items: Matrix, objective: Objective
) -> float:
    """The objective, from the dense matrix of all scores: O(n_users * n_items) memory."""
    x, y = users.astype(np.float64), items.astype(np.float64)
    scores = x @ y.T
    loss = objective.unobserved * float((scores**2).sum())
    for row in range(matrix.shape[0]):
        columns, w, t = _entries(matrix, row, objective.alpha)
        s = scores[row, columns]
        loss += float((w * (t - s) ** 2 - objective.unobserved * s**2).sum())
    entries = np.diff(matrix.indptr)
    received = np.bincount(matrix.indices, minlength=matrix.shape[1])
    for side, vectors, counts, others in (
        (objective, x, entries, len(y)),
        (objective.of_items(), y, received, len(x)),
    ):
        norms = (vectors**2).sum(axis=1)
        lambdas = [side.row_lambda(int(count), others) for count in counts]
        loss += float(norms @ np.array(lambdas))
    return loss

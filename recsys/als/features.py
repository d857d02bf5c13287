"""Side features of users or items, and the map that predicts factors from them.

A row x with features f is pulled to ``W'f`` instead of to 0: the objective holds
``lambda_u |x - W'f|^2`` and ``feature_regularization |W|^2`` (a Gaussian prior whose mean is linear
in the features: Agarwal & Chen 2009, "Regression-based Latent Factor Models", section 2). Given the
factors X of all rows, W is the ridge regression weighted by lambda::

    (F' L F + feature_regularization I) W = F' L X,    L = diag(lambda_u)
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from recsys.als.border import Factors
from recsys.als.config import ALSConfig
from recsys.errors import InvalidInputError

Doubles = NDArray[np.float64]

#: Up to so many features their normal matrix is built and factorized once; above, conjugate
#: gradients go without it.
DENSE_FEATURES = 4096
#: Bounds of the conjugate gradients: relative residual, and steps.
_CLOSE, _STEPS = 1e-10, 200
_ROWS = 1 << 14  # rows that are held in double at once


class Features:
    """Features of all rows of one side, sparse or dense, checked.

    Parameters
    ----------
    values : scipy.sparse matrix or array-like, shape (rows, n_features)
        Real and finite. Sparse ones are never made dense.
    rows : int or None
        How many rows there have to be; None for any number.
    name : str
        What they are called in errors.
    dtype : numpy.dtype
        Of the model; they are converted to it where they are of another.

    Raises
    ------
    InvalidInputError
        Not a matrix of real, finite numbers, without a column, or of another number of rows.

    Examples
    --------
    >>> genres = Features([[1, 0], [0, 1], [1, 1]], 3, "item_features", np.dtype("float32"))
    >>> genres.rows, genres.count
    (3, 2)
    >>> genres.predict(np.array([[0.5], [2.0]], dtype=np.float32)).ravel().tolist()
    [0.5, 2.0, 2.5]
    """

    def __init__(self, values: Any, rows: int | None, name: str, dtype: np.dtype[Any]) -> None:
        self.name = name
        with np.errstate(over="ignore"):  # an overflow is infinite, and refused as such
            self._values = _matrix(values, name, dtype)
        held = self._values.data if issparse(self._values) else self._values
        if not np.isfinite(held).all():
            raise InvalidInputError(
                f"{name} holds NaN or infinity, expected finite numbers; fill or drop them"
            )
        if rows is not None and self.rows != rows:
            raise InvalidInputError(
                f"{name} has {self.rows} rows, expected {rows}, one for each row of factors"
            )
        if self.count == 0:
            raise InvalidInputError(f"{name} has no columns, expected at least one feature")

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self._values.shape[0])

    @property
    def count(self) -> int:
        """How many features there are."""
        return int(self._values.shape[1])

    def predict(self, weights: Factors) -> Factors:
        """Return ``F W``: what the features say of each row's factors.

        Parameters
        ----------
        weights : ndarray, shape (count, width)
            W.

        Returns
        -------
        ndarray, shape (rows, width)
            C-contiguous, of the dtype of `weights`.
        """
        if len(weights) != self.count:
            raise InvalidInputError(
                f"{self.name} has {self.count} columns, the model was fitted with {len(weights)} "
                "features; give the same features"
            )
        made: Any = np.ascontiguousarray(self._values @ weights)
        return made  # type: ignore[no-any-return]

    def weighted_sum(self, scales: Doubles, rows: Factors) -> Doubles:
        """Return ``F' diag(scales) X`` in double, shape (count, width)."""
        total = np.zeros((self.count, rows.shape[1]))
        for begin in range(0, self.rows, _ROWS):
            part = slice(begin, begin + _ROWS)
            total += self._part(part).T @ (scales[part, None] * rows[part].astype(np.float64))
        return total

    def normal_matrix(self, scales: Doubles) -> Doubles:
        """Return ``F' diag(scales) F`` in double, shape (count, count)."""
        total = np.zeros((self.count, self.count))
        for begin in range(0, self.rows, _ROWS):
            part = slice(begin, begin + _ROWS)
            block = self._part(part)
            if issparse(block):
                product = (block.T.multiply(scales[part])).tocsr() @ block
                total += product.toarray()
            else:
                total += (block.T * scales[part]) @ block
        return total

    def normal_product(self, scales: Doubles, weights: Doubles) -> Doubles:
        """Return ``F' diag(scales) F W`` without the matrix."""
        total = np.zeros(weights.shape)
        for begin in range(0, self.rows, _ROWS):
            part = slice(begin, begin + _ROWS)
            block = self._part(part)
            total += block.T @ (scales[part, None] * (block @ weights))
        return total

    def fingerprint(self) -> str:
        """SHA-256 of every number."""
        digest = hashlib.sha256(str(self._values.shape).encode())
        held = self._values
        parts = (held.indptr, held.indices, held.data) if issparse(held) else (held,)
        for part in parts:
            digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    def _part(self, rows: slice) -> Any:
        return self._values[rows].astype(np.float64)


def _matrix(values: Any, name: str, dtype: np.dtype[Any]) -> Any:
    """`values` as CSR or as a C-contiguous array of two dimensions."""
    if issparse(values):
        if values.ndim == 2 and values.dtype.kind in "buif":
            return csr_array(values).astype(dtype, copy=False)
        shape = f"{values.ndim} dimensions"
    else:
        try:
            array = np.asarray(values)
        except ValueError:
            array = np.empty(0, object)
        if array.ndim == 2 and array.dtype.kind in "buif":
            return np.ascontiguousarray(array, dtype)
        shape = f"{array.ndim} dimensions of {array.dtype}"
    raise InvalidInputError(
        f"{name} is a {type(values).__name__} of {shape}, expected a matrix of real numbers, "
        "sparse or dense, one row for each row of factors"
    )


class FeatureRegression:
    """Solves W again and again for one side while its factors change.

    Parameters
    ----------
    features : Features
        F.
    lambdas : ndarray of float64, shape (rows,)
        Regularization of each row.
    regularization : float
        Of W, > 0.
    """

    def __init__(self, features: Features, lambdas: Doubles, regularization: float) -> None:
        self._features, self._lambdas, self._ridge = features, lambdas, regularization
        self._factorized: Any = None
        if features.count <= DENSE_FEATURES:
            matrix = features.normal_matrix(lambdas)
            matrix[np.diag_indices_from(matrix)] += regularization
            self._factorized = scipy.linalg.cho_factor(matrix, lower=True)

    def solve(self, rows: Factors, weights: Factors) -> None:
        """Replace `weights`, shape (count, width), by the minimum given the factors `rows`."""
        right = self._features.weighted_sum(self._lambdas, rows)
        if self._factorized is not None:
            weights[:] = scipy.linalg.cho_solve(self._factorized, right)
        else:
            weights[:] = self._iterated(right, weights.astype(np.float64))

    def _iterated(self, right: Doubles, x: Doubles) -> Doubles:
        """Conjugate gradients on all columns at once, from `x` on."""
        r = right - self._product(x)
        p = r.copy()
        error = (r * r).sum(axis=0)
        enough = _CLOSE**2 * (right * right).sum(axis=0)
        for _ in range(_STEPS):
            active = error > enough
            if not active.any():
                break
            q = self._product(p)
            curvature = (p * q).sum(axis=0)
            length = np.divide(error, curvature, out=np.zeros_like(error), where=curvature > 0)
            length[~active] = 0
            x += length * p
            r -= length * q
            after = (r * r).sum(axis=0)
            ratio = np.divide(after, error, out=np.zeros_like(error), where=error > 0)
            p = r + ratio * p
            error = after
        return x

    def _product(self, x: Doubles) -> Doubles:
        return self._features.normal_product(self._lambdas, x) + self._ridge * x


def map_penalty(weights: Factors | None, config: ALSConfig) -> float:
    """What a map adds to the objective: ``feature_regularization |W|^2``; 0 where there is none."""
    if weights is None:
        return 0.0
    return config.feature_regularization * float(np.square(weights, dtype=np.float64).sum())

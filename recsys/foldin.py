"""The linear system behind one user's factor: solved for visitors, and taken apart to explain.

With weights w over the liked items S, the factor that minimizes the objective given the item
factors y solves (Hu, Koren & Volinsky 2008, eq. 4, with the unobserved weight α0 and the
regularization scaling of Rendle et al. 2021)::

    A x = b
    A = α0 Σ_i b_i y_i y_iᵀ + Σ_{i∈S} (w_i − α0 b_i) y_i y_iᵀ + λ (|S| + α0 Σ_i b_i)^ν I
    b = Σ_{i∈S} w_i y_i

where the weights b_i of unobserved pairs are 1 unless the model weighs them by popularity. The
score of an item t is then y_t·x = Σ_{i∈S} w_i y_tᵀ A⁻¹ y_i: a sum over the liked items, each term
being what that item contributes (section 5 of the same paper).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

from recsys.als import AlternatingLeastSquares
from recsys.errors import InvalidInputError

# A BLAS does products of so few operations on the calling thread. In a server whose processors are
# busy, handing one to a second thread costs a hundred times the product.
_ALONE = 1 << 18
_FEWEST = 16
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class UserSystem:
    """One user's system, factorized.

    Attributes
    ----------
    liked : float64 ndarray, shape (n_liked, f)
        Factors of the liked items.
    weights : float64 ndarray, shape (n_liked,)
        Confidence of each, ``alpha`` included.
    """

    liked: Doubles
    weights: Doubles
    _factorized: tuple[Doubles, bool]

    def factor(self) -> Doubles:
        """The user's factor x, float64, shape (f,)."""
        return np.asarray(scipy.linalg.cho_solve(self._factorized, self.liked.T @ self.weights))

    def contributions(self, target: npt.ArrayLike) -> Doubles:
        """What each liked item adds to the score of an item with factors `target`, shape (f,)."""
        direction = scipy.linalg.cho_solve(self._factorized, np.asarray(target, np.float64))
        return np.asarray(self.weights * (self.liked @ direction))


class FoldIn:
    """Builds user systems from a fitted model; the Gramian is computed once.

    Parameters
    ----------
    model : AlternatingLeastSquares
        Fitted. Its settings and item factors are used as they are now.
    """

    def __init__(self, model: AlternatingLeastSquares) -> None:
        self._model = model
        factors = np.asarray(model.item_factors, np.float64)
        self._unobserved = float(model.unobserved_weight)
        told = model.item_weights
        weights = np.ones(len(factors)) if told is None else np.asarray(told, np.float64)
        self._base = self._unobserved * ((factors.T * weights) @ factors)
        self._mass = float(weights.sum())

    def system(
        self,
        liked: npt.ArrayLike,
        weights: npt.ArrayLike,
        unobserved: npt.ArrayLike = 1.0,
        *,
        rejected: npt.ArrayLike | None = None,
        excess: npt.ArrayLike = 0.0,
    ) -> UserSystem:
        """The system of a user who likes items with these factors.

        Parameters
        ----------
        liked : array, shape (n_liked, f)
            Factors of the liked items.
        weights : array, shape (n_liked,)
            Their weights as in the interactions (``alpha`` is applied here), each > 0.
        unobserved : array, shape (n_liked,)
            b of each as the model knows it: 1, or ``item_weights``. 0 for a cold item, which is not
            in the sum over all items, so that nothing is to be taken out of it.
        rejected : array, shape (n_rejected, f), optional
            Factors of items that they turned down: pairs with label 0, as unobserved ones are.
        excess : array, shape (n_rejected,)
            By how much each of those weighs more than an unobserved pair: w − α0 b, each > 0.

        Raises
        ------
        InvalidInputError
            The system is singular, which takes a regularization of 0 and dependent factors.
        """
        y = np.atleast_2d(np.asarray(liked, np.float64))
        w = float(self._model.alpha) * np.asarray(weights, np.float64)
        strength = float(self._model.regularization) * (
            len(w) + self._unobserved * self._mass
        ) ** float(self._model.regularization_exponent)
        matrix = self._base.copy()
        _add(matrix, y, w - self._unobserved * np.asarray(unobserved, np.float64))
        if rejected is not None:
            against = np.atleast_2d(np.asarray(rejected, np.float64))
            _add(matrix, against, np.broadcast_to(np.asarray(excess, np.float64), len(against)))
        matrix[np.diag_indices_from(matrix)] += strength
        try:
            factorized = scipy.linalg.cho_factor(matrix, lower=True, check_finite=True)
        except (np.linalg.LinAlgError, ValueError) as error:
            raise InvalidInputError(
                "this history gives a singular system; fit with regularization above 0"
            ) from error
        return UserSystem(y, w, factorized)


class Systems(FoldIn):
    """Builds user systems from item rows, those of cold items among them.

    Parameters
    ----------
    model : AlternatingLeastSquares
        Fitted.
    item_factors : float32 ndarray, shape (n_items, f)
        Those of the model, then factors predicted for cold items.
    """

    def __init__(
        self, model: AlternatingLeastSquares, item_factors: npt.NDArray[np.float32]
    ) -> None:
        super().__init__(model)
        self._item_factors = item_factors
        self._n_learned = len(model.item_factors)

    def of(
        self,
        rows: npt.NDArray[np.int64],
        weights: npt.ArrayLike,
        rejected: npt.NDArray[np.int64] | None = None,
        rejection: float = 0.0,
    ) -> UserSystem:
        """The system of a user who likes the items in `rows`.

        Parameters
        ----------
        rows : int64 array, shape (n_liked,)
            Item rows.
        weights : array, shape (n_liked,)
            As of :meth:`system`.
        rejected : int64 array, optional
            Rows of items that they turned down.
        rejection : float
            Weight of each of those, as in the interactions; where an unobserved pair weighs more,
            that counts.
        """
        liked, unobserved = self._item_factors[rows], self._unobserved_of(rows)
        if rejected is None or not rejected.size:
            return self.system(liked, weights, unobserved)
        usual = self._model.unobserved_weight * self._unobserved_of(rejected)
        excess = np.maximum(self._model.alpha * rejection - usual, 0.0)
        against = self._item_factors[rejected]
        return self.system(liked, weights, unobserved, rejected=against, excess=excess)

    def _unobserved_of(self, rows: npt.NDArray[np.int64]) -> Doubles:
        """Weight of each as an unobserved pair, against the model's; 0 for a cold item."""
        weights = (rows < self._n_learned).astype(np.float64)
        if self._model.item_weights is not None:
            weights *= self._model.item_weights[np.minimum(rows, self._n_learned - 1)]
        return weights


def _add(matrix: Doubles, factors: Doubles, excess: Doubles) -> None:
    """Add Σ excess_i y_i y_iᵀ in place."""
    step = max(1, _ALONE // factors.shape[1] ** 2)
    if factors.shape[1] ** 2 > _ALONE // _FEWEST:
        step = max(1, len(factors))
    for at in range(0, len(factors), step):
        some = factors[at : at + step]
        matrix += (some.T * excess[at : at + step]) @ some


def check_model(model: AlternatingLeastSquares) -> None:
    """Refuse a model whose scores are more than the product of two factors.

    Raises
    ------
    InvalidInputError
        It has biases.
    """
    if model.biases:
        raise InvalidInputError(
            "the model has biases=True, which Recommender's indexes and fold-in do not take; use "
            "biases=False, or AlternatingLeastSquares.recommend"
        )

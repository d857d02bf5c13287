"""Why an item has its score: the exact decomposition over what the user liked."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recsys.als.config import whole_number
from recsys.als.fresh import FreshFactors
from recsys.als.ranking import rows_of
from recsys.als.reference import Objective, Terms, normal_equations
from recsys.errors import InvalidInputError

Contributions: TypeAlias = list[tuple[int, float]]
CholeskyFactor: TypeAlias = tuple[NDArray[np.float64], bool]


class Explaining(FreshFactors):
    """Scores taken apart, on top of :class:`recsys.als.fresh.FreshFactors`."""

    def explain(
        self,
        userid: int,
        user_items: csr_matrix,
        itemid: int,
        user_weights: CholeskyFactor | None = None,
        N: int = 10,
        *,
        user_features: Any = None,
    ) -> tuple[float, Contributions, CholeskyFactor]:
        """Split a score into what each liked item adds to it (Hu et al. 2008, section 5).

        Parameters
        ----------
        userid : int
            Row of `user_items`.
        user_items : csr_matrix, shape (n_users, n_items)
            What each user touched.
        itemid : int
            The item whose score is explained.
        user_weights : tuple, optional
            Third result of an earlier call for the same user; saves the factorization.
        N : int
            Contributions to return, >= 1.
        user_features : matrix, shape (1, n_features), optional
            The user's features, where the model was fitted with some; without them all are 0.

        Returns
        -------
        total_score : float
            The score of the user's exact factor: the sum of all contributions, and with biases or
            features what those add on top.
        top_contributions : list of (int, float)
            The N largest, falling: item and what it adds.
        user_weights : tuple
            Cholesky factor of the user's normal matrix, in double.

        Raises
        ------
        InvalidInputError
            An id that does not exist, or a singular system (regularization of 0).
        NotFittedError
            There are no item factors.
        """
        n = whole_number("N", N, 1)
        items = self._checked("item_factors")
        csr = self._widened(user_items, len(items), "user_items")
        row = int(rows_of(userid, csr.shape[0], "userid")[0])
        target = int(rows_of(itemid, len(items), "itemid")[0])
        history = csr[[row]]
        terms = self._terms_of(row, user_features)
        if user_weights is None:
            user_weights = self._factorized(history, row, terms)
        met, offsets = self._met("item_factors")
        direction = scipy.linalg.cho_solve(user_weights, met[target].astype(np.float64))
        weights = self.alpha * history.data.astype(np.float64)
        liked = history.indices[weights > 0]
        labels = weights[weights > 0]
        added = labels * (met[liked].astype(np.float64) @ direction)
        total = float(added.sum())
        if not terms.settles(1.0, 0):  # biases or features have their part
            _, right = normal_equations(history, 0, met, self._objective(), terms=terms)
            total = float(right @ direction)
            if offsets is not None:
                total += float(offsets[target])
        order = np.argsort(-added, kind="stable")[:n]
        top = [(int(liked[k]), float(added[k])) for k in order]
        return total, top, user_weights

    def _terms_of(self, row: int, user_features: Any) -> Terms:
        """What comes on top for one user, as a matrix of one row has it."""
        _, offsets = self._met("item_factors")
        own = None if self._user_weights is None else self._user_weights[[row]]
        priors = None if user_features is None else self._predicted("user", user_features, 1)
        return Terms(own, self._weights("item_factors"), offsets, priors)

    def _objective(self) -> Objective:
        config = self.config
        return Objective(
            config.alpha,
            config.unobserved_weight,
            config.regularization,
            config.regularization_exponent,
        )

    def _factorized(self, history: csr_matrix, row: int, terms: Terms) -> CholeskyFactor:
        met, _ = self._met("item_factors")
        matrix, _ = normal_equations(
            history, 0, met, self._objective(), self._gramian("item_factors"), terms
        )
        try:
            lower: CholeskyFactor = scipy.linalg.cho_factor(matrix, lower=True)
        except (np.linalg.LinAlgError, ValueError) as error:
            raise InvalidInputError(
                f"the system of user {row} is singular; explain needs regularization above 0"
            ) from error
        return lower

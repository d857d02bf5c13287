"""Why an item has its score: the exact decomposition over what the user liked."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recsys.als.config import whole_number
from recsys.als.fresh import FreshFactors
from recsys.als.ranking import rows_of
from recsys.als.reference import Objective, normal_equations
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

        Returns
        -------
        total_score : float
            The score of the user's exact factor, the sum of all contributions.
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
        if user_weights is None:
            user_weights = self._factorized(csr, row)
        direction = scipy.linalg.cho_solve(user_weights, items[target].astype(np.float64))
        begin, end = csr.indptr[row], csr.indptr[row + 1]
        weights = self.alpha * csr.data[begin:end].astype(np.float64)
        liked = csr.indices[begin:end][weights > 0]
        added = weights[weights > 0] * (items[liked].astype(np.float64) @ direction)
        order = np.argsort(-added, kind="stable")[:n]
        top = [(int(liked[k]), float(added[k])) for k in order]
        return float(added.sum()), top, user_weights

    def _factorized(self, csr: csr_matrix, row: int) -> CholeskyFactor:
        config = self.config
        objective = Objective(
            config.alpha,
            config.unobserved_weight,
            config.regularization,
            config.regularization_exponent,
        )
        matrix, _ = normal_equations(
            csr, row, self._checked("item_factors"), objective, self._gramian("item_factors")
        )
        try:
            lower: CholeskyFactor = scipy.linalg.cho_factor(matrix, lower=True)
        except (np.linalg.LinAlgError, ValueError) as error:
            raise InvalidInputError(
                f"the system of user {row} is singular; explain needs regularization above 0"
            ) from error
        return lower

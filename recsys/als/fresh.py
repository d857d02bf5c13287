"""Factors solved anew from what somebody touched: looked at, stored, or grown by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.factors import Factors, FactorStore
from recsys.als.ranking import rows_of
from recsys.errors import InvalidInputError


class FreshFactors(FactorStore):
    """Exact factors for given histories, on top of :class:`recsys.als.factors.FactorStore`."""

    def recalculate_user(self, userid: Any, user_items: csr_matrix) -> Factors:
        """Factors of users from what they touched, exact (Cholesky), nothing stored.

        Parameters
        ----------
        userid : int or array-like of int
            As many as rows of `user_items`; they need not exist.
        user_items : csr_matrix, shape (len(userid), n_items)
            What each touched. Fewer columns than items stand for items nobody of them touched.

        Returns
        -------
        ndarray of the model's dtype, shape (factors,) for one user, else (len(userid), factors)

        Raises
        ------
        InvalidInputError
            Shapes disagree, or values are not finite.
        NotFittedError
            There are no item factors.
        """
        known, single = self._ids(userid, "user_factors", "userid", exists=False)
        rows = self._histories(user_items, len(known), "item_factors", "user_items", "userid")
        made = self._recalculated(rows, "item_factors", "user_items")
        return made[0] if single else made

    def recalculate_item(self, itemid: Any, item_users: csr_matrix) -> Factors:
        """Factors of items from who touched them; see :meth:`recalculate_user`.

        Parameters
        ----------
        itemid : int or array-like of int
            As many as rows of `item_users`.
        item_users : csr_matrix, shape (len(itemid), n_users)
            Who touched each.

        Returns
        -------
        ndarray of the model's dtype, shape (factors,) for one item, else (len(itemid), factors)
        """
        known, single = self._ids(itemid, "item_factors", "itemid", exists=False)
        rows = self._histories(item_users, len(known), "user_factors", "item_users", "itemid")
        made = self._recalculated(rows, "user_factors", "item_users")
        return made[0] if single else made

    def partial_fit_users(self, userids: ArrayLike, user_items: csr_matrix) -> None:
        """Recalculate and store factors of some users; new ones make the model grow.

        Parameters
        ----------
        userids : array-like of int
            Rows of `user_factors`, also beyond its end: rows in between become zeros.
        user_items : csr_matrix, shape (len(userids), n_items)
            Everything each of them touched.

        Raises
        ------
        InvalidInputError
            Shapes disagree, ids are negative or given twice, values are not finite.
        NotFittedError
            There are no factors.
        """
        rows = _target_rows(userids, "userids")
        self._store("_user_factors", rows, self.recalculate_user(rows, user_items))

    def partial_fit_items(self, itemids: ArrayLike, item_users: csr_matrix) -> None:
        """Recalculate and store factors of some items; see :meth:`partial_fit_users`.

        Parameters
        ----------
        itemids : array-like of int
            Rows of `item_factors`, also beyond its end.
        item_users : csr_matrix, shape (len(itemids), n_users)
            Everyone who touched each of them.
        """
        rows = _target_rows(itemids, "itemids")
        self._store("_item_factors", rows, self.recalculate_item(rows, item_users))

    def _store(self, side: str, rows: NDArray[np.int64], made: Factors) -> None:
        current = self._checked(side.removeprefix("_"))
        size = max(len(current), int(rows.max(initial=-1)) + 1)
        grown = np.zeros((size, self.factors), dtype=self.dtype)
        grown[: len(current)] = current
        grown[rows] = made
        setattr(self, side, grown)
        self._forget_derived()

    def refine_users(self, user_items: csr_matrix) -> None:
        """Solve every user's factor exactly (Cholesky), given the item factors, in place.

        After it a score is exactly what :meth:`explain` takes apart, whatever solver trained.

        Parameters
        ----------
        user_items : csr_matrix, shape (n_users, n_items)
            What the model was fitted on.

        Raises
        ------
        InvalidInputError
            The matrix is not of the model's shape, or not finite.
        NotFittedError
            There are no factors.
        """
        users, items = self._checked("user_factors"), self._checked("item_factors")
        csr = cpu.canonical_csr(user_items, "user_items")
        if csr.shape != (len(users), len(items)):
            raise InvalidInputError(
                f"user_items has shape {csr.shape}, expected {(len(users), len(items))}"
            )
        gramian = self._gramian("item_factors")
        users = self._user_factors = np.require(users, None, ["W"])  # mapped ones are read-only
        try:
            rows = cpu.sparse_rows(csr, "user_items")
            cpu.solve(rows, users, items, self.config, solver="cholesky", gramian=gramian)
        finally:
            self._forget_derived()

    def _recalculated(self, histories: csr_matrix | None, other: str, name: str) -> Factors:
        if histories is None:
            raise InvalidInputError(f"{name} is missing; recalculating needs it")
        made: Factors = np.zeros((histories.shape[0], self.factors), dtype=self.dtype)
        cpu.solve(
            cpu.sparse_rows(histories, name),
            made,
            self._checked(other),
            self.config if other == "item_factors" else self.config.of_items(),
            solver="cholesky",
            gramian=self._gramian(other),
            name=name,
        )
        return made


def _target_rows(ids: ArrayLike, name: str) -> NDArray[np.int64]:
    rows = rows_of(ids, np.iinfo(np.int32).max, name)
    if len(np.unique(rows)) != len(rows):
        raise InvalidInputError(f"{name} holds an id twice, expected each once")
    return rows

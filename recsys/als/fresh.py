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

    def fold_in(self, items: ArrayLike, weights: ArrayLike | None = None) -> Factors:
        """Factors of one user from what they touched, exact (Cholesky), nothing stored.

        What :meth:`recalculate_user` computes, from plain arrays: for a visitor who waits. The
        Gramian of the items is kept from call to call, and no thread is started.

        Parameters
        ----------
        items : array-like of int
            Rows of `item_factors`, in any order; what is given twice adds up.
        weights : array-like of float, same length, optional
            What would stand in the matrix for each: a confidence, negative for a dislike; 1
            without it.

        Returns
        -------
        ndarray of the model's dtype, shape (factors,)

        Raises
        ------
        InvalidInputError
            An item that does not exist, weights of another length or not finite.
        NotFittedError
            There are no item factors.

        Examples
        --------
        >>> from recsys.als import AlternatingLeastSquares
        >>> likes = csr_matrix([[2, 3, 0, 0], [1, 4, 0, 0], [0, 0, 5, 1.0]])
        >>> model = AlternatingLeastSquares(factors=4, random_state=1, num_threads=1)
        >>> model.fit(likes, show_progress=False)
        >>> visitor = model.fold_in([3, 2], [1.0, 5.0])
        >>> bool((visitor == model.recalculate_user(2, likes[2])).all())
        True
        """
        rows = _one_row(items, weights, len(self._checked("item_factors")))
        made: Factors = self._solved(rows, "item_factors", "items")[0]
        return made

    def _recalculated(self, histories: csr_matrix | None, other: str, name: str) -> Factors:
        if histories is None:
            raise InvalidInputError(f"{name} is missing; recalculating needs it")
        return self._solved(cpu.sparse_rows(histories, name), other, name)

    def _solved(self, rows: cpu.SparseRows, other: str, name: str) -> Factors:
        made: Factors = np.zeros((rows.rows, self.factors), dtype=self.dtype)
        cpu.solve(
            rows,
            made,
            self._checked(other),
            self.config if other == "item_factors" else self.config.of_items(),
            solver="cholesky",
            gramian=self._gramian(other),
            name=name,
        )
        return made


def _one_row(items: ArrayLike, weights: ArrayLike | None, columns: int) -> cpu.SparseRows:
    """A matrix of one row, canonical, from plain arrays."""
    indices = rows_of(items, columns, "items")
    if weights is None:
        values = np.ones(len(indices), np.float32)
    else:
        try:
            with np.errstate(over="ignore"):  # an overflow is infinite, and refused as such
                values = np.asarray(weights, np.float32)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"weights is {weights!r}, expected numbers") from error
        if values.shape != indices.shape or not np.isfinite(values).all():
            raise InvalidInputError(
                f"weights is of shape {values.shape}, expected {len(indices)} finite numbers of "
                "single precision, one for each item"
            )
    if not (indices[1:] > indices[:-1]).all():
        indices, place = np.unique(indices, return_inverse=True)
        summed = np.bincount(place, weights=values, minlength=len(indices))
        with np.errstate(over="ignore"):  # the native core refuses what is infinite
            values = summed.astype(np.float32)
    with cpu.native_errors("items"):
        return cpu.SparseRows(
            np.array([0, len(indices)], np.int64), indices.astype(np.int32), values, columns
        )


def _target_rows(ids: ArrayLike, name: str) -> NDArray[np.int64]:
    rows = rows_of(ids, np.iinfo(np.int32).max, name)
    if len(np.unique(rows)) != len(rows):
        raise InvalidInputError(f"{name} holds an id twice, expected each once")
    return rows

"""Factors solved anew from what somebody touched: looked at, stored, or grown by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.factors import Factors, FactorStore, Weights
from recsys.als.features import Features
from recsys.als.ranking import rows_of
from recsys.als.reference import Terms
from recsys.als.sides import popularity_weights
from recsys.als.sparse import canonical_csr
from recsys.errors import InvalidInputError


class FreshFactors(FactorStore):
    """Exact factors for given histories, on top of :class:`recsys.als.factors.FactorStore`."""

    def recalculate_user(
        self, userid: Any, user_items: csr_matrix, *, user_features: Any = None
    ) -> Factors:
        """Factors of users from what they touched, exact (Cholesky), nothing stored.

        Parameters
        ----------
        userid : int or array-like of int
            As many as rows of `user_items`; they need not exist.
        user_items : csr_matrix, shape (len(userid), n_items)
            What each touched. Fewer columns than items stand for items nobody of them touched.
        user_features : matrix, shape (len(userid), n_features), optional
            Their features, where the model was fitted with some; without them all are 0.

        Returns
        -------
        ndarray of the model's dtype, shape (factors,) for one user, else (len(userid), factors)
            With ``biases`` one column more, the last: the bias.

        Raises
        ------
        InvalidInputError
            Shapes disagree, or values are not finite.
        NotFittedError
            There are no item factors.
        """
        known, single = self._ids(userid, "user_factors", "userid", exists=False)
        rows = self._histories(user_items, len(known), "item_factors", "user_items", "userid")
        made = self._recalculated(
            rows, "item_factors", "user_items", self._told("user", known, rows, user_features)
        )
        return made[0] if single else made

    def recalculate_item(
        self, itemid: Any, item_users: csr_matrix, *, item_features: Any = None
    ) -> Factors:
        """Factors of items from who touched them; see :meth:`recalculate_user`.

        Parameters
        ----------
        itemid : int or array-like of int
            As many as rows of `item_users`.
        item_users : csr_matrix, shape (len(itemid), n_users)
            Who touched each.
        item_features : matrix, shape (len(itemid), n_features), optional
            Their features, where the model was fitted with some; without them all are 0.

        Returns
        -------
        ndarray of the model's dtype, shape (factors,) for one item, else (len(itemid), factors)
            With ``biases`` one column more, the last: the bias.
        """
        known, single = self._ids(itemid, "item_factors", "itemid", exists=False)
        rows = self._histories(item_users, len(known), "user_factors", "item_users", "itemid")
        made = self._recalculated(
            rows, "user_factors", "item_users", self._told("item", known, rows, item_features)
        )
        return made[0] if single else made

    def predict_user_factors(self, user_features: Any) -> Factors:
        """Factors of users from their features alone, for those of whom nothing else is known.

        Parameters
        ----------
        user_features : matrix, shape (n, n_features)
            As given to ``fit``, sparse or dense.

        Returns
        -------
        ndarray of the model's dtype, shape (n, factors)
            With ``biases`` one column more, the last: the bias.

        Raises
        ------
        InvalidInputError
            The model was fitted without user features, or with others.

        Examples
        --------
        >>> from recsys.als import AlternatingLeastSquares
        >>> likes = csr_matrix([[2, 3, 0, 0], [1, 4, 0, 0], [0, 0, 5, 1.0]])
        >>> model = AlternatingLeastSquares(factors=4, random_state=1, num_threads=1)
        >>> model.fit(likes, show_progress=False, user_features=[[1, 0], [1, 0], [0, 1]])
        >>> model.predict_user_factors([[0, 1]]).shape
        (1, 4)
        """
        return self._predicted("user", user_features)

    def predict_item_factors(self, item_features: Any) -> Factors:
        """Factors of items from their features alone; see :meth:`predict_user_factors`.

        Parameters
        ----------
        item_features : matrix, shape (n, n_features)
            As given to ``fit``, sparse or dense.

        Returns
        -------
        ndarray of the model's dtype, shape (n, factors)
        """
        return self._predicted("item", item_features)

    def _predicted(self, kind: str, values: Any, rows: int | None = None) -> Factors:
        name = f"{kind}_features"
        learned: Factors | None = getattr(self, f"_{kind}_feature_factors")
        if learned is None:
            raise InvalidInputError(
                f"{name} are given, the model was fitted without; give {name} to fit as well"
            )
        return Features(values, rows, name, self.dtype).predict(learned)

    def _told(
        self, kind: str, ids: NDArray[np.int64], histories: csr_matrix, features: Any
    ) -> Terms:
        """Weights of rows and what their features say, for rows that are solved anew."""
        weights = self._fresh_weights(kind, ids, histories)
        priors = None if features is None else self._predicted(kind, features, len(ids))
        return Terms(row_weights=weights, priors=priors)

    def _fresh_weights(
        self, kind: str, ids: NDArray[np.int64], histories: csr_matrix
    ) -> Weights | None:
        """Weights of unobserved pairs: by popularity, else as told for known rows, else 1."""
        if kind == "item" and self.popularity_exponent:
            entries = np.diff(canonical_csr(histories, "item_users").indptr)
            return popularity_weights(entries, self.popularity_exponent, self._popularity_scale)
        told: Weights | None = getattr(self, f"_{kind}_weights")
        if told is None:
            return None
        weights = np.ones(len(ids), np.float32)
        known = ids < len(told)
        weights[known] = told[ids[known]]
        return weights

    def partial_fit_users(
        self, userids: ArrayLike, user_items: csr_matrix, *, user_features: Any = None
    ) -> None:
        """Recalculate and store factors of some users; new ones make the model grow.

        Parameters
        ----------
        userids : array-like of int
            Rows of `user_factors`, also beyond its end: rows in between become zeros.
        user_items : csr_matrix, shape (len(userids), n_items)
            Everything each of them touched.
        user_features : matrix, shape (len(userids), n_features), optional
            As in :meth:`recalculate_user`.

        Raises
        ------
        InvalidInputError
            Shapes disagree, ids are negative or given twice, values are not finite.
        NotFittedError
            There are no factors.
        """
        rows = _target_rows(userids, "userids")
        made = self.recalculate_user(rows, user_items, user_features=user_features)
        self._store("user", rows, made, self._fresh_weights("user", rows, user_items))

    def partial_fit_items(
        self, itemids: ArrayLike, item_users: csr_matrix, *, item_features: Any = None
    ) -> None:
        """Recalculate and store factors of some items; see :meth:`partial_fit_users`.

        Parameters
        ----------
        itemids : array-like of int
            Rows of `item_factors`, also beyond its end.
        item_users : csr_matrix, shape (len(itemids), n_users)
            Everyone who touched each of them.
        item_features : matrix, shape (len(itemids), n_features), optional
            As in :meth:`recalculate_item`.
        """
        rows = _target_rows(itemids, "itemids")
        made = self.recalculate_item(rows, item_users, item_features=item_features)
        self._store("item", rows, made, self._fresh_weights("item", rows, item_users))

    def _store(
        self, kind: str, rows: NDArray[np.int64], made: Factors, weights: Weights | None
    ) -> None:
        current = self._checked(f"{kind}_factors")
        size = max(len(current), int(rows.max(initial=-1)) + 1)
        grown = np.zeros((size, self.config.width), dtype=self.dtype)
        grown[: len(current)] = current
        grown[rows] = made
        if weights is not None:
            by_popularity = kind == "item" and bool(self.popularity_exponent)
            told = self._weights(f"{kind}_factors")
            all_weights = np.full(size, 0.0 if by_popularity else 1.0, np.float32)
            all_weights[: len(current)] = told
            all_weights[rows] = weights
            setattr(self, f"_{kind}_weights", all_weights)
        setattr(self, f"_{kind}_factors", grown)
        self._forget_derived()

    def refine_users(self, user_items: csr_matrix, *, user_features: Any = None) -> None:
        """Solve every user's factor exactly (Cholesky), given the item factors, in place.

        After it a score is exactly what :meth:`explain` takes apart, whatever solver trained.

        Parameters
        ----------
        user_items : csr_matrix, shape (n_users, n_items)
            What the model was fitted on.
        user_features : matrix, shape (n_users, n_features), optional
            As in :meth:`recalculate_user`.

        Raises
        ------
        InvalidInputError
            The matrix is not of the model's shape, or not finite.
        NotFittedError
            There are no factors.
        """
        users, items = self._checked("user_factors"), self._checked("item_factors")
        csr = canonical_csr(user_items, "user_items")
        if csr.shape != (len(users), len(items)):
            raise InvalidInputError(
                f"user_items has shape {csr.shape}, expected {(len(users), len(items))}"
            )
        told = self._told("user", np.arange(len(users)), csr, user_features)
        users = self._user_factors = np.require(users, None, ["W"])  # mapped ones are read-only
        try:
            self._solve_into(users, cpu.sparse_rows(csr, "user_items"), "item_factors", told)
        finally:
            self._forget_derived()

    def fold_in(
        self,
        items: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        user_features: Any = None,
    ) -> Factors:
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
        user_features : matrix, shape (1, n_features), optional
            As in :meth:`recalculate_user`.

        Returns
        -------
        ndarray of the model's dtype, shape (factors,)
            With ``biases`` one number more, the last: the bias.

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
        priors = None if user_features is None else self._predicted("user", user_features, 1)
        made: Factors = np.zeros((1, self.config.width), dtype=self.dtype)
        self._solve_into(made, rows, "item_factors", Terms(priors=priors), "items")
        first: Factors = made[0]
        return first

    def _recalculated(self, histories: csr_matrix, other: str, name: str, told: Terms) -> Factors:
        made: Factors = np.zeros((histories.shape[0], self.config.width), dtype=self.dtype)
        self._solve_into(made, cpu.sparse_rows(histories, name), other, told, name)
        return made

    def _solve_into(
        self,
        made: Factors,
        rows: cpu.SparseRows,
        other: str,
        told: Terms,
        name: str = "user_items",
    ) -> None:
        """Solve rows exactly against the `other` side, whose part of the terms is added here."""
        met, offsets = self._met(other)
        cpu.solve(
            rows,
            made,
            met,
            self.config if other == "item_factors" else self.config.of_items(),
            solver="cholesky",
            gramian=self._gramian(other),
            terms=replace(told, column_weights=self._weights(other), offsets=offsets),
            linear=self._linear(other),
            name=name,
        )


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

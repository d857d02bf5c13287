"""The best items for a user, the items and users most alike: the reading half of the interface."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.als.config import whole_number
from recsys.als.explaining import Explaining
from recsys.als.factors import Factors
from recsys.als.ranking import Ranked, best_rows, unit_rows
from recsys.als.sparse import canonical_csr


class TopN(Explaining):
    """Ranked lists, on top of :class:`recsys.als.explaining.Explaining`."""

    def recommend(
        self,
        userid: Any,
        user_items: csr_matrix | None,
        N: int = 10,
        filter_already_liked_items: bool = True,
        filter_items: ArrayLike | None = None,
        recalculate_user: bool = False,
        items: ArrayLike | None = None,
    ) -> Ranked:
        """Rank items for a user, or for each of several.

        Parameters
        ----------
        userid : int or array-like of int
            Rows of `user_factors`.
        user_items : csr_matrix, shape (len(userid), n_items), or None
            What each user touched, one row for each of `userid`. May be None where it is neither
            filtered nor recalculated from.
        N : int
            Items wanted, >= 1.
        filter_already_liked_items : bool
            Leave out what is stored in `user_items`, whatever its value.
        filter_items : array-like of int, optional
            Further items to leave out.
        recalculate_user : bool
            Rank for factors recalculated from `user_items` instead of the stored ones.
        items : array-like of int, optional
            Rank only these; cannot be combined with `filter_items`.

        Returns
        -------
        ids : ndarray of int32 (int64 with `items`), shape (N,) for one user, else (len(userid), N)
            Best first. Where fewer items remain, -1 after the last true one. With `items`, N is at
            most their number.
        scores : ndarray of the model's dtype, same shape
            Falling; -inf after the last true one.

        Raises
        ------
        InvalidInputError
            An id that does not exist, shapes that disagree, `N` below 1.
        NotFittedError
            There are no factors.
        """
        wanted = whole_number("N", N, 1)
        known, single = self._ids(userid, "user_factors", "userid", exists=not recalculate_user)
        seen = None
        if filter_already_liked_items or recalculate_user:
            seen = self._histories(user_items, len(known), "item_factors", "user_items", "userid")
        if recalculate_user:
            queries = self.recalculate_user(known, seen)
        else:
            queries = self._checked("user_factors")[known]
        queries, own = self._asking(queries)
        ranked = best_rows(
            self._index("item_factors", unit=False),
            self._checked("item_factors"),
            queries,
            wanted if items is None else min(wanted, max(1, np.size(items))),
            exclude=seen if filter_already_liked_items else None,
            only=items,
            without=filter_items,
            num_threads=self.num_threads,
        )
        if own is not None:
            ranked = ranked[0], ranked[1] + own
        return _first(ranked) if single else ranked

    def recommend_all(
        self,
        user_items: csr_matrix,
        N: int = 10,
        recalculate_user: bool = False,
        filter_already_liked_items: bool = True,
        filter_items: ArrayLike | None = None,
        users_items_offset: int = 0,
    ) -> NDArray[Any]:
        """Rank items for as many users as `user_items` has rows; ``implicit``'s deprecated way.

        Use :meth:`recommend` with an array of users, which gives the scores, too.

        Parameters
        ----------
        user_items : csr_matrix, shape (n, n_items)
            What each touched.
        N, recalculate_user, filter_already_liked_items, filter_items
            As in :meth:`recommend`.
        users_items_offset : int
            Which user the first row is.

        Returns
        -------
        ndarray of int32, shape (n, N)
            Best first; -1 after the last true one.

        Raises
        ------
        InvalidInputError
            As in :meth:`recommend`.
        NotFittedError
            There are no factors.
        """
        warnings.warn(
            "recommend_all is deprecated; use recommend with an array of users",
            DeprecationWarning,
            stacklevel=2,
        )
        first = whole_number("users_items_offset", users_items_offset, 0)
        csr = canonical_csr(user_items, "user_items")
        ids, _ = self.recommend(
            np.arange(first, first + csr.shape[0]),
            csr,
            N=N,
            filter_already_liked_items=filter_already_liked_items,
            filter_items=filter_items,
            recalculate_user=recalculate_user,
        )
        return ids

    def rank_items(
        self,
        userid: Any,
        user_items: csr_matrix | None,
        selected_items: ArrayLike,
        recalculate_user: bool = False,
    ) -> Ranked:
        """Rank some items for a user, touched or not; ``implicit``'s deprecated way.

        Use :meth:`recommend` with `items`. As there, at most ten are returned.

        Parameters
        ----------
        userid, user_items, recalculate_user
            As in :meth:`recommend`.
        selected_items : array-like of int
            The items to rank.

        Returns
        -------
        ids, scores : ndarray
            As from :meth:`recommend`.

        Raises
        ------
        InvalidInputError
            As in :meth:`recommend`.
        NotFittedError
            There are no factors.
        """
        warnings.warn(
            "rank_items is deprecated; use recommend with items",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.recommend(
            userid,
            user_items,
            filter_already_liked_items=False,
            recalculate_user=recalculate_user,
            items=selected_items,
        )

    def _asking(self, rows: Factors) -> tuple[Factors, Any]:
        """What to search items with for stored rows of users, and what to add to each score.

        A score is ``x.y + b_user + b_item``: the item's bias is met by a 1, the user's own is left.
        """
        if not self.biases:
            return rows, None
        queries = rows.copy()
        queries[:, -1] = 1
        return queries, rows[:, -1:].copy()

    def similar_items(
        self,
        itemid: Any,
        N: int = 10,
        recalculate_item: bool = False,
        item_users: csr_matrix | None = None,
        filter_items: ArrayLike | None = None,
        items: ArrayLike | None = None,
    ) -> Ranked:
        """Rank items by the cosine of their factors with those of an item, itself included.

        Parameters
        ----------
        itemid : int or array-like of int
            Rows of `item_factors`.
        N : int
            Items wanted, >= 1.
        recalculate_item : bool
            Compare with factors recalculated from `item_users`.
        item_users : csr_matrix, shape (len(itemid), n_users), optional
            Who touched each item; needed for `recalculate_item`.
        filter_items, items : array-like of int, optional
            As in :meth:`recommend`.

        Returns
        -------
        ids, scores : ndarray
            As from :meth:`recommend`; scores are cosines in [-1, 1], 0 for a factor of zeros.

        Raises
        ------
        InvalidInputError
            As in :meth:`recommend`.
        NotFittedError
            There are no factors.
        """
        known, single = self._ids(itemid, "item_factors", "itemid", exists=not recalculate_item)
        if recalculate_item:
            queries = self.recalculate_item(known, item_users)
        else:
            queries = self._checked("item_factors")[known]
        names = ("items", "filter_items")
        ranked = self._similar("item_factors", queries, N, items, filter_items, names)
        return _first(ranked) if single else ranked

    def similar_users(
        self,
        userid: Any,
        N: int = 10,
        filter_users: ArrayLike | None = None,
        users: ArrayLike | None = None,
    ) -> Ranked:
        """Rank users by the cosine of their factors with those of a user, itself included.

        Parameters
        ----------
        userid : int or array-like of int
            Rows of `user_factors`.
        N : int
            Users wanted, >= 1.
        filter_users : array-like of int, optional
            Users to leave out.
        users : array-like of int, optional
            Rank only these; cannot be combined with `filter_users`.

        Returns
        -------
        ids, scores : ndarray
            As from :meth:`similar_items`.

        Raises
        ------
        InvalidInputError
            As in :meth:`recommend`.
        NotFittedError
            There are no factors.
        """
        known, single = self._ids(userid, "user_factors", "userid", exists=True)
        queries = self._checked("user_factors")[known]
        names = ("users", "filter_users")
        ranked = self._similar("user_factors", queries, N, users, filter_users, names)
        return _first(ranked) if single else ranked

    def _similar(
        self,
        side: str,
        queries: Factors,
        n: int,
        only: ArrayLike | None,
        without: ArrayLike | None,
        names: tuple[str, str],
    ) -> Ranked:
        queries = queries[:, : self.factors]
        index = self._index(side, unit=True)
        ids, scores = best_rows(
            index,
            index.vectors,
            unit_rows(queries),
            n,
            only=only,
            without=without,
            names=names,
            num_threads=self.num_threads,
        )
        return ids, scores.astype(self.dtype, copy=False)


def _first(ranked: Ranked) -> Ranked:
    ids, scores = ranked
    return ids[0], scores[0]

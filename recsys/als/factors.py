"""What can be done with factors once they are there: rank, explain, recalculate, grow.

:class:`FactorStore` holds the settings and factors of a model and everything that needs no
training; :class:`recsys.als.AlternatingLeastSquares` adds training, files and interchange.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Generic, TypeAlias, TypeVar, overload

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.config import ALSConfig, whole_number
from recsys.als.ranking import Ranked, best_rows, rows_of, unit_rows
from recsys.als.reference import Objective, normal_equations
from recsys.errors import InvalidInputError, NotFittedError
from recsys.retrieval import ExactIndex

Factors: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Contributions: TypeAlias = list[tuple[int, float]]
CholeskyFactor: TypeAlias = tuple[NDArray[np.float64], bool]
Value = TypeVar("Value")


class Setting(Generic[Value]):
    """An attribute that reads from the model's settings, and checks what is written to them."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, model: None, owner: type) -> Setting[Value]: ...
    @overload
    def __get__(self, model: FactorStore, owner: type) -> Value: ...
    def __get__(self, model: FactorStore | None, owner: type) -> Setting[Value] | Value:
        if model is None:
            return self
        value: Value = getattr(model.config, self._name)
        return value

    def __set__(self, model: FactorStore, value: Value) -> None:
        model.config = replace(model.config, **{self._name: value})  # type: ignore[arg-type]


class FactorStore:
    """Settings and factors of a model; the part of ``implicit``'s interface that reads them.

    Parameters
    ----------
    config : ALSConfig
        Settings. Each is an attribute of the same name, too.
    """

    factors = Setting[int]()
    regularization = Setting[float]()
    alpha = Setting[float]()
    iterations = Setting[int]()
    unobserved_weight = Setting[float]()
    regularization_exponent = Setting[float]()
    solver = Setting[str]()
    cg_steps = Setting[int]()
    device = Setting[str]()
    num_threads = Setting[int]()
    calculate_training_loss = Setting[bool]()

    def __init__(self, config: ALSConfig) -> None:
        self.config = config
        self._user_factors: Factors | None = None
        self._item_factors: Factors | None = None
        self._forget_derived()

    # ---- factors and what derives from them ------------------------------------------------------

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of factors and arithmetic."""
        return np.dtype(self.config.dtype)

    @property
    def user_factors(self) -> Any:
        """Factors of users: ndarray of `dtype`, shape (n_users, factors); None before ``fit``."""
        return self._user_factors

    @user_factors.setter
    def user_factors(self, value: ArrayLike | None) -> None:
        self._user_factors = self._taken("user_factors", value)
        self._forget_derived()

    @property
    def item_factors(self) -> Any:
        """Factors of items: ndarray of `dtype`, shape (n_items, factors); None before ``fit``.

        Setting factors, here or for users, drops what was derived from them; changing the array in
        place does not.
        """
        return self._item_factors

    @item_factors.setter
    def item_factors(self, value: ArrayLike | None) -> None:
        self._item_factors = self._taken("item_factors", value)
        self._forget_derived()

    def _taken(self, name: str, value: ArrayLike | None) -> Factors | None:
        if value is None:
            return None
        taken = np.require(value, self.dtype, ["C"])
        if taken.ndim != 2 or taken.shape[1] != self.factors:
            raise InvalidInputError(
                f"{name} are of shape {taken.shape}, expected (rows, {self.factors})"
            )
        return taken

    def _forget_derived(self) -> None:
        self._derived: dict[str, Any] = {}

    def _checked(self, side: str) -> Factors:
        factors: Factors | None = getattr(self, side)
        if factors is None:
            raise NotFittedError(f"the model has no {side} yet; call fit first")
        return factors

    def _gramian(self, side: str) -> NDArray[np.float64]:
        key = f"gramian of {side}"
        if key not in self._derived:
            self._derived[key] = cpu.gramian(self._checked(side), self.num_threads)
        gramian: NDArray[np.float64] = self._derived[key]
        return gramian

    @property
    def YtY(self) -> Factors:  # noqa: N802 - implicit's name
        """Gramian of the item factors, shape (factors, factors), summed in double."""
        return self._gramian("item_factors").astype(self.dtype)

    @property
    def XtX(self) -> Factors:  # noqa: N802 - implicit's name
        """Gramian of the user factors, shape (factors, factors), summed in double."""
        return self._gramian("user_factors").astype(self.dtype)

    @property
    def user_norms(self) -> Factors:
        """Lengths of the user factors, shape (n_users,); 1e-10 in place of 0, as in implicit."""
        return self._norms("user_factors")

    @property
    def item_norms(self) -> Factors:
        """Lengths of the item factors, shape (n_items,); 1e-10 in place of 0, as in implicit."""
        return self._norms("item_factors")

    def _norms(self, side: str) -> Factors:
        norms = np.linalg.norm(self._checked(side), axis=1)
        norms[norms == 0] = 1e-10
        return np.asarray(norms, self.dtype)

    def _index(self, side: str, *, unit: bool) -> ExactIndex:
        key = f"{'unit ' if unit else ''}index of {side}"
        if key not in self._derived:
            vectors = self._checked(side)
            self._derived[key] = ExactIndex(unit_rows(vectors) if unit else vectors)
        index: ExactIndex = self._derived[key]
        return index

    # ---- top-N -----------------------------------------------------------------------------------

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
            queries = self._recalculated(seen, "item_factors", "user_items")
        else:
            queries = self._checked("user_factors")[known]
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
        return _first(ranked) if single else ranked

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
            histories = self._histories(
                item_users, len(known), "user_factors", "item_users", "itemid"
            )
            queries = self._recalculated(histories, "user_factors", "item_users")
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

    # ---- fresh factors ---------------------------------------------------------------------------

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

    # ---- shapes and ids --------------------------------------------------------------------------

    def _ids(
        self, given: Any, side: str, name: str, *, exists: bool
    ) -> tuple[NDArray[np.int64], bool]:
        """Return row numbers, and whether a single one was given."""
        single = np.ndim(given) == 0
        limit = len(self._checked(side)) if exists else np.iinfo(np.int32).max
        return rows_of(given, limit, name), single

    def _widened(self, matrix: object, columns: int, name: str) -> csr_matrix:
        """Return `matrix` as canonical CSR of `columns` columns, its own arrays shared."""
        csr = cpu.canonical_csr(matrix, name)
        if csr.shape[1] > columns:
            raise InvalidInputError(
                f"{name} has {csr.shape[1]} columns, the model knows {columns}; expected at most "
                "as many"
            )
        if csr.shape[1] == columns:
            return csr
        return csr_matrix((csr.data, csr.indices, csr.indptr), shape=(csr.shape[0], columns))

    def _histories(self, matrix: object, count: int, other: str, name: str, ids: str) -> csr_matrix:
        csr = self._widened(matrix, len(self._checked(other)), name)
        if csr.shape[0] != count:
            raise InvalidInputError(
                f"{name} has {csr.shape[0]} rows, expected one for each of the {count} in {ids}"
            )
        return csr

    def _recalculated(self, histories: csr_matrix | None, other: str, name: str) -> Factors:
        if histories is None:
            raise InvalidInputError(f"{name} is missing; recalculating needs it")
        made: Factors = np.zeros((histories.shape[0], self.factors), dtype=self.dtype)
        cpu.solve(
            cpu.sparse_rows(histories, name),
            made,
            self._checked(other),
            self.config,
            solver="cholesky",
            gramian=self._gramian(other),
            name=name,
        )
        return made


def _first(ranked: Ranked) -> Ranked:
    ids, scores = ranked
    return ids[0], scores[0]


def _target_rows(ids: ArrayLike, name: str) -> NDArray[np.int64]:
    rows = rows_of(ids, np.iinfo(np.int32).max, name)
    if len(np.unique(rows)) != len(rows):
        raise InvalidInputError(f"{name} holds an id twice, expected each once")
    return rows

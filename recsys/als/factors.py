"""The settings and factors of a model, and what derives from them.

:class:`FactorStore` is the ground floor. Above it stand :mod:`recsys.als.fresh` (factors solved
anew), :mod:`recsys.als.explaining`, :mod:`recsys.als.topn`, :mod:`recsys.als.fitting`, which
trains, and :mod:`recsys.als.model`, which is what people use.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.als import border, cpu
from recsys.als.config import ALSConfig
from recsys.als.ranking import rows_of, unit_rows
from recsys.als.settings import Setting
from recsys.als.sides import checked_weights
from recsys.als.sparse import canonical_csr
from recsys.errors import InvalidInputError, NotFittedError
from recsys.retrieval import ExactIndex

Factors: TypeAlias = border.Factors
Weights: TypeAlias = border.Weights

#: What a sweep changes.
PARAMETERS = (
    "user_factors",
    "item_factors",
    "user_feature_factors",
    "item_feature_factors",
)


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
    item_regularization = Setting[float | None]()
    popularity_exponent = Setting[float]()
    biases = Setting[bool]()
    feature_regularization = Setting[float]()
    solver = Setting[str]()
    cg_steps = Setting[int]()
    subspace_dimension = Setting[int]()
    gathered_dtype = Setting[str]()
    device = Setting[str]()
    gpu_precision = Setting[str]()
    num_threads = Setting[int]()
    calculate_training_loss = Setting[bool]()

    def __init__(self, config: ALSConfig) -> None:
        self.config = config
        self._user_factors: Factors | None = None
        self._item_factors: Factors | None = None
        self._user_feature_factors: Factors | None = None
        self._item_feature_factors: Factors | None = None
        self._user_weights: Weights | None = None
        self._item_weights: Weights | None = None
        self._popularity_scale = 1.0
        self._forget_derived()

    # ---- factors and what derives from them ------------------------------------------------------

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of factors and arithmetic."""
        return np.dtype(self.config.dtype)

    @property
    def use_cg(self) -> bool:
        """Whether the solver is ``"cg"``, as ``implicit`` asks; False sets ``"cholesky"``."""
        return self.solver in ("cg", "auto")

    @use_cg.setter
    def use_cg(self, value: bool) -> None:
        self.solver = "cg" if value else "cholesky"

    @property
    def use_native(self) -> bool:
        """Always True: ``implicit``'s name for what is the only way here."""
        return True

    @property
    def user_factors(self) -> Any:
        """Factors of users: ndarray of `dtype`, shape (n_users, factors); None before ``fit``.

        With ``biases`` it is a view, and set from ``factors`` columns, which puts all biases to 0,
        or from one more that holds them.
        """
        return self._part(self._user_factors, slice(0, self.factors))

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
        return self._part(self._item_factors, slice(0, self.factors))

    @item_factors.setter
    def item_factors(self, value: ArrayLike | None) -> None:
        self._item_factors = self._taken("item_factors", value)
        self._forget_derived()

    def _taken(self, name: str, value: ArrayLike | None) -> Factors | None:
        if value is None:
            return None
        taken = np.require(value, self.dtype, ["C"])
        widths = (self.factors, self.config.width)
        if taken.ndim != 2 or taken.shape[1] not in widths:
            raise InvalidInputError(
                f"{name} are of shape {taken.shape}, expected (rows, {self.factors})"
            )
        if taken.shape[1] == self.config.width:
            return taken
        return np.concatenate([taken, np.zeros((len(taken), 1), self.dtype)], axis=1)

    def _part(self, stored: Factors | None, columns: slice) -> Any:
        """Some columns of stored rows, the rows themselves where that is all of them."""
        whole = stored is None or columns == slice(0, stored.shape[1])
        return stored if whole or stored is None else stored[:, columns]

    @property
    def user_biases(self) -> Any:
        """Biases of users: ndarray of `dtype`, shape (n_users,); None without ``biases``."""
        return self._bias_of(self._user_factors)

    @property
    def item_biases(self) -> Any:
        """Biases of items: ndarray of `dtype`, shape (n_items,); None without ``biases``."""
        return self._bias_of(self._item_factors)

    def _bias_of(self, stored: Factors | None) -> Any:
        return stored[:, self.factors] if stored is not None and self.biases else None

    @property
    def user_feature_factors(self) -> Any:
        """Map from user features to factors (and bias), shape (n_features, factors + biases).

        None where the model was fitted without; set it to None to start it anew.
        """
        return self._user_feature_factors

    @user_feature_factors.setter
    def user_feature_factors(self, value: ArrayLike | None) -> None:
        self._user_feature_factors = self._taken_map("user_feature_factors", value)

    @property
    def item_feature_factors(self) -> Any:
        """Map from item features to factors (and bias); see :attr:`user_feature_factors`."""
        return self._item_feature_factors

    @item_feature_factors.setter
    def item_feature_factors(self, value: ArrayLike | None) -> None:
        self._item_feature_factors = self._taken_map("item_feature_factors", value)

    def _taken_map(self, name: str, value: ArrayLike | None) -> Factors | None:
        if value is None:
            return None
        taken = np.require(value, self.dtype, ["C"])
        if taken.ndim != 2 or taken.shape[1] != self.config.width:
            raise InvalidInputError(
                f"{name} are of shape {taken.shape}, expected (features, {self.config.width})"
            )
        return taken

    @property
    def user_weights(self) -> Any:
        """Weights of users' unobserved pairs, float32, shape (n_users,); None where all are 1."""
        return self._user_weights

    @user_weights.setter
    def user_weights(self, value: ArrayLike | None) -> None:
        self._user_weights = checked_weights(value, None, "user_weights")
        self._forget_derived()

    @property
    def item_weights(self) -> Any:
        """Weights of items' unobserved pairs, float32, shape (n_items,); None where all are 1."""
        return self._item_weights

    @item_weights.setter
    def item_weights(self, value: ArrayLike | None) -> None:
        self._item_weights = checked_weights(value, None, "item_weights")
        self._forget_derived()

    def _forget_derived(self) -> None:
        self._derived: dict[str, Any] = {}

    def _parameters(self) -> dict[str, Factors]:
        """Everything that a sweep changes, by name; an attribute holds it under ``_name``."""
        held = {name: getattr(self, f"_{name}") for name in PARAMETERS}
        return {name: array for name, array in held.items() if array is not None}

    def _checked(self, side: str) -> Factors:
        """Rows of a side as they are stored: factors, and the bias where there are biases."""
        factors: Factors | None = getattr(self, f"_{side}")
        if factors is None:
            raise NotFittedError(f"the model has no {side} yet; call fit first")
        if factors.shape[1] != self.config.width:
            raise InvalidInputError(
                f"{side} were made with {factors.shape[1]} columns, the settings now say "
                f"{self.config.width} (factors={self.factors}, biases={self.biases}); set both "
                "sides to None and fit again"
            )
        return factors

    def _weights(self, side: str) -> Weights | None:
        """Weights of a side's unobserved pairs."""
        rows = len(self._checked(side))
        name = side.replace("factors", "weights")
        weights: Weights | None = getattr(self, f"_{name}")
        if weights is None and side == "item_factors" and self.popularity_exponent:
            raise NotFittedError(
                "the model has no item_weights, which popularity_exponent asks for; call fit, or "
                "set them"
            )
        if weights is not None and len(weights) != rows:
            raise InvalidInputError(
                f"{name} are of shape {weights.shape}, {side} have {rows} rows; set {name} anew"
            )
        return weights

    def _met(self, side: str) -> tuple[Factors, Any]:
        """A side's rows as the other side's rows meet them, and their offsets in a score."""
        stored = self._checked(side)
        if not self.biases:
            return stored, None
        key = f"{side} that meet biases"
        if key not in self._derived:
            met = stored.copy()
            met[:, -1] = 1
            self._derived[key] = (met, stored[:, -1].copy())
        pair: tuple[Factors, Any] = self._derived[key]
        return pair

    def _gramian(self, side: str) -> NDArray[np.float64]:
        """Weighted Gramian of a side's rows, as the other side meets them."""
        key = f"gramian of {side}"
        if key not in self._derived:
            met, _ = self._met(side)
            self._derived[key] = cpu.gramian(met, self.num_threads, self._weights(side))
        gramian: NDArray[np.float64] = self._derived[key]
        return gramian

    def _linear(self, side: str) -> NDArray[np.float64] | None:
        """What a side's offsets add to every right side; None without biases."""
        met, offsets = self._met(side)
        if offsets is None:
            return None
        key = f"linear part of {side}"
        if key not in self._derived:
            self._derived[key] = cpu.weighted_sum(met, self._weights(side), offsets)
        linear: NDArray[np.float64] = self._derived[key]
        return linear

    @property
    def YtY(self) -> Factors:  # noqa: N802 - implicit's name
        """Gramian of the item factors, shape (factors, factors), summed in double."""
        return self._plain_gramian("item_factors")

    @property
    def XtX(self) -> Factors:  # noqa: N802 - implicit's name
        """Gramian of the user factors, shape (factors, factors), summed in double."""
        return self._plain_gramian("user_factors")

    def _plain_gramian(self, side: str) -> Factors:
        factors: Any = np.ascontiguousarray(self._checked(side)[:, : self.factors])
        return cpu.gramian(factors, self.num_threads).astype(self.dtype)

    @property
    def user_norms(self) -> Factors:
        """Lengths of the user factors, shape (n_users,); 1e-10 in place of 0, as in implicit."""
        return self._norms("user_factors")

    @property
    def item_norms(self) -> Factors:
        """Lengths of the item factors, shape (n_items,); 1e-10 in place of 0, as in implicit."""
        return self._norms("item_factors")

    def _norms(self, side: str) -> Factors:
        norms = np.linalg.norm(self._checked(side)[:, : self.factors], axis=1)
        norms[norms == 0] = 1e-10
        return np.asarray(norms, self.dtype)

    def _index(self, side: str, *, unit: bool) -> ExactIndex:
        key = f"{'unit ' if unit else ''}index of {side}"
        if key not in self._derived:
            vectors = self._checked(side)
            unit_vectors = unit_rows(vectors[:, : self.factors]) if unit else vectors
            self._derived[key] = ExactIndex(unit_vectors)
        index: ExactIndex = self._derived[key]
        return index

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
        csr = canonical_csr(matrix, name)
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

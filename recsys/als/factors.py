"""The settings and factors of a model, and what derives from them.

:class:`FactorStore` is the ground floor. Above it stand :mod:`recsys.als.fresh` (factors solved
anew), :mod:`recsys.als.explaining`, :mod:`recsys.als.topn`, and :mod:`recsys.als.model`, which
trains.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.config import ALSConfig
from recsys.als.ranking import rows_of, unit_rows
from recsys.als.settings import Setting
from recsys.errors import InvalidInputError, NotFittedError
from recsys.retrieval import ExactIndex

Factors: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

#: What a sweep changes.
PARAMETERS = ("user_factors", "item_factors")


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

    def _parameters(self) -> dict[str, Factors]:
        """Everything that a sweep changes, by name; an attribute holds it under ``_name``."""
        held = {name: getattr(self, f"_{name}") for name in PARAMETERS}
        return {name: array for name, array in held.items() if array is not None}

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

"""Where a training is computed: one protocol, the native core, and the way to the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.border import Factors
from recsys.als.config import ALSConfig
from recsys.als.features import FeatureRegression, map_penalty
from recsys.als.reference import Terms
from recsys.als.sides import NOTHING_TOLD, Side, Sides, entries_of_columns, meeting_biases

Maps: TypeAlias = tuple[Factors | None, Factors | None]

#: Solves rows in place, given those of the other side and what the terms say.
SolveRows: TypeAlias = Callable[[Factors, Factors, Terms], None]

TRANSPOSED = "user_items, transposed"


class Training(Protocol):
    """Both sides of one training, wherever its factors are while it runs.

    Raises
    ------
    InvalidInputError
        From each solve: a solution overflows.
    CapacityError
        From each solve: no memory is left.
    """

    def solve_users(self) -> None:
        """Solve every user given the items."""

    def solve_items(self) -> None:
        """Solve every item given the users."""

    def objective(self) -> float:
        """The objective at the factors reached."""

    def fetch(self) -> None:
        """Bring the host's factors, which were given at the start, up to date."""

    def close(self) -> None:
        """Give back what the training holds; the host's factors stay as last fetched."""


class _Half:
    """One half of a sweep: its rows are solved while the other side is held."""

    def __init__(
        self,
        solve: SolveRows,
        entries: Callable[[], NDArray[np.int64]],
        target: Factors,
        other: Factors,
        config: ALSConfig,
        own: Side,
        others: Side,
        feature_factors: Factors | None,
    ) -> None:
        self._solve, self._target, self._other = solve, target, other
        self._config, self._own, self._others = config, own, others
        self._feature_factors = feature_factors
        self._regression: FeatureRegression | None = None
        if own.features is not None:
            lambdas = config.lambdas(entries(), own.weights, others.mass(len(other)))
            self._regression = FeatureRegression(
                own.features, lambdas, config.feature_regularization
            )

    def priors(self) -> Factors | None:
        """What the features say of each row."""
        if self._own.features is None or self._feature_factors is None:
            return None
        return self._own.features.predict(self._feature_factors)

    def solve(self) -> None:
        """Solve the map from features given the rows, then the rows given all else."""
        if self._regression is not None and self._feature_factors is not None:
            self._regression.solve(self._target, self._feature_factors)
        priors = self.priors()
        with meeting_biases(self._other, self._config) as offsets:
            terms = Terms(self._own.weights, self._others.weights, offsets, priors)
            self._solve(self._target, self._other, terms)

    def penalty(self) -> float:
        """What the map from features adds to the objective."""
        return map_penalty(self._feature_factors, self._config)


def native_solvers(rows: cpu.SparseRows, config: ALSConfig) -> tuple[SolveRows, SolveRows]:
    """What solves all users, and all items, in this process."""
    by_item = config.of_items()
    columns = cpu.transposed(rows, config.num_threads)

    def solve_users(users: Factors, items: Factors, terms: Terms) -> None:
        cpu.solve(rows, users, items, config, terms=terms, name="user_items")

    def solve_items(items: Factors, users: Factors, terms: Terms) -> None:
        cpu.solve(columns, items, users, by_item, terms=terms, name=TRANSPOSED)

    return solve_users, solve_items


class NativeTraining:
    """Training by the native core, in the host's arrays: there is nothing to fetch.

    Parameters
    ----------
    csr : csr_matrix
        Canonical, users by items.
    rows : SparseRows
        The same, checked.
    users, items : ndarray, shape (rows, config.width)
        Factors, and biases in a last column where there are any; changed in place.
    config : ALSConfig
        Settings.
    sides : Sides
        Weights and features.
    maps : tuple of ndarray or None
        Maps from features to rows, of users and items; changed in place.
    solvers : tuple of callable, optional
        What solves the users, and the items; :func:`native_solvers` unless given.
    """

    def __init__(
        self,
        csr: csr_matrix,
        rows: cpu.SparseRows,
        users: Factors,
        items: Factors,
        config: ALSConfig,
        sides: Sides,
        maps: Maps,
        solvers: tuple[SolveRows, SolveRows] | None = None,
    ) -> None:
        self._rows, self._users, self._items, self._config = rows, users, items, config
        self._sides = sides
        solve_users, solve_items = solvers or native_solvers(rows, config)
        self._by_user = _Half(
            solve_users,
            lambda: np.diff(csr.indptr).astype(np.int64),
            users,
            items,
            config,
            sides.users,
            sides.items,
            maps[0],
        )
        self._by_item = _Half(
            solve_items,
            lambda: entries_of_columns(csr),
            items,
            users,
            config.of_items(),
            sides.items,
            sides.users,
            maps[1],
        )

    def solve_users(self) -> None:
        """Solve every user given the items."""
        self._by_user.solve()

    def solve_items(self) -> None:
        """Solve every item given the users."""
        self._by_item.solve()

    def objective(self) -> float:
        """The objective at the factors reached."""
        own, others = self._sides.users, self._sides.items
        priors, item_priors = self._by_user.priors(), self._by_item.priors()
        with meeting_biases(self._items, self._config) as offsets:
            terms = Terms(own.weights, others.weights, offsets, priors)
            value = cpu.objective(
                self._rows, self._users, self._items, self._config, terms, item_priors
            )
        return value + self._by_user.penalty() + self._by_item.penalty()

    def fetch(self) -> None:
        """Nothing to do: the host's factors are the ones that are trained."""

    def close(self) -> None:
        """Nothing to do: memory goes with the object."""


def open_training(
    csr: csr_matrix,
    rows: cpu.SparseRows,
    users: Factors,
    items: Factors,
    config: ALSConfig,
    sides: Sides = NOTHING_TOLD,
    maps: Maps = (None, None),
    solvers: tuple[SolveRows, SolveRows] | None = None,
) -> Training:
    """Start a training on the device that `config` names.

    Parameters
    ----------
    csr, rows, users, items, config, sides, maps
        As of :class:`NativeTraining`; `users` and `items` hold the result after
        :meth:`Training.fetch`.
    solvers : tuple of callable, optional
        As there; not for a card.

    Raises
    ------
    MissingExtraError
        ``device="cuda"`` without torch or Triton.
    InvalidInputError
        There is no such card, or it cannot do what the settings ask for.
    CapacityError
        The card is too small.
    """
    if config.device == "cpu":
        return NativeTraining(csr, rows, users, items, config, sides, maps, solvers)
    from recsys.als.gpu import CardTraining, find_card  # torch takes seconds to import

    if config.solver == "auto":
        config = replace(config, solver="cg")
    return CardTraining(csr, rows, users, items, config, find_card(config), sides, maps)

"""Where a training is computed: one protocol, the native core, and the way to the card."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.config import ALSConfig
from recsys.als.cpu import Factors

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


class NativeTraining:
    """Training by the native core, in the host's arrays: there is nothing to fetch.

    Parameters
    ----------
    rows : SparseRows
        Stored values, users by items.
    users, items : ndarray
        Factors, changed in place.
    config : ALSConfig
        Settings.
    """

    def __init__(
        self, rows: cpu.SparseRows, users: Factors, items: Factors, config: ALSConfig
    ) -> None:
        self._rows = rows
        self._columns = cpu.transposed(rows, config.num_threads)
        self._users, self._items, self._config = users, items, config

    def solve_users(self) -> None:
        """Solve every user given the items."""
        cpu.solve(self._rows, self._users, self._items, self._config)

    def solve_items(self) -> None:
        """Solve every item given the users."""
        config = self._config.of_items()
        cpu.solve(self._columns, self._items, self._users, config, name=TRANSPOSED)

    def objective(self) -> float:
        """The objective at the factors reached."""
        return cpu.objective(self._rows, self._users, self._items, self._config)

    def fetch(self) -> None:
        """Nothing to do: the host's factors are the ones that are trained."""

    def close(self) -> None:
        """Nothing to do: memory goes with the object."""


def open_training(
    csr: csr_matrix, rows: cpu.SparseRows, users: Factors, items: Factors, config: ALSConfig
) -> Training:
    """Start a training on the device that `config` names.

    Parameters
    ----------
    csr : csr_matrix
        Canonical, users by items.
    rows : SparseRows
        The same, checked.
    users, items : ndarray
        Factors to start from; they hold the result after :meth:`Training.fetch`.
    config : ALSConfig
        Settings.

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
        return NativeTraining(rows, users, items, config)
    from recsys.als.gpu import CardTraining, find_card  # torch takes seconds to import

    if config.solver == "auto":
        config = replace(config, solver="cg")
    return CardTraining(csr, rows, users, items, config, find_card(config))

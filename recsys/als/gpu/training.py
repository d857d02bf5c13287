"""A training whose factors stay on the card from the first sweep to the last."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.border import Factors
from recsys.als.config import ALSConfig
from recsys.als.gpu.card import Card
from recsys.als.gpu.half import Half, Kernels
from recsys.als.gpu.matrix import uploaded
from recsys.als.gpu.objective import observed_loss, unobserved_loss
from recsys.als.gpu.plan import plan
from recsys.als.gpu.side import gramian
from recsys.als.gpu.solvers import TorchKernels
from recsys.als.sides import NOTHING_TOLD, Sides


class CardTraining:
    """Training on a card; see :class:`recsys.als.engine.Training`.

    Parameters
    ----------
    csr : csr_matrix
        Canonical, users by items; read in place, also where it is memory-mapped.
    rows : SparseRows
        The same, checked.
    users, items : ndarray, shape (rows, config.width)
        Factors to start from; they hold the result after :meth:`fetch`.
    config : ALSConfig
        Settings.
    card : Card
        Where, and with which kernels.
    sides : Sides
        Weights and features. Maps from features are solved on the processor, to which the rows
        come for it once in a sweep.
    maps : tuple of ndarray or None
        Maps from features to rows, of users and items; changed in place.

    Raises
    ------
    CapacityError
        The card is too small.
    """

    def __init__(
        self,
        csr: csr_matrix,
        rows: cpu.SparseRows,
        users: Factors,
        items: Factors,
        config: ALSConfig,
        card: Card,
        sides: Sides = NOTHING_TOLD,
        maps: tuple[Factors | None, Factors | None] = (None, None),
    ) -> None:
        shared = plan(
            card, config, len(users), len(items), rows.entries, priors=sides.with_features
        )
        self._card, self._config, self._room = card, config, shared.room
        self._host = (users, items)
        self._kernels = _kernels(card, shared.room)
        self._changed = False
        by_user = (
            csr.indptr.astype(np.int64, copy=False),
            csr.indices.astype(np.int32, copy=False),
            csr.data,
        )
        by_item = rows.transposed(config.num_threads)
        with card.computing():
            self._users = uploaded(users, card.device)
            self._items = uploaded(items, card.device)
            self._by_user = Half(
                by_user, self._users, self._items, config, sides.users, sides.items, maps[0],
                "user_items", card, shared,
            )  # fmt: skip
            self._by_item = Half(
                by_item, self._items, self._users, config.of_items(), sides.items, sides.users,
                maps[1], "user_items, transposed", card, shared,
            )  # fmt: skip

    def solve_users(self) -> None:
        """Solve every user given the items."""
        self._solve(self._by_user)

    def solve_items(self) -> None:
        """Solve every item given the users."""
        self._solve(self._by_item)

    def _solve(self, half: Half) -> None:
        self._changed = True
        with self._card.computing():
            half.solve(self._kernels)

    def objective(self) -> float:
        """The objective at the factors reached, summed in double."""
        half = self._by_user
        with self._card.computing():
            with half.meeting_biases() as offsets:
                gram = gramian(self._items, half.column_weights, self._room)
                side = half.side(gram, offsets, None)
                value = observed_loss(side, half.entries, self._room)
                value = value + unobserved_loss(side, gram, self._room)
            return float(value + half.penalty() + self._by_item.penalty())

    def fetch(self) -> None:
        """Copy the factors from the card into the host's arrays, where they changed."""
        if not self._changed:
            return
        with self._card.computing():
            for host, there in zip(self._host, (self._users, self._items), strict=True):
                torch.from_numpy(host).copy_(there)
        self._changed = False

    def close(self) -> None:
        """Free the card's memory; the host's factors stay as last fetched."""
        del self._users, self._items, self._by_user, self._by_item


def _kernels(card: Card, room: int) -> Kernels:
    if card.kernels == "torch":
        return TorchKernels(room)
    from recsys.als.gpu.launches import TritonKernels  # Triton may be absent

    return TritonKernels(room, card.precision)

"""A training whose factors stay on the card from the first sweep to the last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.config import ALSConfig
from recsys.als.cpu import Factors
from recsys.als.gpu.card import Card
from recsys.als.gpu.matrix import Block, Bucket, Orientation, uploaded
from recsys.als.gpu.objective import observed_loss, penalty
from recsys.als.gpu.plan import gathers_half, plan
from recsys.als.gpu.side import Side, gramian
from recsys.als.gpu.solvers import (
    NOT_FINITE,
    NOT_POSITIVE,
    TorchKernels,
    solve_empty,
)
from recsys.errors import InvalidInputError


class Kernels(Protocol):
    """What solves the rows of a bucket."""

    def solve(
        self, side: Side, block: Block, bucket: Bucket, config: ALSConfig, status: torch.Tensor
    ) -> None:
        """Solve them in place, noting in `status` which could not be."""


@dataclass(frozen=True)
class _Half:
    """One orientation: its entries on the host and on the card, and what its rows are called."""

    csr: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]
    entries: Orientation
    lambdas: torch.Tensor
    config: ALSConfig
    name: str


class CardTraining:
    """Training on a card; see :class:`recsys.als.engine.Training`.

    Parameters
    ----------
    csr : csr_matrix
        Canonical, users by items; read in place, also where it is memory-mapped.
    rows : SparseRows
        The same, checked.
    users, items : ndarray
        Factors to start from; they hold the result after :meth:`fetch`.
    config : ALSConfig
        Settings.
    card : Card
        Where, and with which kernels.

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
    ) -> None:
        shared = plan(card, config, len(users), len(items), rows.entries)
        self._card, self._config, self._room = card, config, shared.room
        self._host = (users, items)
        self._kernels = _kernels(card, shared.room)
        self._changed = False
        by_user = (csr.indptr.astype(np.int64, copy=False), csr.indices, csr.data)
        by_item = rows.transposed(config.num_threads)
        with card.computing():
            self._users = uploaded(users, card.device)
            self._items = uploaded(items, card.device)
            self._by_user = self._half(
                by_user, len(items), config, shared.block_bytes, "user_items"
            )
            self._by_item = self._half(
                by_item, len(users), config.of_items(), shared.block_bytes, "user_items, transposed"
            )

    def _half(
        self,
        arrays: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
        others: int,
        config: ALSConfig,
        block_bytes: int | None,
        name: str,
    ) -> _Half:
        indptr, indices, data = arrays
        entries = Orientation(
            indptr, indices.astype(np.int32, copy=False), data, self._card, block_bytes
        )
        size = np.diff(indptr) + config.unobserved_weight * others
        scale = size**config.regularization_exponent if config.regularization_exponent else 1.0
        lambdas = np.broadcast_to(config.regularization * scale, len(indptr) - 1)
        there = uploaded(lambdas.astype(config.dtype), self._card.device)
        return _Half(arrays, entries, there, config, name)

    def solve_users(self) -> None:
        """Solve every user given the items."""
        self._solve(self._by_user, self._users, self._items)

    def solve_items(self) -> None:
        """Solve every item given the users."""
        self._solve(self._by_item, self._items, self._users)

    def _solve(self, half: _Half, target: torch.Tensor, other: torch.Tensor) -> None:
        self._changed = True
        with self._card.computing():
            exact = gramian(other, None, self._room)
            self._solve_side(half, self._side(half, target, other, exact), exact)

    def _solve_side(self, half: _Half, side: Side, exact: torch.Tensor) -> None:
        status = torch.zeros(len(side.target), dtype=torch.int8, device=side.target.device)
        for block in half.entries.blocks():
            for bucket in block.buckets:
                if bucket.longest == 0 and side.starts_at_zero:
                    solve_empty(side, bucket)
                else:
                    self._kernels.solve(side, block, bucket, half.config, status)
        self._mend(half, side, exact, status)

    def _side(
        self, half: _Half, target: torch.Tensor, other: torch.Tensor, exact: torch.Tensor
    ) -> Side:
        return Side(
            target=target,
            other=other,
            gathered=other.to(torch.bfloat16) if gathers_half(self._config) else other,
            gramian=(self._config.unobserved_weight * exact).to(target.dtype),
            lambdas=half.lambdas,
            alpha=self._config.alpha,
            unobserved=self._config.unobserved_weight,
        )

    def _mend(self, half: _Half, side: Side, exact: torch.Tensor, status: torch.Tensor) -> None:
        """Solve by the native core what is not safely positive; report what is not finite."""
        told = status.cpu().numpy()
        if not told.any():
            return
        overflowed = np.flatnonzero(told == NOT_FINITE)
        if len(overflowed):
            raise _overflow(half.name, int(overflowed[0]))
        chosen = np.flatnonzero(told == NOT_POSITIVE)
        other, gram = side.other.cpu().numpy(), exact.cpu().numpy()
        for at in range(0, len(chosen), _MENDED_AT_ONCE):
            self._solve_on_host(half, side, chosen[at : at + _MENDED_AT_ONCE], other, gram)

    def _solve_on_host(
        self,
        half: _Half,
        side: Side,
        chosen: NDArray[np.int64],
        other: Factors,
        gram: NDArray[np.float64],
    ) -> None:
        picked = _picked(half, chosen, len(other))
        made: Factors = np.zeros((len(chosen), other.shape[1]), dtype=other.dtype)
        try:
            _solve_natively(picked, made, other, gram, half.config, half.name)
        except InvalidInputError:  # which of them? It counts rows of what it is given
            for number, row in enumerate(chosen):
                name = f"{half.name}, row {row} alone"
                try:
                    alone = _picked(half, chosen[number : number + 1], len(other))
                    _solve_natively(alone, made[:1], other, gram, half.config, name)
                except InvalidInputError as error:
                    raise _overflow(half.name, int(row)) from error
            raise
        rows = torch.from_numpy(chosen).to(side.target.device)
        side.target[rows] = torch.from_numpy(made).to(side.target.device)

    def objective(self) -> float:
        """The objective at the factors reached, summed in double."""
        with self._card.computing():
            gram = gramian(self._items, None, self._room)
            side = self._side(self._by_user, self._users, self._items, gram)
            value = observed_loss(side, self._by_user.entries, self._room)
            over_all = (gramian(self._users, None, self._room) * gram).sum()
            value = value + self._config.unobserved_weight * over_all
            value = value + penalty(self._users, self._by_user.lambdas, self._room)
            value = value + penalty(self._items, self._by_item.lambdas, self._room)
            return float(value)

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


# Rows that the native core solves in one call; each takes a matrix of its own for a moment.
_MENDED_AT_ONCE = 4096


def _picked(half: _Half, chosen: NDArray[np.int64], columns: int) -> cpu.SparseRows:
    """Some rows of the host's matrix, for the native core."""
    indptr, indices, data = half.csr
    starts, lengths = indptr[chosen], indptr[chosen + 1] - indptr[chosen]
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places = np.arange(ends[-1]) + np.repeat(starts - ends[:-1], lengths)
    return cpu.SparseRows(
        ends, indices[places].astype(np.int32, copy=False), np.array(data[places]), columns
    )


def _solve_natively(
    rows: cpu.SparseRows,
    made: Factors,
    other: Factors,
    gram: NDArray[np.float64],
    config: ALSConfig,
    name: str,
) -> None:
    cpu.solve(rows, made, other, config, solver="cholesky", gramian=gram, name=name)


def _overflow(name: str, row: int) -> InvalidInputError:
    return InvalidInputError(
        f"{name}: the solution of row {row} is not finite; expected smaller confidences or more "
        "regularization"
    )


def _kernels(card: Card, room: int) -> Kernels:
    if card.kernels == "torch":
        return TorchKernels(room)
    from recsys.als.gpu.launches import TritonKernels  # Triton may be absent

    return TritonKernels(room, card.precision)

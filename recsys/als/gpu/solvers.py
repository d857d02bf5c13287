"""Solvers over buckets of rows, all rows of a batch in step: torch for whatever is dense.

The arithmetic, the guards and what counts as solved are those of the native core (kernels.cpp), so
that both reach the same factors. No sum depends on the order in which threads come by: there is no
atomic addition here, and the same seed gives the same bits on the same card.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch

from recsys.als.config import ALSConfig
from recsys.als.gpu.matrix import Block, Bucket
from recsys.als.gpu.side import Side, Stretch, gather

# Squared residual under which a row counts as solved, as in implicit, so that both stop alike.
_SOLVED = 1e-20

# A normal matrix is built from so many entries of each row at once, if there is room.
_ENTRIES_AT_ONCE = 512

FINE, NOT_FINITE, NOT_POSITIVE = 0, 1, 2


class Products(Protocol):
    """The products over stored entries that a solver asks for, for one batch of rows."""

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        """``sum_S (label - excess (y.x)) y``, shape (rows, f)."""

    def product(self, p: torch.Tensor) -> torch.Tensor:
        """``sum_S excess (y.p) y``, shape (rows, f)."""

    def normal(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A (at and below the diagonal) and r, shapes (rows, f, f) and (rows, f)."""


@dataclass(frozen=True)
class Batch:
    """Some rows of a bucket."""

    rows: torch.Tensor
    starts: torch.Tensor
    lengths: torch.Tensor
    longest: int


def batches(bucket: Bucket, most: int) -> Iterator[Batch]:
    """Take at most `most` rows of a bucket at a time."""
    for at in range(0, len(bucket.rows), max(1, most)):
        part = slice(at, at + max(1, most))
        yield Batch(bucket.rows[part], bucket.starts[part], bucket.lengths[part], bucket.longest)


class TorchProducts:
    """Products by gathering rows into one tensor and batched matrix products.

    Parameters
    ----------
    side : Side
        What is solved.
    block : Block
        Where the entries are.
    batch : Batch
        Which rows.
    room : int
        Bytes that gathered rows may take; longer rows are gathered anew for each product.
    """

    def __init__(self, side: Side, block: Block, batch: Batch, room: int) -> None:
        self._side, self._block, self._batch = side, block, batch
        per_entry = entry_bytes(side)
        self._width = max(1, min(batch.longest, room // max(1, per_entry * len(batch.rows))))
        self._kept: Stretch | None = None

    def _stretches(self) -> Iterator[Stretch]:
        if self._kept is not None:
            yield self._kept
            return
        batch = self._batch
        for begin in range(0, batch.longest, self._width):
            width = min(self._width, batch.longest - begin)
            found = gather(
                self._side, self._block, batch.rows, batch.starts, batch.lengths, begin, width
            )
            if width == batch.longest:
                self._kept = found
            yield found

    def _zeros(self) -> torch.Tensor:
        target = self._side.target
        return target.new_zeros((len(self._batch.rows), target.shape[1]))

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        """``sum_S (label - excess (y.x)) y``, shape (rows, f)."""
        total = self._zeros()
        for part in self._stretches():
            scores = torch.bmm(part.factors, x[:, :, None])[:, :, 0]
            scale = torch.addcmul(part.label, part.excess, scores, value=-1)
            total += torch.bmm(scale[:, None, :], part.factors)[:, 0]
        return total

    def product(self, p: torch.Tensor) -> torch.Tensor:
        """``sum_S excess (y.p) y``, shape (rows, f)."""
        total = self._zeros()
        for part in self._stretches():
            scale = torch.bmm(part.factors, p[:, :, None])[:, :, 0] * part.excess
            total += torch.bmm(scale[:, None, :], part.factors)[:, 0]
        return total

    def normal(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A and r of each row, shapes (rows, f, f) and (rows, f)."""
        side, rows = self._side, self._batch.rows
        right = side.start_right_side(rows)
        matrix = side.start_matrix(rows)
        for part in self._stretches():
            right += torch.bmm(part.label[:, None, :], part.factors)[:, 0]
            matrix.baddbmm_((part.factors * part.excess[:, :, None]).mT, part.factors)
        return matrix, right


def entry_bytes(side: Side) -> int:
    """Bytes that one gathered entry takes: its factors, once more scaled, and what goes with it."""
    return (2 * side.target.shape[1] + 8) * side.target.element_size()


def solve_cg(
    side: Side, batch: Batch, products: Products, steps: int, status: torch.Tensor
) -> None:
    """Improve each row by `steps` of conjugate gradients from where it stands.

    Parameters
    ----------
    side : Side
        What is solved; rows of `side.target` change in place.
    batch : Batch
        Which rows.
    products : Products
        Over their entries.
    steps : int
        At most so many.
    status : Tensor of int8, shape (n,)
        Set to ``NOT_FINITE`` for rows whose solution is not; these stay as they were.
    """
    rows = batch.rows
    x = side.target[rows]
    r = side.start_right_side(rows) - side.dense_product(rows, x) + products.residual(x)
    p = r.clone()
    error = (r * r).sum(1)
    epsilon = torch.finfo(r.dtype).eps
    rounding = epsilon * epsilon * error
    lost = ~torch.isfinite(error)
    going = ~lost
    steepest = torch.zeros_like(error)
    for step in range(steps):
        going &= (error >= _SOLVED) & (error > rounding)
        q = side.dense_product(rows, p) + products.product(p)
        curvature = (p * q).sum(1)
        lost |= going & ~torch.isfinite(curvature)
        # Where A is singular, a direction without curvature has some by rounding: going along it
        # would go anywhere.
        length_of_p = (p * p).sum(1)
        going &= ~lost & (curvature > 8 * epsilon * steepest * length_of_p)
        steepest = torch.where(
            going & (curvature > steepest * length_of_p), curvature / length_of_p, steepest
        )
        length = torch.where(going, error / curvature, 0)
        x += length[:, None] * p
        if step + 1 == steps:
            break
        r -= length[:, None] * q
        following = (r * r).sum(1)
        p = r + torch.where(going, following / error, 0)[:, None] * p
        error = torch.where(going, following, error)
    write_back(side, rows, x, lost, status)


def solve_cholesky(side: Side, batch: Batch, products: Products, status: torch.Tensor) -> None:
    """Solve each row exactly, by factorizing its normal matrix.

    Parameters
    ----------
    side, batch, products, status
        As in :func:`solve_cg`. Rows whose matrix is not safely positive are left alone and set to
        ``NOT_POSITIVE``: the native core solves them in double.
    """
    rows = batch.rows
    matrix, right = products.normal()
    before = matrix.diagonal(dim1=1, dim2=2).clone()
    lower, info = torch.linalg.cholesky_ex(matrix)
    pivots = lower.diagonal(dim1=1, dim2=2).square()
    safe = (pivots > 4 * torch.finfo(matrix.dtype).eps * before).all(1) & (info == 0)
    x = torch.cholesky_solve(right[:, :, None], lower)[:, :, 0]
    status[rows] = torch.where(safe, FINE, NOT_POSITIVE).to(status.dtype)
    write_back(side, rows, torch.where(safe[:, None], x, side.target[rows]), ~safe, status)


def write_back(
    side: Side, rows: torch.Tensor, x: torch.Tensor, lost: torch.Tensor, status: torch.Tensor
) -> None:
    """Store solutions, except those that are `lost` or not finite.

    Parameters
    ----------
    side : Side
        Its target takes them.
    rows : Tensor of int64, shape (n,)
        Where to.
    x : Tensor, shape (n, f)
        Solutions.
    lost : Tensor of bool, shape (n,)
        Rows to leave as they are.
    status : Tensor of int8
        ``NOT_FINITE`` is noted for a row that is left and has no other reason noted.
    """
    lost = lost | ~torch.isfinite((x * x).sum(1))
    side.target[rows] = torch.where(lost[:, None], side.target[rows], x)
    noted = status[rows]
    status[rows] = torch.where(lost & (noted == FINE), NOT_FINITE, noted).to(status.dtype)


def settle_empty(side: Side, bucket: Bucket, status: torch.Tensor) -> None:
    """Rows without entries that nothing but a prior moves: that is their minimum, or 0 without one.

    Parameters
    ----------
    side : Side
        What is solved.
    bucket : Bucket
        Rows without entries.
    status : Tensor of int8, shape (n,)
        Of these rows it is cleared.
    """
    rows = bucket.rows
    if not side.starts_at_zero and side.unobserved:
        if side.row_weights is None:
            return
        rows = rows[side.row_weights[rows] == 0]
    side.target[rows] = 0 if side.priors is None else side.priors[rows]
    status[rows] = FINE


class TorchKernels:
    """Every bucket by torch alone.

    Parameters
    ----------
    room : int
        Bytes that a batch may take.
    """

    def __init__(self, room: int) -> None:
        self._room = room

    def solve(
        self, side: Side, block: Block, bucket: Bucket, config: ALSConfig, status: torch.Tensor
    ) -> None:
        """Solve the rows of a bucket in place."""
        room = self._room // 2
        vectors, per_entry = vector_bytes(side), entry_bytes(side) * max(1, bucket.longest)
        if config.solver == "cg":
            for batch in batches(bucket, room // (vectors + per_entry)):
                products = TorchProducts(side, block, batch, room)
                solve_cg(side, batch, products, config.cg_steps, status)
            return
        at_once = entry_bytes(side) * min(bucket.longest, _ENTRIES_AT_ONCE)
        for batch in batches(bucket, room // max(matrix_bytes(side), at_once)):
            solve_cholesky(side, batch, TorchProducts(side, block, batch, room), status)


def vector_bytes(side: Side) -> int:
    """Bytes that conjugate gradients hold for each row."""
    return 10 * side.target.shape[1] * side.target.element_size()


def matrix_bytes(side: Side) -> int:
    """Bytes that a factorization holds for each row."""
    return 4 * side.target.shape[1] ** 2 * side.target.element_size()

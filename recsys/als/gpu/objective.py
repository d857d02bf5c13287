"""The objective on the card, without the dense matrix of scores; summed in double."""

from __future__ import annotations

import torch

from recsys.als.gpu.matrix import Block, Orientation
from recsys.als.gpu.side import Side, entries_of, gramian, weighted_sum
from recsys.als.gpu.solvers import Batch, batches, entry_bytes


def observed_loss(side: Side, entries: Orientation, room: int) -> torch.Tensor:
    """Sum over stored entries of ``w (t - s)^2 - a0 a b s^2``, a double on the card.

    Parameters
    ----------
    side : Side
        Factors of both sides, and weights.
    entries : Orientation
        Rows of `side.target`.
    room : int
        Bytes that may be taken at once.
    """
    total = torch.zeros((), dtype=torch.float64, device=side.target.device)
    for block in entries.blocks():
        for bucket in block.buckets:
            if bucket.longest == 0:
                continue
            width = max(1, min(bucket.longest, room // entry_bytes(side)))
            for batch in batches(bucket, room // (entry_bytes(side) * width)):
                for begin in range(0, batch.longest, width):
                    total += _loss(side, block, batch, begin, min(width, batch.longest - begin))
    return total


def _loss(side: Side, block: Block, batch: Batch, begin: int, width: int) -> torch.Tensor:
    columns, values, here = entries_of(block, batch.starts, batch.lengths, begin, width)
    x = side.target[batch.rows]
    scores = torch.bmm(side.other[columns], x[:, :, None])[:, :, 0].double()
    if side.offsets is not None:
        scores += side.offsets[columns]
    signed = values.double() * side.alpha
    unobserved = torch.full_like(scores, side.unobserved)
    if side.row_weights is not None:
        unobserved *= side.row_weights[batch.rows, None]
    if side.column_weights is not None:
        unobserved *= side.column_weights[columns]
    missed = (signed > 0).double() - scores
    loss = signed.abs() * missed.square() - unobserved * scores.square()
    return torch.where(here, loss, 0).sum()


def unobserved_loss(side: Side, gram: torch.Tensor, room: int) -> torch.Tensor:
    """Sum over all pairs of ``a0 a b (x.y + c)^2``, a double on the card.

    Parameters
    ----------
    side : Side
        Factors of both sides, and weights.
    gram : Tensor of float64, shape (f, f)
        ``sum b y y'``.
    room : int
        Bytes that may be taken at once.
    """
    total = (gramian(side.target, side.row_weights, room) * gram).sum()
    if side.offsets is not None:
        x = weighted_sum(side.target, side.row_weights, None, room)
        y = weighted_sum(side.other, side.column_weights, side.offsets, room)
        squares = side.offsets.double().square()
        if side.column_weights is not None:
            squares *= side.column_weights
        mass = float(len(side.target)) if side.row_weights is None else side.row_weights.sum()
        total = total + 2 * (x @ y) + mass * squares.sum()
    return side.unobserved * total


def penalty(
    rows: torch.Tensor, priors: torch.Tensor | None, lambdas: torch.Tensor, room: int
) -> torch.Tensor:
    """``sum lambda |row - prior|^2`` in double; priors of 0 where they are None."""
    total = torch.zeros((), dtype=torch.float64, device=rows.device)
    step = max(1, room // (32 * rows.shape[1]))
    for at in range(0, len(rows), step):
        part = slice(at, at + step)
        away = rows[part].double()
        if priors is not None:
            away = away - priors[part]  # not in place: a double is itself
        total += (away.square().sum(1) * lambdas[part]).sum()
    return total

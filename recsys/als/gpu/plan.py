"""What fits on a card: factors always, the matrix if it does, else two buffers of it."""

from __future__ import annotations

from dataclasses import dataclass

from recsys.als.config import ALSConfig
from recsys.als.gpu.card import Card
from recsys.als.gpu.matrix import ENTRY_BYTES, ROW_BYTES
from recsys.errors import CapacityError

_LEAST_ROOM = 1 << 20
_MOST_ROOM_CARD = 1 << 30
_MOST_ROOM_HOST = 1 << 26  # near what caches hold
_MOST_BLOCK = 1 << 28


@dataclass(frozen=True)
class Plan:
    """How the memory of a card is shared out.

    Parameters
    ----------
    room : int
        Bytes that a batch of rows may take while it is solved.
    block_bytes : int or None
        Size of each buffer that the matrix is streamed through; None where it stays on the card.
    """

    room: int
    block_bytes: int | None


def gathers_half(config: ALSConfig) -> bool:
    """Whether entries gather from a copy in bfloat16: on a card only where it is asked for."""
    return config.gathered_dtype == "bfloat16" and config.solver == "cg"


def plan(
    card: Card, config: ALSConfig, users: int, items: int, entries: int, *, priors: bool = False
) -> Plan:
    """Share out the memory of `card`.

    Parameters
    ----------
    card : Card
        Where.
    config : ALSConfig
        Settings.
    users, items, entries : int
        Shape and stored values of the matrix.
    priors : bool
        Whether features of rows give each a prior.

    Raises
    ------
    CapacityError
        Factors and what solving one row takes do not fit.

    Examples
    --------
    >>> import torch
    >>> large, small = (Card(torch.device("cpu"), "torch", n) for n in (10**9, 10**7))
    >>> plan(large, ALSConfig(factors=64), 1_000, 500, 2_000_000).block_bytes is None
    True
    >>> plan(small, ALSConfig(factors=64), 1_000, 500, 2_000_000).block_bytes is None
    False
    """
    rows, factors = users + items, config.width
    itemsize = 4 if config.dtype == "float32" else 8
    fixed = rows * (factors * itemsize + ROW_BYTES + itemsize + 1)
    if gathers_half(config):
        fixed += max(users, items) * factors * 2
    if priors:
        fixed += max(users, items) * factors * itemsize
    fixed += factors * factors * (3 * 8 + itemsize)
    least = max(_LEAST_ROOM, 10 * factors * factors * itemsize)
    if fixed + least > card.memory:
        raise CapacityError(
            f"training {factors} factors of {users:,} users and {items:,} items takes "
            f"{fixed + least:,} bytes on {card}, {card.memory:,} are free; use fewer factors or "
            "device='cpu'"
        )
    most = _MOST_ROOM_CARD if card.is_cuda else _MOST_ROOM_HOST
    room = max(least, min(most, (card.memory - fixed) // 4))
    left = card.memory - fixed - room
    if 2 * entries * ENTRY_BYTES <= left:
        return Plan(room, None)
    return Plan(room, min(_MOST_BLOCK, left // 4))  # two buffers for each orientation

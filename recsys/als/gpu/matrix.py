"""One orientation of the interaction matrix on the card: kept there, or streamed through it.

Rows are cut into blocks of consecutive ones. Where the whole matrix fits, its blocks stay on the
card; else two buffers take turns: while one block is computed on, the next is copied from pinned
memory on a stream of its own. Where the rows begin always stays: 24 bytes a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recsys.als.gpu.card import Card
from recsys.errors import CapacityError

ENTRY_BYTES = 8  # a column and a value
ROW_BYTES = 24  # its number, where it starts, its length

# Rows of one bucket differ in length by no more than this factor. Torch pads them to the longest;
# Triton's kernels do not, and fewer launches are better.
_SPREAD = {"torch": 1.3, "triton": 2.0}
_SHORTEST = 16

_CHUNK = 1 << 22  # rows or entries that are copied at a time
_DTYPES = {
    "int32": torch.int32,
    "int64": torch.int64,
    "float32": torch.float32,
    "float64": torch.float64,
}


@dataclass(frozen=True)
class Bucket:
    """Rows of nearly the same length, the longest first.

    Parameters
    ----------
    rows : Tensor of int64, shape (n,)
        Row numbers within the whole side.
    starts, lengths : Tensor of int64, shape (n,)
        Where the entries of each stand in the block, and how many there are.
    longest : int
        Entries of the longest row; 0 for a bucket of empty rows.
    """

    rows: torch.Tensor
    starts: torch.Tensor
    lengths: torch.Tensor
    longest: int


@dataclass(frozen=True)
class Block:
    """Entries of consecutive rows, on the card.

    Parameters
    ----------
    columns : Tensor of int32, shape (entries,)
        Rows of the other side.
    values : Tensor of float32, shape (entries,)
        Stored values.
    buckets : tuple of Bucket
        Its rows, the longest first.
    """

    columns: torch.Tensor
    values: torch.Tensor
    buckets: tuple[Bucket, ...]


class Orientation:
    """Rows of one side, as blocks on a card.

    Parameters
    ----------
    indptr : ndarray of int64, shape (rows + 1,)
    indices : ndarray of int32, shape (entries,)
    data : ndarray of float32, shape (entries,)
        Host arrays; they may be memory-mapped. Not copied.
    card : Card
        Where to.
    block_bytes : int or None
        None keeps the whole matrix on the card; else the size of each of two buffers.

    Raises
    ------
    CapacityError
        A single row is larger than a buffer.
    """

    def __init__(
        self,
        indptr: NDArray[np.int64],
        indices: NDArray[np.int32],
        data: NDArray[np.float32],
        card: Card,
        block_bytes: int | None,
    ) -> None:
        self._indptr, self._indices, self._data, self._card = indptr, indices, data, card
        self.rows = len(indptr) - 1
        if block_bytes is None:
            bounds = [(0, self.rows)]
        else:
            bounds = _cut(indptr, max(1, block_bytes // ENTRY_BYTES))
        self._spans = [(int(indptr[a]), int(indptr[b])) for a, b in bounds]
        self._buckets = [_buckets(indptr, a, b, card) for a, b in bounds]
        self._resident: Block | None = None
        self._buffers: tuple[_Buffer, ...] = ()
        if block_bytes is None:
            self._resident = Block(
                uploaded(indices, card.device),
                uploaded(data, card.device),
                self._buckets[0],
            )
        else:
            largest = max(end - begin for begin, end in self._spans)
            self._buffers = (_Buffer(largest, card), _Buffer(largest, card))

    def blocks(self) -> Iterator[Block]:
        """Each block in turn; one that is streamed is valid until the next is asked for."""
        if self._resident is not None:
            yield self._resident
            return
        last = len(self._spans) - 1
        self._fill(0)
        for number, (begin, end) in enumerate(self._spans):
            buffer = self._buffers[number % 2]
            columns, values = buffer.ready(end - begin)
            yield Block(columns, values, self._buckets[number])
            buffer.used()
            # Only now, while the card computes on what has just been launched.
            if number < last:
                self._fill(number + 1)

    def _fill(self, number: int) -> None:
        begin, end = self._spans[number]
        self._buffers[number % 2].fill(self._indices[begin:end], self._data[begin:end])


class _Buffer:
    """Room for one block in pinned memory and on the card, and the events that guard both."""

    def __init__(self, entries: int, card: Card) -> None:
        self._cuda = card.is_cuda
        kinds = (torch.int32, torch.float32)
        self._pinned = [torch.empty(entries, dtype=t, pin_memory=self._cuda) for t in kinds]
        self._there = [torch.empty(entries, dtype=t, device=card.device) for t in kinds]
        if self._cuda:
            self._stream = torch.cuda.Stream(card.device)  # type: ignore[no-untyped-call]
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._computed = torch.cuda.Event()  # type: ignore[no-untyped-call]
            # The memory may come from tensors whose last work is still under way on this stream.
            self._computed.record(torch.cuda.current_stream())

    def fill(self, columns: NDArray[np.int32], values: NDArray[np.float32]) -> None:
        """Start to copy a block; the one before it in this buffer may still be in use."""
        if self._cuda:
            self._copied.synchronize()  # the pinned half is free once its last copy is through
        for pinned, source in zip(self._pinned, (columns, values), strict=True):
            pinned.numpy()[: len(source)] = source
        if not self._cuda:
            self._copy(len(columns))
            return
        with torch.cuda.stream(self._stream):
            self._stream.wait_event(self._computed)
            self._copy(len(columns))
            self._copied.record(self._stream)

    def _copy(self, entries: int) -> None:
        for there, pinned in zip(self._there, self._pinned, strict=True):
            there[:entries].copy_(pinned[:entries], non_blocking=True)

    def ready(self, entries: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Columns and values; work launched from now on waits for the copy."""
        if self._cuda:
            torch.cuda.current_stream().wait_event(self._copied)
        return self._there[0][:entries], self._there[1][:entries]

    def used(self) -> None:
        """All work on this block is launched."""
        if self._cuda:
            self._computed.record(torch.cuda.current_stream())


def uploaded(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """A copy of a host array on a device; the array may be read-only and memory-mapped."""
    made = torch.empty(array.shape, dtype=_DTYPES[array.dtype.name], device=device)
    for at in range(0, len(array), _CHUNK):
        made[at : at + _CHUNK] = torch.from_numpy(np.array(array[at : at + _CHUNK]))
    return made


def _cut(indptr: NDArray[np.int64], most: int) -> list[tuple[int, int]]:
    """Stretches of consecutive rows with at most `most` entries each."""
    rows = len(indptr) - 1
    bounds = []
    begin = 0
    while begin < rows:
        end = int(np.searchsorted(indptr, indptr[begin] + most, side="right")) - 1
        if end <= begin:
            entries = int(indptr[begin + 1] - indptr[begin])
            raise CapacityError(
                f"row {begin} has {entries:,} entries, the card has room for {most:,} at a time; "
                "use fewer factors or device='cpu'"
            )
        bounds.append((begin, end))
        begin = end
    return bounds


def _buckets(indptr: NDArray[np.int64], begin: int, end: int, card: Card) -> tuple[Bucket, ...]:
    """Rows [begin, end) by falling length, cut where the length has fallen by the factor."""
    starts = indptr[begin:end] - indptr[begin]
    lengths = np.diff(indptr[begin : end + 1])
    order = np.argsort(-lengths, kind="stable")
    falling = lengths[order]
    buckets = []
    at = 0
    while at < len(order):
        longest = int(falling[at])
        least = (
            0
            if longest == 0
            else 1
            if longest <= _SHORTEST
            else int(longest / _SPREAD[card.kernels])
        )
        stop = int(np.searchsorted(-falling, -least, side="right"))
        chosen = order[at:stop]
        buckets.append(
            Bucket(
                torch.from_numpy(chosen + begin).to(card.device),
                torch.from_numpy(starts[chosen]).to(card.device),
                torch.from_numpy(lengths[chosen]).to(card.device),
                longest,
            )
        )
        at = stop
    return tuple(buckets)

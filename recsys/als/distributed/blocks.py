"""One side of a training in blocks of rows: how it is cut, and how a half-sweep goes over it.

The rows are cut once. A block's entries lie in the object store from the first sweep to the last,
and stay on the machine that solves it. Before a half-sweep the side that is held goes into the
object store, from where each machine takes it once, however many processes it runs; the side that
is solved is there already, from the half-sweep before. A block comes back solved; where
Gramians are reduced, with its part of what the other half needs of this side beside its rows.

The driver keeps all factors, so a machine that dies costs the blocks it was solving and no more.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.als import cpu
from recsys.als.border import Factors, Weights
from recsys.als.choice import predicted_seconds
from recsys.als.config import ALSConfig
from recsys.als.randomness import aligned_empty
from recsys.als.reference import Terms
from recsys.als.ways import Size, Way, choose_way, part_of_gramian
from recsys.cluster import Cluster, Need
from recsys.errors import InvalidInputError

Doubles = NDArray[np.float64]

#: indptr (int64), indices (int32) and data (float32) of a CSR matrix.
Entries = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]

#: A block has at least so many rows: some solvers take rows side by side, and round otherwise where
#: there are too few.
LEAST_ROWS = 64


@dataclass(frozen=True)
class Half:
    """What is the same for every half-sweep of one side.

    Attributes
    ----------
    size : Size
        Of the whole matrix whose rows are solved.
    config : ALSConfig
        Settings of this half.
    name : str
        What the matrix is called in errors.
    """

    size: Size
    config: ALSConfig
    name: str


@dataclass(frozen=True)
class Told:
    """What each block of one half-sweep is told.

    Attributes
    ----------
    half : Half
        This half.
    after : Half or None
        The other one, in which the rows solved now are held: given where each block is to return
        its part of their Gramian.
    way : Way
        How rows are solved, decided from all of them.
    column_weights : ndarray of float32, or None
        Of the side that is held.
    offsets : ndarray, or None
        Of the side that is held; see :func:`recsys.als.sides.meeting_biases`.
    own_offsets : ndarray, or None
        The biases of the side that is solved, where its rows hold 1 in their place.
    """

    half: Half
    after: Half | None
    way: Way
    column_weights: Weights | None
    offsets: Factors | None
    own_offsets: Factors | None


@dataclass(frozen=True)
class Block:
    """Rows [first, last) of a side, and the reference of their entries in the object store."""

    first: int
    last: int
    entries: Any


def solve_block(
    told: Told,
    held: Factors,
    own: Factors,
    entries: Entries,
    first: int,
    last: int,
    row_weights: Weights | None,
    priors: Factors | None,
) -> tuple[Factors, Doubles | None]:
    """Solve rows [first, last) of a side; this is what a task does.

    Parameters
    ----------
    told : Told
        What all blocks are told.
    held, own : ndarray
        All factors of the other side, and of this one before the half-sweep.
    entries : Entries
        Of these rows, and of the row beside them: see :func:`block_entries`.
    first, last : int
        Which rows.
    row_weights, priors : ndarray, optional
        Of these rows.

    Returns
    -------
    tuple of ndarray
        The rows solved, and their part of the Gramian where it is wanted.

    Raises
    ------
    InvalidInputError
        A solution overflows.
    """
    config = told.half.config
    own = own[first:last]
    if told.own_offsets is not None:
        own = own.copy()
        own[:, -1] = told.own_offsets[first:last]
    try:
        solved = _solved(told, held, own, entries, row_weights, priors)
    except InvalidInputError as error:
        row = re.search(r"\brow (\d+)", str(error))
        if row is None:
            raise
        if int(row[1]) < len(own):  # it is counted from the block's first
            text = str(error)
            told_row = f"row {int(row[1]) + first}"
            raise InvalidInputError(text[: row.start()] + told_row + text[row.end() :]) from error
        # The row beside overflows, and none of the block's own: whose entry it is will tell.
        solved = _solved(told, held, own, _without_last(entries), row_weights, priors)
    met = solved
    if told.after is None:
        return solved, None
    if config.biases:
        met = solved.copy()
        met[:, -1] = 1
    return solved, part_of_gramian(met, told.after.size, told.after.config, row_weights)


def _solved(
    told: Told,
    held: Factors,
    own: Factors,
    entries: Entries,
    row_weights: Weights | None,
    priors: Factors | None,
) -> Factors:
    """The rows of `own` solved anew; `entries` may have a row beside them."""
    config, count = told.half.config, len(own)
    beside = len(entries[0]) - 1 - count
    target = aligned_empty(count + beside, config.width, config.dtype)
    target[:count], target[count:] = own, 0
    if row_weights is not None:
        row_weights = np.append(row_weights, np.ones(beside, np.float32))
    if priors is not None:
        priors = np.concatenate([priors, np.zeros_like(target[count:])])
    terms = Terms(row_weights, told.column_weights, told.offsets, priors)
    matrix = cpu.SparseRows(*entries, len(held))
    cpu.solve(matrix, target, held, config, terms=terms, name=told.half.name, way=told.way)
    return target[:count]


def _without_last(entries: Entries) -> Entries:
    indptr, indices, data = entries
    end = int(indptr[-2])
    return indptr[:-1], indices[:end], data[:end]


def block_entries(entries: Entries, first: int, last: int, heaviest: float) -> Entries:
    """The entries of rows [first, last), and beside them a row of the heaviest entry of all.

    How precisely the native core reads factors depends on the heaviest entry that it is given: with
    it every block is solved as the whole would be. What that row comes to is not looked at.

    Parameters
    ----------
    entries : Entries
        Of all rows.
    first, last : int
        Which rows.
    heaviest : float
        The largest absolute value of all.

    Examples
    --------
    >>> whole = np.array([0, 1, 3]), np.array([4, 0, 1], np.int32), np.array([1, 2, 3], np.float32)
    >>> [part.tolist() for part in block_entries(whole, 1, 2, 9.0)]
    [[0, 2, 3], [0, 1, 0], [2.0, 3.0, 9.0]]
    """
    indptr, indices, data = entries
    begin, end = int(indptr[first]), int(indptr[last])
    return (
        np.append(indptr[first : last + 1] - begin, end - begin + 1).astype(np.int64),
        np.append(indices[begin:end], np.int32(0)),
        np.append(data[begin:end], np.float32(heaviest)),
    )


def cut_rows(indptr: NDArray[np.int64], count: int, half: Half) -> list[int]:
    """Cut rows into at most `count` blocks that take about as long.

    Returns
    -------
    list of int
        Borders, from 0 to the number of rows; they depend on nothing but the arguments.
    """
    config, rows = half.config, half.size.rows
    count = max(1, min(count, rows // LEAST_ROWS))
    solver = "cg" if config.solver == "auto" else config.solver
    settings = (config.factors, config.subspace_dimension)
    by_entry = predicted_seconds(solver, 1, 0, *settings)
    by_row = predicted_seconds(solver, 0, 1, *settings)
    costs = (indptr - indptr[0]) * by_entry + np.arange(rows + 1) * by_row
    wanted = np.linspace(0, costs[-1], count + 1)
    borders = [0]
    for number in range(1, count):
        border = int(np.searchsorted(costs, wanted[number]))
        least, most = borders[-1] + LEAST_ROWS, rows - (count - number) * LEAST_ROWS
        borders.append(min(max(border, least), most))
    return [*borders, rows]


def placed(count: int, rooms: Mapping[str, int], before: Sequence[str | None]) -> list[str | None]:
    """Say which machine solves each block: the one that has its entries, where there is room.

    Parameters
    ----------
    count : int
        Blocks.
    rooms : mapping of str to int
        How many blocks each machine solves at once.
    before : sequence of str or None
        Which machine solved each block the last time.

    Returns
    -------
    list of str or None
        None, for any machine, where no machine has room at present.

    Examples
    --------
    >>> placed(4, {"a": 1, "b": 1}, [None] * 4)
    ['a', 'b', 'a', 'b']
    >>> placed(4, {"b": 1, "c": 1}, ["a", "b", "a", "b"])
    ['c', 'b', 'c', 'b']
    """
    total = sum(rooms.values())
    if total == 0:
        return [None] * count
    left = {machine: -(-count * room // total) for machine, room in rooms.items()}
    found: list[str | None] = [None] * count
    for number, machine in enumerate(before):
        if machine is not None and left.get(machine, 0) > 0:
            found[number] = machine
            left[machine] -= 1
    for number in range(count):
        if found[number] is None:
            machine = max(left, key=lambda one: left[one])
            found[number] = machine
            left[machine] -= 1
    return found


class Shelf:
    """Both sides of factors as they lie in the object store, each under its place in the host."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._held: dict[int, tuple[Any, Factors | None]] = {}

    def put(self, side: Factors, offsets: Factors | None) -> Any:
        """Put what a side holds now, with its biases beside it; return the reference."""
        reference = self._cluster.share(side)
        self._held[id(side)] = reference, offsets
        return reference

    def take(self, side: Factors) -> tuple[Any, Factors | None]:
        """Take a side that is about to be solved; it is put there where it is not yet."""
        if id(side) not in self._held:
            self.put(side, None)
        return self._held.pop(id(side))


class BlockSolver:
    """Solves one side block by block on the cluster; see :data:`recsys.als.engine.SolveRows`.

    Parameters
    ----------
    cluster : Cluster
        Where.
    need : Need
        Of a block's task.
    retries : int
        How often a block is solved again when it was lost.
    shelf : Shelf
        Common to both sides.
    entries : Entries
        Of all rows; not needed any more once this is made.
    half : Half
        This half.
    after : Half or None
        The other one: given where blocks return their part of the Gramian.
    count : int
        Blocks, at most.
    """

    def __init__(
        self,
        cluster: Cluster,
        need: Need,
        retries: int,
        shelf: Shelf,
        entries: Entries,
        half: Half,
        after: Half | None,
        count: int,
    ) -> None:
        self._cluster, self._need, self._shelf = cluster, need, shelf
        self._half, self._after = half, after
        self._task = cluster.task(solve_block, need, retries)
        self.gramian: Doubles | None = None  # of the rows as last solved
        self.other: BlockSolver | None = None
        data = entries[2]
        heaviest = max(float(data.max(initial=0)), -float(data.min(initial=0)))
        borders = cut_rows(entries[0], count, half)
        self._blocks = [
            Block(first, last, cluster.share(block_entries(entries, first, last, heaviest)))
            for first, last in itertools.pairwise(borders)
        ]
        self._places: list[str | None] = [None] * len(self._blocks)

    def __call__(self, target: Factors, held: Factors, terms: Terms) -> None:
        """Solve every row of `target` in place given all rows of `held`."""
        half, cluster = self._half, self._cluster
        gramian = self.other.gramian if self.other is not None else None
        way = choose_way(
            half.size, held, half.config, gramian=gramian, terms=terms, with_gramian=True
        )
        own, own_offsets = self._shelf.take(target)
        other = self._shelf.put(held, terms.offsets)
        told = cluster.share(
            Told(half, self._after, way, terms.column_weights, terms.offsets, own_offsets)
        )
        rooms = {name: self._need.fits(room) for name, room in cluster.machines().items()}
        self._places = placed(len(self._blocks), rooms, self._places)

        def submit(number: int) -> Any:
            block = self._blocks[number]
            rows = slice(block.first, block.last)
            weights = None if terms.row_weights is None else terms.row_weights[rows]
            priors = None if terms.priors is None else terms.priors[rows]
            arguments = (told, other, own, block.entries, block.first, block.last, weights, priors)
            return self._task(self._places[number], *arguments)

        numbers = range(len(self._blocks))
        parts: dict[int, Doubles] = {}
        what = f"{half.name}, block"
        for number, (rows, part) in cluster.gathered(submit, numbers, self._need, what):
            block = self._blocks[number]
            target[block.first : block.last] = rows
            if part is not None:
                parts[number] = part
        if parts:  # always in the same order: it rounds alike, whichever was there first
            self.gramian = np.sum([parts[number] for number in numbers], axis=0)

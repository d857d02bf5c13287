"""The search under rules: the best items of each user, in the order of their scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.retrieval import Hits, Index, top_n
from recsys.retrieval.base import NO_ROW, NO_SCORE, empty_hits
from recsys.rules.pairs import either
from recsys.rules.prepared import Prepared

if TYPE_CHECKING:
    from recsys.recommender import Recommender

Rows: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]

# Confined users are searched a few at a time: cells of their mask, and of the vectors gathered.
# Of 8,192 to 2,000,000 cells this took the least time for lists of 100 among 26,744 items.
_MASK_CELLS = 32_768
_VECTOR_CELLS = 8_000_000
# Scores below which a second thread costs more than it helps.
_ALONE_CELLS = 200_000


@dataclass(frozen=True)
class Block:
    """Users that are worked on together.

    Attributes
    ----------
    queries : float32 ndarray, shape (q, f)
        Their vectors.
    excluded : csr_matrix, shape (q, n_items), or None
        What is left out for each.
    rows : int64 ndarray, shape (q,), or None
        Their user rows; None for visitors.
    num_threads : int
        Threads of the search; 0 means every processor.
    """

    queries: Floats
    excluded: sp.csr_matrix | None
    rows: Rows | None
    num_threads: int = 0

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.queries)

    def take(self, places: Rows) -> Block:
        """Only the users at `places`."""
        return replace(
            self,
            queries=self.queries[places],
            excluded=None if self.excluded is None else self.excluded[places],
            rows=None if self.rows is None else self.rows[places],
        )


def narrowed(prepared: Prepared, block: Block) -> Block:
    """`block` with what DenyFor and NotShown leave out."""
    excluded = block.excluded
    for matrix in (prepared.denied, prepared.shown):
        if matrix is not None:
            excluded = either(excluded, matrix[block.rows])
    return replace(block, excluded=excluded)


def search(
    recommender: Recommender,
    prepared: Prepared,
    block: Block,
    n: int,
    closed: npt.NDArray[np.bool_] | None = None,
) -> Hits:
    """Return the best `n` items of each user of a narrowed `block`, best first.

    Parameters
    ----------
    closed : bool ndarray, shape (n_items,), optional
        Items that are closed to all of them beside what the rules say.
    """
    n = min(n, len(recommender.items))
    index, vectors = recommender.index, recommender.item_factors
    if prepared.boosts:
        index = prepared.boosted_index(recommender.item_factors)
        vectors = index.vectors
        ones = np.ones((len(block), 1), np.float32)
        block = replace(block, queries=np.concatenate([block.queries, ones], axis=1))
    hits = _search(index, vectors, prepared, block, n, closed)
    return hits if prepared.minimum is None else _above(hits, prepared.minimum)


def _search(
    index: Index,
    vectors: Floats,
    prepared: Prepared,
    block: Block,
    n: int,
    closed: npt.NDArray[np.bool_] | None,
) -> Hits:
    if prepared.only is None or prepared.confined is None:
        return _search_open(index, prepared, block, n, closed)
    confined = prepared.confined[block.rows]
    if not confined.any():
        return _search_open(index, prepared, block, n, closed)
    hits = empty_hits(len(block), n)
    free = np.flatnonzero(~confined)
    if free.size:
        put(hits, free, _search_open(index, prepared, block.take(free), n, closed))
    places = np.flatnonzero(confined)
    assert block.rows is not None
    only = prepared.only[block.rows[places]]
    if closed is not None:
        only.data = (~closed[only.indices]).astype(np.int8)
        only.eliminate_zeros()
    for first, last in _chunks(np.diff(only.indptr), only.shape[1], block.queries.shape[1]):
        some = block.take(places[first:last])
        put(hits, places[first:last], _search_confined(vectors, only[first:last], some, n))
    return hits


def _search_open(
    index: Index,
    prepared: Prepared,
    block: Block,
    n: int,
    closed: npt.NDArray[np.bool_] | None,
) -> Hits:
    threads = block.num_threads
    if closed is None:
        allow, deny = prepared.allow, prepared.deny
    else:
        allow, deny = np.flatnonzero(prepared.open_items() & ~closed), None
        threads = 1 if len(block) * allow.size < _ALONE_CELLS else threads
    return index.search(
        block.queries,
        n,
        exclude=block.excluded,
        allow=allow,
        deny=deny,
        num_threads=threads,
    )


def _search_confined(item_vectors: Floats, only: sp.csr_matrix, block: Block, n: int) -> Hits:
    """Search the items that any of the users may have, leaving out those of the others."""
    union = np.unique(only.indices).astype(np.int64)
    if not union.size:
        return empty_hits(len(block), n)
    closed = np.ones((len(block), union.size), np.bool_)
    owner = np.repeat(np.arange(len(block)), np.diff(only.indptr))
    closed[owner, np.searchsorted(union, only.indices)] = False
    if block.excluded is not None:
        place = np.searchsorted(union, block.excluded.indices)
        inside = union[np.minimum(place, union.size - 1)] == block.excluded.indices
        owner = np.repeat(np.arange(len(block)), np.diff(block.excluded.indptr))
        closed[owner[inside], place[inside]] = True
    hits = top_n(
        block.queries,
        item_vectors[union],
        min(n, union.size),
        exclude=sp.csr_matrix(closed),
        num_threads=1 if closed.size < _ALONE_CELLS else block.num_threads,
        preselect=False,
    )
    filled = hits.ids >= 0
    ids = np.where(filled, union[np.where(filled, hits.ids, 0)], hits.ids).astype(np.int32)
    return Hits(ids, hits.scores, hits.counts)


def _chunks(sizes: npt.NDArray[np.int32], items: int, factors: int) -> Iterator[tuple[int, int]]:
    """Runs of users whose mask and vectors stay small; at least one user each."""
    ends = np.cumsum(sizes, dtype=np.int64)
    first = 0
    while first < len(sizes):
        before = int(ends[first - 1]) if first else 0
        union = np.minimum(ends[first : first + 4096] - before, items)
        fits = (union * np.arange(1, len(union) + 1) <= _MASK_CELLS) & (
            union * factors <= _VECTOR_CELLS
        )
        last = first + max(1, int(np.argmin(fits)) if not fits.all() else len(fits))
        yield first, last
        first = last


def put(hits: Hits, places: Rows, found: Hits) -> None:
    """Write the lines of `found` into `hits`."""
    width = found.ids.shape[1]
    hits.ids[places, :width] = found.ids
    hits.scores[places, :width] = found.scores
    hits.counts[places] = found.counts


def _above(hits: Hits, minimum: float) -> Hits:
    """Only the hits that score at least `minimum`."""
    kept = hits.scores >= np.float32(minimum)
    kept &= hits.ids != NO_ROW
    ids = np.where(kept, hits.ids, NO_ROW).astype(np.int32)
    scores = np.where(kept, hits.scores, NO_SCORE).astype(np.float32)
    return Hits(ids, scores, kept.sum(axis=1, dtype=np.int32))

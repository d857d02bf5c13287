"""Lists under rules: which items each user of a block gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.retrieval import Hits
from recsys.retrieval.base import empty_hits
from recsys.rules.choosing import Chosen, diversified, in_order
from recsys.rules.pairs import either
from recsys.rules.prepared import Prepared
from recsys.rules.quotas import Quotas, Slots
from recsys.rules.searching import Block, narrowed, put, search

if TYPE_CHECKING:
    from recsys.recommender import Recommender

Rows: TypeAlias = npt.NDArray[np.int64]

# Exclusions that are held at a time while quotas look deeper.
_EXCLUDED_CELLS = 2_000_000
# Users that go down their rankings together.
_ROUND_USERS = 2048


def pick(
    recommender: Recommender, prepared: Prepared, block: Block, n: int
) -> tuple[Hits, npt.NDArray[np.int32]]:
    """Choose at most `n` items for each user of `block`.

    Returns
    -------
    Hits
        In the order of the lists.
    int32 ndarray, shape (q,)
        How many items each user had to choose from before quotas; what exceeds `n` may be left
        uncounted.
    """
    if block.rows is None:
        prepared.check_visitors()
    block = narrowed(prepared, block)
    quotas = prepared.quotas
    if quotas is None and prepared.diversify is None:
        hits = search(recommender, prepared, block, n)
        return hits, hits.counts
    depth = prepared.depth(n)
    hits = search(recommender, prepared, block, depth)
    chosen = Chosen.nothing(len(block), min(n, len(recommender.items)))
    slots = None if quotas is None else Slots(quotas, chosen.ids[:, :0], hits.ids)
    if prepared.diversify is not None:
        rule, vectors = prepared.diversify, recommender.item_factors
        if rule.by == "content" and recommender.content is not None:
            vectors = recommender.content.item_vectors
        diversified(chosen, hits, vectors, rule.weight, slots)
    elif slots is not None:
        in_order(chosen, np.arange(len(block)), hits, slots)
    if quotas is not None and slots is not None:
        users = _unfinished(chosen, np.arange(len(block)), hits.counts, depth)
        if not users.size:
            return Hits(chosen.ids, chosen.scores, chosen.counts), hits.counts
        full = _lines(*slots.full(), (len(block), slots.n_values))[users]
        _go_deeper(recommender, prepared, quotas, block, chosen, users, full)
    return Hits(chosen.ids, chosen.scores, chosen.counts), hits.counts


def _unfinished(chosen: Chosen, users: Rows, counts: npt.NDArray[np.int32], depth: int) -> Rows:
    """Those of the `users` whose list is not full and whose ranking went on below `depth`."""
    going = (chosen.counts[users] < chosen.ids.shape[1]) & (counts == depth)
    return np.asarray(users[going])


def _go_deeper(
    recommender: Recommender,
    prepared: Prepared,
    quotas: Quotas,
    block: Block,
    chosen: Chosen,
    users: Rows,
    full: sp.csr_matrix,
) -> None:
    """Fill the lists of `users` from farther down their rankings.

    What is still admitted lies below what was fetched: an item above it is in the list, or has a
    value whose limit is reached, as it stays. So the rest of the ranking is searched without
    these, and each round fills the list, finds the end, or reaches one more limit.

    Parameters
    ----------
    users : int64 ndarray, shape (u,)
        Places in `block`.
    full : csr_matrix, shape (u, n_values)
        Values whose limit each of them has reached.
    """
    depth = min(4 * chosen.ids.shape[1], len(recommender.items))
    for first in range(0, len(users), _ROUND_USERS):
        some, limits = users[first : first + _ROUND_USERS], full[first : first + _ROUND_USERS]
        while some.size:
            hits = _below(recommender, prepared, quotas, block, chosen, (some, limits), depth)
            slots = Slots(quotas, chosen.ids[some], hits.ids)
            in_order(chosen, some, hits, slots)
            limits = limits + _lines(*slots.full(), (len(some), slots.n_values))
            left = _unfinished(chosen, some, hits.counts, depth)
            some, limits = left, limits[np.isin(some, left, assume_unique=True)]


def _below(
    recommender: Recommender,
    prepared: Prepared,
    quotas: Quotas,
    block: Block,
    chosen: Chosen,
    reached: tuple[Rows, sp.csr_matrix],
    depth: int,
) -> Hits:
    """The best `depth` items that the lists of users do not hold and their limits admit."""
    users, full = reached
    found = empty_hits(len(users), depth)
    small = np.flatnonzero(~quotas.large)
    items = quotas.items[small]
    for places, closed in _alike(quotas, full):
        some = users[places]
        apart = (full[places][:, small] @ items).tocsr()
        taken = either(_listed(chosen, some, apart.shape[1]), _ones(apart))
        rest = block.take(some)
        rest = replace(rest, excluded=either(rest.excluded, taken))
        put(found, places, search(recommender, prepared, rest, depth, closed))
    return found


def _alike(quotas: Quotas, full: sp.csr_matrix) -> Iterator[tuple[Rows, npt.NDArray[np.bool_]]]:
    """Users whose limits are reached for the same large values, and which items these close.

    A large value's items would be many exclusions for each user; to users alike they are closed
    at one stroke. What smaller values exclude is kept small by taking few users at a time.
    """
    large = full[:, np.flatnonzero(quotas.large)].toarray() > 0
    _, group = np.unique(np.packbits(large, axis=1), axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    borders = np.flatnonzero(np.diff(group.ravel()[order])) + 1
    sizes = np.diff(quotas.items.indptr) * ~quotas.large
    each = np.asarray(full @ sizes) + 1
    for members in np.split(order, borders):
        values = np.flatnonzero(quotas.large)[large[members[0]]]
        closed = np.zeros(quotas.items.shape[1], np.bool_)
        closed[quotas.items[values].indices] = True
        step = max(1, _EXCLUDED_CELLS // int(each[members].max()))
        for first in range(0, len(members), step):
            yield members[first : first + step], closed


def _lines(users: Rows, columns: Rows, shape: tuple[int, int]) -> sp.csr_matrix:
    """A matrix with a 1 at each of the pairs."""
    return sp.csr_matrix((np.ones(users.size, np.int32), (users, columns)), shape=shape)


def _listed(chosen: Chosen, users: Rows, items: int) -> sp.csr_matrix:
    """What the lists of `users` hold."""
    ids = chosen.ids[users]
    owner, place = np.nonzero(ids >= 0)
    ones = np.ones(owner.size, np.int8)
    return sp.csr_matrix((ones, (owner, ids[owner, place])), shape=(len(users), items))


def _ones(matrix: sp.csr_matrix) -> sp.csr_matrix:
    ones = np.ones(matrix.nnz, np.int8)
    return sp.csr_matrix((ones, matrix.indices, matrix.indptr), shape=matrix.shape)

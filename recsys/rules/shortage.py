"""Why a list is short: the first step that left fewer items than were wanted."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.rules.pairs import either, pattern
from recsys.rules.prepared import Prepared
from recsys.rules.reasons import (
    FULL,
    MINIMUM_SCORE,
    NOT_SHOWN,
    NOTHING_LEFT,
    QUOTA,
    REASONS,
    RULES,
)
from recsys.rules.searching import Block

Codes: TypeAlias = npt.NDArray[np.int8]
Counts: TypeAlias = npt.NDArray[np.int64]


def reasons(
    prepared: Prepared,
    block: Block,
    counts: npt.NDArray[np.int32],
    found: npt.NDArray[np.int32],
    n: int,
) -> Codes:
    """Why lists are short.

    Parameters
    ----------
    prepared : Prepared
        The rules.
    block : Block
        Users with what they have seen.
    counts : int32 ndarray, shape (q,)
        Items of each list.
    found : int32 ndarray, shape (q,)
        What there was to choose from before quotas, or at least `n`.
    n : int
        Items wanted.

    Returns
    -------
    int8 ndarray, shape (q,)
        Place in `REASONS` of the first step that left fewer than `n` items; `FULL` for a list
        of `n`.
    """
    codes = np.full(len(block), FULL, np.int8)
    short = np.flatnonzero(counts < n)
    if short.size:
        some = block.take(short)
        steps = _left(prepared, some)
        if prepared.minimum is not None:
            steps.append((MINIMUM_SCORE, found[short].astype(np.int64)))
        if prepared.quotas is not None:
            steps.append((QUOTA, counts[short].astype(np.int64)))
        codes[short] = _first_step(steps, n)
    return codes


def _left(prepared: Prepared, block: Block) -> list[tuple[str, Counts]]:
    """How many items each step leaves to each user."""
    everything = np.full(len(block), prepared.n_items, np.int64)
    seen = np.zeros(len(block), np.int64)
    if block.excluded is not None:
        seen += np.diff(block.excluded.indptr)
    steps = [(NOTHING_LEFT, everything - seen)]
    excluded = None if block.excluded is None else pattern(block.excluded)
    if prepared.denied is not None:
        excluded = either(excluded, prepared.denied[block.rows])
    steps.append((RULES, _open_to(prepared, block, excluded)))
    if prepared.shown is not None:
        excluded = either(excluded, prepared.shown[block.rows])
        steps.append((NOT_SHOWN, _open_to(prepared, block, excluded)))
    return steps


def _open_to(prepared: Prepared, block: Block, excluded: sp.csr_matrix | None) -> Counts:
    """How many items are open to each user and not among the `excluded`."""
    is_open = prepared.open_items()
    left = np.full(len(block), np.count_nonzero(is_open), np.int64)
    if excluded is not None:
        left -= excluded @ is_open.astype(np.int64)
    if prepared.only is None or prepared.confined is None:
        return left
    only = prepared.only[block.rows]
    kept = np.diff(only.indptr).astype(np.int64)
    if excluded is not None:
        kept -= np.diff(only.multiply(excluded).tocsr().indptr)
    return np.where(prepared.confined[block.rows], kept, left)


def _first_step(steps: list[tuple[str, Counts]], n: int) -> Codes:
    """The first step that leaves fewer than `n`; the last one where none does."""
    codes = np.full(len(steps[0][1]), REASONS.index(steps[-1][0]), np.int8)
    for name, left in reversed(steps):
        codes[left < n] = REASONS.index(name)
    return codes

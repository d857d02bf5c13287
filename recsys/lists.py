"""Lists as tables: what was recommended to whom, where it comes from, and why a list is short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.retrieval import Hits
from recsys.rules.reasons import FULL, REASONS

if TYPE_CHECKING:
    from recsys.recommender import Recommender

Rows: TypeAlias = npt.NDArray[np.int64]

#: Sources of a score: learned item factors, and factors placed from an item's text.
SOURCES = ("als", "content")
_INT32 = 2**31 - 1


@dataclass(frozen=True)
class Lists:
    """Lists of some users.

    Attributes
    ----------
    table : pyarrow.Table
        user_id, item_id (types of the input), rank (int32, from 1), score (float32), source
        (string: "als" for learned item factors, "content" for items placed from their text),
        reason (string: null where the user's list is full, else why it is short, one of
        `recsys.rules.REASONS`). Users in the order asked, items in the order of the list.
    short : pyarrow.Table
        user_id, wanted (int32), listed (int32), reason (string): a row for each user with fewer
        than `wanted` items, those without any included.
    """

    table: pa.Table
    short: pa.Table


def listed(recommender: Recommender, hits: Hits) -> tuple[Rows, pa.Table]:
    """Filled entries of `hits` as a table (item_id, rank, score), and whose line each is from."""
    filled = np.arange(hits.ids.shape[1]) < hits.counts[:, None]
    owner, place = np.nonzero(filled)
    table = pa.table(
        {
            "item_id": recommender.items.take(hits.ids[filled]),
            "rank": pa.array((place + 1).astype(np.int32)),
            "score": pa.array(hits.scores[filled]),
        }
    )
    return owner, table


def make_lists(
    recommender: Recommender, rows: Rows, hits: Hits, codes: npt.NDArray[np.int8], wanted: int
) -> Lists:
    """Put `hits` of the user `rows` into tables; `codes` are places in `REASONS`."""
    filled = np.arange(hits.ids.shape[1]) < hits.counts[:, None]
    owner, table = listed(recommender, hits)
    users = recommender.users.take(rows)
    learned = recommender.interactions.n_items
    columns = {
        "user_id": users.take(pa.array(owner)),
        **{name: table.column(name) for name in table.column_names},
        "source": _words(SOURCES, (hits.ids[filled] >= learned).astype(np.int8)),
        "reason": _words(REASONS, codes[owner]),
    }
    short = np.flatnonzero(codes != FULL)
    return Lists(
        pa.table(columns),
        pa.table(
            {
                "user_id": users.take(pa.array(short)),
                "wanted": pa.array(np.full(short.size, min(wanted, _INT32), np.int32)),
                "listed": pa.array(hits.counts[short].astype(np.int32)),
                "reason": _words(REASONS, codes[short]),
            }
        ),
    )


def _words(words: tuple[str, ...], codes: npt.NDArray[np.int8]) -> pa.Array:
    """Strings by their place in `words`; null where it is negative."""
    if codes.size and codes.min() == codes.max():
        word = words[codes[0]] if codes[0] >= 0 else None
        return pa.repeat(pa.scalar(word, pa.string()), codes.size)
    return pa.array(words, pa.string()).take(pa.array(codes, mask=codes < 0))

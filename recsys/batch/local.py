"""The local engine: parts one after another, each on all threads of the search.

An engine is a callable that is given a plan and numbers of parts to do, which come as it asks for
them. It writes those parts to the plan's store and yields what it finished, in any order. It never
touches manifest, records or claims: committing is the runner's work.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from recsys.batch.manifest import File, Part, part_name
from recsys.batch.memory import GROUP_ROWS
from recsys.batch.plan import JobPlan
from recsys.batch.replies import replies_schema
from recsys.lists import Lists
from recsys.storage import sha256_file

Engine: TypeAlias = Callable[[JobPlan, Iterable[int]], Iterator[Part]]


def run_local(plan: JobPlan, numbers: Iterable[int]) -> Iterator[Part]:
    """Write the parts `numbers` of `plan`, in order."""
    for number in numbers:
        yield write_part(plan, number)


def write_part(plan: JobPlan, number: int) -> Part:
    """Compute one part and put its files: lists last, so that with them the part is whole.

    Parameters
    ----------
    plan : JobPlan
        The job.
    number : int
        Which part, from 0.

    Returns
    -------
    Part

    Raises
    ------
    StorageError
        The disk or the store refuses; nothing is left under the lists' name.
    """
    first = number * plan.part_users
    last = min(first + plan.part_users, len(plan.users.rows))
    name = part_name(number)
    rows = 0
    short: list[pa.Table] = []
    texts: list[pa.Table] = []
    beside: list[File] = []
    with plan.store.staged(name) as path:
        with pq.ParquetWriter(path, output_schema(plan), compression="zstd") as writer:
            groups = _Groups(writer)
            for lists in _blocks(plan, first, last):
                rows += lists.table.num_rows
                groups.add(lists.table.cast(output_schema(plan)))
                short.append(lists.short)
                if plan.writer is not None:
                    texts.append(plan.writer(lists).cast(replies_schema(plan.recommender)))
            groups.end()
        lists_file = File(name, path.stat().st_size, sha256_file(path))
        missing = pa.concat_tables(short)
        if missing.num_rows:
            beside.append(_put(plan, f"_short-{number:05d}.parquet", missing))
        if texts:
            beside.append(_put(plan, f"_replies-{number:05d}.parquet", pa.concat_tables(texts)))
    return Part(number, first, last - first, rows, missing.num_rows, (lists_file, *beside))


def output_schema(plan: JobPlan) -> pa.Schema:
    """Return the columns of a part's lists.

    Ids in the types of the input, rank from 1, score, where the item's factors come from (source),
    and why the user's list is short (reason; null where it is full).
    """
    return pa.schema(
        [
            pa.field("user_id", plan.recommender.users.ids.type, nullable=False),
            pa.field("item_id", plan.recommender.items.ids.type, nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("score", pa.float32(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("reason", pa.string()),
        ]
    )


def _blocks(plan: JobPlan, first: int, last: int) -> Iterator[Lists]:
    """Yield the lists of users [first, last), block by block."""
    inner = plan.borders[(plan.borders > first) & (plan.borders < last)]
    borders = [first, *inner.tolist(), last]
    for start, stop in itertools.pairwise(borders):
        rows = plan.users.rows[start:stop]
        yield plan.recommender.lists(rows, plan.n, plan.exclude_seen, plan.rules)


def _put(plan: JobPlan, name: str, table: pa.Table) -> File:
    with plan.store.staged(name) as path:
        pq.write_table(table, path, compression="zstd", row_group_size=GROUP_ROWS)
        return File(name, path.stat().st_size, sha256_file(path))


class _Groups:
    """Writes rows as they come in row groups of one size."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Take rows; write the groups that they fill."""
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows < GROUP_ROWS:
            return
        rows = pa.concat_tables(self._waiting)
        full = self._rows // GROUP_ROWS * GROUP_ROWS
        self._writer.write_table(rows.slice(0, full), row_group_size=GROUP_ROWS)
        self._waiting = [rows.slice(full)]
        self._rows -= full

    def end(self) -> None:
        """Write what is left."""
        if self._rows:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=GROUP_ROWS)

"""The local engine: parts one after another, each on all threads of the search.

An engine is a callable that is given a plan and the numbers of the parts to do, writes those parts
into the plan's folder and yields what it finished, in any order. It never touches the manifest:
committing is the runner's work.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.batch.manifest import Part, part_name
from recsys.batch.plan import JobPlan
from recsys.storage import atomic_write, sha256_file

Engine: TypeAlias = Callable[[JobPlan, Sequence[int]], Iterator[Part]]


def run_local(plan: JobPlan, numbers: Sequence[int]) -> Iterator[Part]:
    """Write the parts `numbers` of `plan`, in order."""
    for number in numbers:
        yield write_part(plan, number)


def write_part(plan: JobPlan, number: int) -> Part:
    """Compute one part and rename it into place.

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
        The disk refuses; nothing is left under the part's name.
    """
    first = number * plan.part_users
    last = min(first + plan.part_users, len(plan.users.rows))
    path = plan.out / part_name(number)
    rows = full = 0
    with atomic_write(path) as temporary:
        with pq.ParquetWriter(temporary, output_schema(plan), compression="zstd") as writer:
            for table in _tables(plan, first, last):
                rows += table.num_rows
                full += int(np.count_nonzero(table.column("rank").to_numpy() == plan.n))
                writer.write_table(table)
        size, checksum = temporary.stat().st_size, sha256_file(temporary)
    users = last - first
    return Part(number, first, users, rows, users - full, size, checksum)


def output_schema(plan: JobPlan) -> pa.Schema:
    """Return the columns of a part: ids in the types of the input, rank from 1, score."""
    return pa.schema(
        [
            pa.field("user_id", plan.recommender.users.ids.type, nullable=False),
            pa.field("item_id", plan.recommender.items.ids.type, nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("score", pa.float32(), nullable=False),
        ]
    )


def _tables(plan: JobPlan, first: int, last: int) -> Iterator[pa.Table]:
    """Yield the recommendations of users [first, last), block by block."""
    schema = output_schema(plan)
    inner = plan.borders[(plan.borders > first) & (plan.borders < last)]
    borders = [first, *inner.tolist(), last]
    for start, stop in itertools.pairwise(borders):
        users = plan.recommender.users.take(plan.users.rows[start:stop])
        table = plan.recommender.recommend(users, plan.n, plan.exclude_seen, plan.rules)
        yield table.select(schema.names).cast(schema)

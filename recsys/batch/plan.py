"""What a job will do, told before it does it."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recsys.batch.manifest import Manifest, check_output
from recsys.batch.memory import (
    DEFAULT_LIMIT,
    cut_blocks,
    fixed_bytes,
    format_bytes,
    largest_block,
    model_bytes,
    user_bytes,
)
from recsys.batch.replies import ReplyWriter
from recsys.batch.selection import Selection, select_users
from recsys.batch.store import Store, open_store
from recsys.errors import InvalidInputError
from recsys.retrieval.base import check_count
from recsys.retrieval.exact import PRESELECT_FROM
from recsys.rules import Prepared, Rule, prepare
from recsys.rules.sources import Policy

if TYPE_CHECKING:
    from recsys.recommender import Recommender

# Parts by default: about this many, none so small that its file is mostly footer, none so large
# that a crash costs long work. The borders must not depend on memory or threads.
_PARTS = 64
_FEWEST_PART_USERS = 512
_MOST_PART_USERS = 65_536
_PROBE_USERS = 256
_PROBE_REPLIES = 4
# A language model takes a second or so for each.
_REPLIES_OF_A_PART = 64
# Seen on MovieLens 1M with integer ids, zstd.
_BYTES_PER_ROW = 6


@dataclass(frozen=True)
class JobPlan:
    """A job that is ready to run: see :func:`plan_job`.

    Attributes
    ----------
    recommender : Recommender
        The model.
    store : Store
        Where the output goes.
    users : Selection
        Whom it serves.
    n : int
        Items for each user.
    exclude_seen : bool
        Whether what a user has is left out.
    rules : Prepared
        Applied inside the search.
    manifest : Manifest
        The job's identity, without parts.
    borders : ndarray of int64
        Borders of the blocks of users that are worked on together.
    model_bytes, work_bytes, memory : int
        Bytes of the model (mapped), of the work space at its peak, and the limit for the latter.
    estimated_bytes : int
        Of all parts, roughly.
    estimated_seconds : float
        Extrapolated from a probe of a few users.
    writer : callable, optional
        Writes a text for each user who has a list.
    """

    recommender: Recommender
    store: Store
    users: Selection
    n: int
    exclude_seen: bool
    rules: Prepared
    manifest: Manifest
    borders: NDArray[np.int64]
    model_bytes: int
    work_bytes: int
    memory: int
    estimated_bytes: int
    estimated_seconds: float
    writer: ReplyWriter | None = None

    @property
    def parts(self) -> int:
        """Number of parts."""
        return self.manifest.part_count

    @property
    def part_users(self) -> int:
        """Users of a full part."""
        return self.manifest.part_users

    @property
    def report(self) -> dict[str, Any]:
        """What was left out, as values that JSON can hold; empty where nothing was."""
        users = {"users": self.users.report} if self.users.report else {}
        rules = {name: found for name, found in self.rules.report.items() if found}
        return {**users, **({"rules": rules} if rules else {})}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the caller should know."""
        return (*self.users.notes, *self.rules.notes)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as values that JSON can hold."""
        return {
            "out": self.store.uri,
            "users": len(self.users.rows),
            "n": self.n,
            "exclude_seen": self.exclude_seen,
            "rules": self.rules.count,
            "job": self.manifest.job,
            "parts": self.parts,
            "part_users": self.part_users,
            "block_users": int(np.diff(self.borders).max(initial=0)),
            "model_bytes": self.model_bytes,
            "work_bytes": self.work_bytes,
            "memory_limit": self.memory,
            "estimated_bytes": self.estimated_bytes,
            "estimated_seconds": round(self.estimated_seconds, 3),
            "notes": list(self.notes),
            "report": self.report,
        }

    def describe(self) -> str:
        """Return the plan in a few lines for people."""
        about = self.to_dict()
        seen = "seen items left out" if self.exclude_seen else "seen items allowed"
        lines = [
            f"{self.users.source}: {about['users']:,}, {self.n} items for each, {seen}, "
            f"{self.rules.count} rules, {self.recommender.index.kind} index",
            f"writes {self.parts:,} parts of up to {self.part_users:,} users to {self.store.uri}, "
            f"about {format_bytes(self.estimated_bytes)}",
            f"memory: {format_bytes(self.work_bytes)} of work space (limit "
            f"{format_bytes(self.memory)}), in blocks of up to {about['block_users']:,} users, "
            f"beside the model's {format_bytes(self.model_bytes)}",
            f"time: about {self.estimated_seconds:,.1f} s, by a probe",
        ]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def plan_job(
    recommender: Recommender,
    out: str | os.PathLike[str],
    *,
    users: str | os.PathLike[str] | Sequence[Any] = "all",
    n: int = 20,
    exclude_seen: bool = True,
    rules: Sequence[Rule] | Prepared = (),
    since: str | int | dt.datetime | None = None,
    unknown: Policy = "stop",
    writer: ReplyWriter | None = None,
    writer_key: str = "",
    part_users: int | None = None,
    memory: int | None = None,
    resume: bool = False,
) -> JobPlan:
    """Check everything that can be checked before the work, and say what it will take.

    Nothing is written.

    Parameters
    ----------
    recommender : Recommender
        Saved or loaded, so that it has a fingerprint.
    out : path-like or URI
        Folder for the parts, made by the run, or ``s3://`` or ``gs://`` and a prefix: see
        :func:`recsys.batch.store.open_store`. It must be missing, empty, or hold this very job.
    users : "all", path or sequence of ids
        Whom to serve. A Parquet or CSV file needs a column ``user_id`` (or one column).
    n : int
        Items for each user, at least 1; fewer rows come where fewer items remain.
    exclude_seen : bool
        Leave out what a user has interacted with.
    rules : sequence of Rule
        See :mod:`recsys.rules`; they are prepared once for the job.
    since : int, datetime or str, optional
        Only users with an interaction at this time or later: see
        :func:`recsys.batch.selection.select_users`.
    unknown : {"stop", "report"}
        What to do about ids, in `users` and `rules`, that the model does not know: raise, or leave
        them out and list them in the report.
    writer : callable, optional
        Writes a text for each user who has a list: see :mod:`recsys.batch.replies`. A language
        model need not write the same text twice, so a part whose files were lost may get others.
    writer_key : str
        What `writer` is: jobs that differ in it are other jobs.
    part_users : int, optional
        Users in a part; by default about 64 parts of 512 to 65,536 users, with `writer` at most
        64. Work that is lost by a crash is at most one part.
    memory : int, optional
        Limit in bytes for the work space beside program and model; 512 MiB by default.
    resume : bool
        Accept a folder that holds this job already.

    Returns
    -------
    JobPlan

    Raises
    ------
    InvalidInputError
        A parameter is out of range, or the recommender was never saved.
    UnknownIdError
        Users, or items of a rule, that the model does not know.
    CapacityError
        The memory limit is too small for a single user.
    JobConflictError
        The folder holds something else, or this job while `resume` is false.
    """
    n = check_count(n)
    if not recommender.fingerprint:
        raise InvalidInputError(
            "the recommender has no fingerprint, by which a job is known; save it first"
        )
    selection = select_users(recommender, users, since=since, unknown=unknown)
    prepared = prepare(rules, recommender, unknown=unknown)
    count = len(selection.rows)
    size = check_count(part_users, "part_users") if part_users is not None else _part_users(count)
    if writer is not None and part_users is None:
        size = min(size, _REPLIES_OF_A_PART)
    limit = check_count(memory, "memory") if memory is not None else DEFAULT_LIMIT
    manifest = Manifest(
        job={
            "model": recommender.fingerprint,
            "users": selection.sha256,
            "n": n,
            "exclude_seen": bool(exclude_seen),
            "rules": prepared.sha256,
            **({"replies": writer_key} if writer is not None else {}),
        },
        about={"users": count, "source": selection.source, "rules": prepared.count},
        part_users=size,
        part_count=-(-count // size),
    )
    store = open_store(out)
    check_output(store, manifest, resume)
    costs = user_bytes(recommender, selection.rows, n, exclude_seen)
    costs += prepared.row_bytes(selection.rows, n)
    fixed = fixed_bytes(recommender, n) + prepared.bytes + prepared.work_bytes
    borders = cut_blocks(costs, limit - fixed, size)
    listed = min(n, len(recommender.items))
    return JobPlan(
        recommender=recommender,
        store=store,
        users=selection,
        n=n,
        exclude_seen=bool(exclude_seen),
        rules=prepared,
        manifest=manifest,
        borders=borders,
        model_bytes=model_bytes(recommender),
        work_bytes=fixed + largest_block(costs, borders),
        memory=limit,
        estimated_bytes=count * listed * _BYTES_PER_ROW,
        estimated_seconds=_probe(
            recommender, selection.rows, borders, n, exclude_seen, prepared, writer
        ),
        writer=writer,
    )


def _part_users(count: int) -> int:
    return min(max(-(-count // _PARTS), _FEWEST_PART_USERS), _MOST_PART_USERS)


def _probe(
    recommender: Recommender,
    rows: NDArray[np.int64],
    borders: NDArray[np.int64],
    n: int,
    exclude_seen: bool,
    rules: Prepared,
    writer: ReplyWriter | None,
) -> float:
    """Seconds for all users, from a few spread over them; the first round only warms up."""
    if len(rows) == 0:
        return 0.0
    # No more at once than a block may hold: the probe keeps the limit too.
    most = min(_PROBE_USERS, int(np.diff(borders).min()))
    chosen = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]
    for some in (chosen[:PRESELECT_FROM], chosen):  # the index gets ready in the first round
        begin = time.perf_counter()
        lists = recommender.lists(some, n, exclude_seen, rules)
        pq.write_table(lists.table, pa.BufferOutputStream(), compression="zstd")
        seconds = time.perf_counter() - begin
    seconds *= len(rows) / len(chosen)
    if writer is not None:
        few = recommender.lists(chosen[:_PROBE_REPLIES], n, exclude_seen, rules)
        begin = time.perf_counter()
        written = writer(few).num_rows
        seconds += (time.perf_counter() - begin) * len(rows) / max(1, written)
    return seconds

"""Running a plan: verify what is there, do what is missing, commit part by part."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from recsys.batch.claims import Claims
from recsys.batch.local import Engine, run_local
from recsys.batch.manifest import (
    CLAIMS,
    RECORDS,
    Manifest,
    check_output,
    read_records,
    record_name,
    sweep,
    whole_parts,
    write_record,
)
from recsys.batch.plan import JobPlan
from recsys.batch.store import Store

#: Called after each part with parts done, parts in all, users per second of this run.
Progress: TypeAlias = Callable[[int, int, float], None]


@dataclass(frozen=True)
class JobResult:
    """What a run did.

    Attributes
    ----------
    out : str
        Output folder.
    users, rows : int
        Of the whole job.
    parts, parts_done, parts_kept, parts_of_others : int
        All parts; those of this run; those found whole; those that others did meanwhile.
    short_users : int
        Users with fewer than n items.
    seconds, users_per_second : float
        Of this run.
    notes : tuple of str
        What the caller should know.
    """

    out: str
    users: int
    rows: int
    parts: int
    parts_done: int
    parts_kept: int
    parts_of_others: int
    short_users: int
    seconds: float
    users_per_second: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as values that JSON can hold."""
        return {**asdict(self), "notes": list(self.notes)}

    def describe(self) -> str:
        """Return the result in a few lines for people."""
        lines = [
            f"{self.rows:,} rows for {self.users:,} users in {self.parts:,} parts "
            f"({self.parts_done:,} written now, {self.parts_kept:,} kept"
            + (f", {self.parts_of_others:,} by others" if self.parts_of_others else "")
            + f") in {self.out}"
        ]
        if self.parts_done:
            lines.append(f"{self.seconds:.2f} s, {self.users_per_second:,.0f} users/s")
        if self.short_users:
            lines.append(f"{self.short_users:,} users got fewer items; _short-*.parquet tell why")
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def run_job(
    plan: JobPlan,
    resume: bool = False,
    progress: Progress | None = None,
    *,
    engine: Engine = run_local,
) -> JobResult:
    """Do what `plan` says, alone or together with other processes that run the same plan.

    A part is written whole or not at all, then its record, and when all records are there the
    manifest, whose state says "complete". A run that dies leaves whole parts and perhaps temporary
    files, which the next run sweeps; others who are at work take over what it had begun.

    Parameters
    ----------
    plan : JobPlan
        From :func:`recsys.batch.plan_job`.
    resume : bool
        Continue, or join those at work: parts that are there are verified by checksum and kept,
        the others are done.
    progress : callable, optional
        Told after each part: parts done, parts in all, users per second of this run.
    engine : callable
        Computes the parts; the local one by default.

    Returns
    -------
    JobResult

    Raises
    ------
    JobConflictError
        The folder holds something else, or this job while `resume` is false.
    StorageError
        The disk or the store refuses; finished parts stay valid.
    """
    begin = time.perf_counter()
    store = plan.store
    check_output(store, plan.manifest, resume)  # before a folder is made or a claim laid
    store.make()
    claims = store.claims(CLAIMS)
    try:
        with store.door():
            manifest, kept, notes = _enter(plan, claims, resume)
        # Where there are no locks, another job may have begun in the same moment.
        check_output(store, plan.manifest, resume=True)
        done = _Work(plan, manifest, claims, progress).run(engine)
        _complete(store, manifest)
    finally:
        claims.close()
    seconds = time.perf_counter() - begin
    parts = manifest.parts.values()
    return JobResult(
        out=store.uri,
        users=len(plan.users.rows),
        rows=sum(part.rows for part in parts),
        parts=plan.parts,
        parts_done=len(done),
        parts_kept=kept,
        parts_of_others=plan.parts - kept - len(done),
        short_users=sum(part.short for part in parts),
        seconds=seconds,
        users_per_second=sum(manifest.parts[number].users for number in done) / seconds,
        notes=(*plan.notes, *notes),
    )


def _enter(plan: JobPlan, claims: Claims, resume: bool) -> tuple[Manifest, int, list[str]]:
    """Look at what is there; return the job with its whole parts, their number, and notes."""
    store = plan.store
    found = check_output(store, plan.manifest, resume)
    notes = []
    if claims.alone():
        swept = sweep(store)
        if swept:
            notes.append(f"temporary files of a killed run were removed: {swept}")
    else:
        notes.append("other processes are at work on this job; it is shared with them")
    kept, damage = whole_parts(store, found) if found is not None else ({}, [])
    notes = damage + notes
    manifest = replace(plan.manifest, parts=dict(kept))
    if found is None or (found.committed and not manifest.complete):
        # Whole parts of a job that was complete have no records any more.
        for part in kept.values():
            write_record(store, part)
        _begin(plan, manifest)
    if found is not None:
        for number in found.parts.keys() - kept.keys():
            store.remove(record_name(number))
    return manifest, len(kept), notes


def _begin(plan: JobPlan, manifest: Manifest) -> None:
    """Say which job it is, and what was left out of it."""
    if plan.report:
        text = json.dumps(plan.report, indent=2, ensure_ascii=False, default=str)
        plan.store.write(REPORT, (text + "\n").encode())
    if plan.parts:
        replace(manifest, parts={}).write(plan.store)


def _complete(store: Store, manifest: Manifest) -> None:
    """Write the manifest for good, and remove what only a running job needs."""
    found = Manifest.read(store)
    if found is None or not found.committed:
        manifest.write(store)
    for name in store.names(RECORDS):
        store.remove(f"{RECORDS}/{name}")
    store.remove_folder(RECORDS)


class _Work:
    """Does the missing parts, each by whoever claims it first."""

    def __init__(
        self, plan: JobPlan, manifest: Manifest, claims: Claims, progress: Progress | None
    ) -> None:
        self._plan = plan
        self._manifest = manifest
        self._claims = claims
        self._progress = progress
        self._done: list[int] = []

    def run(self, engine: Engine) -> list[int]:
        """Return the parts that this process did, when all parts are there."""
        begin = time.perf_counter()
        users = 0
        while not self._manifest.complete:
            before = len(self._manifest.parts)
            for part in engine(self._plan, self._claimed()):
                write_record(self._plan.store, part)
                self._manifest.parts[part.number] = part
                self._claims.release(part.number)
                self._done.append(part.number)
                users += part.users
                self._tell(users / (time.perf_counter() - begin))
            self._look()
            if not self._manifest.complete and len(self._manifest.parts) == before:
                time.sleep(_WAIT)  # the rest is being done by others, or one of them has died
        return self._done

    def _claimed(self) -> Iterator[int]:
        """Claim missing parts as they are asked for."""
        size = self._claims.at_a_time
        missing = self._missing()
        for start in range(0, len(missing), size):
            taken = self._claims.take(missing[start : start + size])
            if len(taken) < size:  # others are at work: see what they have finished meanwhile
                self._look()
            for number in taken:
                if number in self._manifest.parts or self._recorded(number):
                    self._claims.release(number)
                else:
                    yield number

    def _missing(self) -> list[int]:
        parts = range(self._plan.parts)
        return [number for number in parts if number not in self._manifest.parts]

    def _recorded(self, number: int) -> bool:
        """Whether somebody finished the part before this process claimed it."""
        store = self._plan.store
        # In this order: whoever completes a job writes its manifest, then removes its records.
        if store.read(record_name(number)) is None:
            found = Manifest.read(store)
            if found is None or not found.committed:
                return False
        self._look()
        return number in self._manifest.parts

    def _look(self) -> None:
        """See what others have finished."""
        before = len(self._manifest.parts)
        read_records(self._plan.store, self._manifest)
        if not self._manifest.complete:
            found = Manifest.read(self._plan.store)
            if found is not None and found.committed:  # whoever was last has removed the records
                self._manifest.parts = found.parts
        if len(self._manifest.parts) > before:
            self._tell(0.0)

    def _tell(self, rate: float) -> None:
        if self._progress is not None:
            self._progress(len(self._manifest.parts), self._plan.parts, rate)


#: Where ids and contradictions are listed that were left out of a job.
REPORT = "_report.json"
#: Seconds between looks at what others do.
_WAIT = 0.2

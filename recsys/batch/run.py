"""Running a plan: lock, verify what is there, do what is missing, commit part by part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from recsys.batch.local import Engine, run_local
from recsys.batch.manifest import Manifest, check_folder, sweep, whole_parts
from recsys.batch.plan import JobPlan
from recsys.lock import folder_lock
from recsys.storage import make_folder

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
    parts, parts_done, parts_kept : int
        All parts; those of this run; those found whole.
    short_users : int
        Users with fewer than n items, because no more remained for them.
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
            f"({self.parts_done:,} written now, {self.parts_kept:,} kept) in {self.out}"
        ]
        if self.parts_done:
            lines.append(f"{self.seconds:.2f} s, {self.users_per_second:,.0f} users/s")
        if self.short_users:
            lines.append(f"{self.short_users:,} users got fewer items, as no more remain for them")
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def run_job(
    plan: JobPlan,
    resume: bool = False,
    progress: Progress | None = None,
    *,
    engine: Engine = run_local,
) -> JobResult:
    """Do what `plan` says.

    A part is written beside its name, flushed and renamed, then the manifest is replaced the same
    way; the job is complete when the manifest's state says so. A run that dies leaves whole parts
    and perhaps a temporary file, which the next run sweeps.

    Parameters
    ----------
    plan : JobPlan
        From :func:`recsys.batch.plan_job`.
    resume : bool
        Continue: parts in the folder are verified by checksum and kept, the others are done.
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
        The folder holds something else, this job while `resume` is false, or another process
        is at work in it.
    StorageError
        The disk refuses; finished parts stay valid.
    """
    begin = time.perf_counter()
    check_folder(plan.out, plan.manifest, resume)  # before a folder is made or a lock taken
    make_folder(plan.out)
    with folder_lock(plan.out):
        found = check_folder(plan.out, plan.manifest, resume)
        swept = sweep(plan.out)
        kept, notes = whole_parts(plan.out, found) if found is not None else ({}, [])
        if swept:
            notes.append(f"temporary files of a killed run were removed: {swept}")
        manifest = Manifest(
            plan.manifest.job,
            plan.manifest.about,
            plan.part_users,
            plan.parts,
            dict(kept),
        )
        if found is None or len(kept) < len(found.parts):
            manifest.write(plan.out)
        done_users = _commit_all(plan, manifest, engine, progress)
    seconds = time.perf_counter() - begin
    parts = manifest.parts.values()
    return JobResult(
        out=str(plan.out),
        users=len(plan.users.rows),
        rows=sum(part.rows for part in parts),
        parts=plan.parts,
        parts_done=plan.parts - len(kept),
        parts_kept=len(kept),
        short_users=sum(part.short for part in parts),
        seconds=seconds,
        users_per_second=done_users / seconds,
        notes=(*plan.notes, *notes),
    )


def _commit_all(
    plan: JobPlan, manifest: Manifest, engine: Engine, progress: Progress | None
) -> int:
    """Do the missing parts, committing each; return how many users they served."""
    missing = [number for number in range(plan.parts) if number not in manifest.parts]
    begin = time.perf_counter()
    users = 0
    for part in engine(plan, missing):
        manifest.parts[part.number] = part
        manifest.write(plan.out)
        users += part.users
        if progress is not None:
            progress(len(manifest.parts), plan.parts, users / (time.perf_counter() - begin))
    return users

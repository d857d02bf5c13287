"""The manifest of an output folder: which job it holds, and which parts are whole.

While a job runs each finished part has a record of its own in ``_parts``, so that processes that
share the work never write the same file. Whoever finds all of them there writes the manifest for
good, with every part in it, and removes the records.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from recsys.batch.store import FolderStore, Store
from recsys.errors import JobConflictError, ModelFormatError

NAME = "manifest.json"
KIND = "alsatian-recommendations"
VERSION = 2
RECORDS = "_parts"
CLAIMS = "_claims"

_PART = re.compile(r"part-(\d{5,})\.parquet")
_LEFTOVER = re.compile(r".+\.\d+-[0-9a-f]{8}\.tmp")


@dataclass(frozen=True)
class File:
    """A file of a part.

    Attributes
    ----------
    name : str
        Within the output.
    bytes : int
        Its size.
    sha256 : str
        Its checksum.
    """

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """One finished part.

    Attributes
    ----------
    number : int
        From 0.
    first, users : int
        Position of its first user in the job's order, and how many.
    rows : int
        Rows of its lists.
    short : int
        Users with fewer than n items.
    files : tuple of File
        Its lists first, then what comes beside them.
    """

    number: int
    first: int
    users: int
    rows: int
    short: int
    files: tuple[File, ...]

    @property
    def name(self) -> str:
        """File name of its lists."""
        return part_name(self.number)

    @staticmethod
    def of(value: Any) -> Part:
        """Read what :func:`dataclasses.asdict` made.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is something else.
        """
        files = tuple(
            File(str(file["name"]), int(file["bytes"]), str(file["sha256"]))
            for file in value["files"]
        )
        number, first, users, rows, short = (
            int(value[name]) for name in ("number", "first", "users", "rows", "short")
        )
        part = Part(number, first, users, rows, short, files)
        if not files or files[0].name != part.name:
            raise ValueError(f"part {part.number} has no lists")
        return part


@dataclass
class Manifest:
    """What an output folder holds.

    Attributes
    ----------
    job : dict
        What makes two jobs the same: model, users, n, exclude_seen, rules.
    about : dict
        For people: numbers of users, items, rules.
    part_users : int
        Users of a full part.
    part_count : int
        Parts of the whole job.
    parts : dict of int to Part
        Finished parts by number.
    committed : bool
        Whether the manifest says that the job is complete.
    """

    job: dict[str, Any]
    about: dict[str, Any]
    part_users: int
    part_count: int
    parts: dict[int, Part] = field(default_factory=dict)
    committed: bool = False

    @property
    def complete(self) -> bool:
        """Whether every part is finished."""
        return len(self.parts) == self.part_count

    def write(self, store: Store) -> None:
        """Write the manifest; its parts only when there are all of them.

        Raises
        ------
        StorageError
            The disk or the store refuses.
        """
        value = {
            "kind": KIND,
            "version": VERSION,
            "state": "complete" if self.complete else "running",
            "job": self.job,
            "about": self.about,
            "part_users": self.part_users,
            "part_count": self.part_count,
            "rows": sum(part.rows for part in self.parts.values()) if self.complete else None,
            "parts": [asdict(part) for _, part in sorted(self.parts.items())]
            if self.complete
            else [],
        }
        store.write(NAME, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())

    @staticmethod
    def read(where: Store | Any) -> Manifest | None:
        """Read the manifest of an output and the records of its parts; None where there is none.

        Parameters
        ----------
        where : Store or path-like
            The output.

        Raises
        ------
        JobConflictError
            The manifest is damaged, or of something that is no batch job.
        ModelFormatError
            Another release wrote it.
        """
        store = where if isinstance(where, Store) else FolderStore(where)
        content = store.read(NAME)
        if content is None:
            return None
        mend = "give another folder, or remove this one to begin anew"
        try:
            value = json.loads(content)
            kind, version = value.get("kind"), value.get("version")
        except (ValueError, AttributeError) as error:
            raise JobConflictError(f"{store.uri}/{NAME} is damaged; {mend}") from error
        if kind != KIND:
            raise JobConflictError(
                f"{store.uri} holds a {kind!r}, not a batch job; give another folder"
            )
        if version != VERSION:
            newer = not isinstance(version, int) or version > VERSION
            advice = "upgrade alsatian" if newer else mend
            raise ModelFormatError(
                f"{store.uri}/{NAME} is of version {version!r}, this release works on {VERSION}; "
                f"{advice}"
            )
        try:
            manifest = Manifest(
                dict(value["job"]),
                dict(value["about"]),
                int(value["part_users"]),
                int(value["part_count"]),
                {part.number: part for part in map(Part.of, value["parts"])},
                value["state"] == "complete",
            )
        except (KeyError, TypeError, ValueError) as error:
            raise JobConflictError(
                f"{store.uri}/{NAME} is damaged ({type(error).__name__}: {error}); {mend}"
            ) from error
        if not manifest.committed:
            read_records(store, manifest)
        return manifest


def record_name(number: int) -> str:
    """Return the name of the record of part `number`."""
    return f"{RECORDS}/{number:05d}.json"


def write_record(store: Store, part: Part) -> None:
    """Say that a part is finished."""
    store.write(record_name(part.number), (json.dumps(asdict(part)) + "\n").encode())


def read_records(store: Store, manifest: Manifest) -> None:
    """Add to `manifest` the parts whose records have come; a damaged record is none."""
    for name in store.names(RECORDS):
        stem, _, ending = name.partition(".")
        if ending != "json" or not stem.isdigit() or int(stem) in manifest.parts:
            continue
        content = store.read(f"{RECORDS}/{name}")
        try:
            part = Part.of(json.loads(content or b""))
        except (KeyError, TypeError, ValueError):
            continue
        if part.number == int(stem) < manifest.part_count:
            manifest.parts[part.number] = part


def part_name(number: int) -> str:
    """Return the file name of part `number`."""
    return f"part-{number:05d}.parquet"


def check_output(store: Store, wanted: Manifest, resume: bool) -> Manifest | None:
    """Judge whether the job `wanted` may go on in an output.

    Parameters
    ----------
    store : Store
        May be missing.
    wanted : Manifest
        The job about to run.
    resume : bool
        Whether the caller means to continue.

    Returns
    -------
    Manifest or None
        What the output holds of this very job; None for a fresh one.

    Raises
    ------
    JobConflictError
        Another job, foreign files, or the same job without `resume`.
    """
    if isinstance(store, FolderStore) and store.folder.exists() and not store.folder.is_dir():
        raise JobConflictError(f"{store.uri} is a file; give a folder to write the parts into")
    found = Manifest.read(store)
    _refuse_foreign(store, found)
    if found is None:
        return None
    _refuse_other(store, found, wanted)
    if not resume:
        state = (
            "complete; give another folder, or check it with --resume"
            if found.committed
            else f"unfinished ({len(found.parts)} of {found.part_count} parts); continue it, or "
            "join those who do, with --resume"
        )
        raise JobConflictError(f"{store.uri} already holds this job, {state}")
    return found


def _refuse_foreign(store: Store, found: Manifest | None) -> None:
    for name in sorted(store.names()):
        # Readers of Parquet folders pass over such names; so does this check.
        if name.startswith((".", "_")) or _LEFTOVER.fullmatch(name):
            continue
        part = _PART.fullmatch(name)
        numbered = part is not None and found is not None and int(part[1]) < found.part_count
        if not numbered and (found is None or name != NAME):
            raise JobConflictError(
                f"{store.uri} holds {name!r}, which is not of this job; give an empty folder"
            )


def _refuse_other(store: Store, found: Manifest, wanted: Manifest) -> None:
    names = sorted(found.job.keys() | wanted.job.keys())
    differing = [name for name in names if found.job.get(name) != wanted.job.get(name)]
    if found.part_users != wanted.part_users:
        differing.append(f"users of a part ({found.part_users}, not {wanted.part_users})")
    if differing:
        raise JobConflictError(
            f"{store.uri} holds another job (it differs in: {', '.join(differing)}); give another "
            "folder"
        )


def whole_parts(store: Store, manifest: Manifest) -> tuple[dict[int, Part], list[str]]:
    """Return the listed parts that are whole, by checksum, and a note for each file that is not."""
    sizes = store.names()
    whole: dict[int, Part] = {}
    notes = []
    for number, part in sorted(manifest.parts.items()):
        wrong = [note for file in part.files if (note := _damage(store, file, sizes))]
        if wrong:
            notes += wrong
        else:
            whole[number] = part
    return whole, notes


def _damage(store: Store, file: File, sizes: dict[str, int]) -> str | None:
    if file.name not in sizes:
        return f"{file.name} is missing and is written again"
    content = store.read(file.name) if sizes[file.name] == file.bytes else None
    if content is None or hashlib.sha256(content).hexdigest() != file.sha256:
        return f"{file.name} is damaged and is written again"
    return None


def sweep(store: Store) -> int:
    """Remove temporary files that killed runs left; return how many. Only for who is alone."""
    leftovers = [name for name in store.names() if _LEFTOVER.fullmatch(name)]
    leftovers += [f"{RECORDS}/{name}" for name in store.names(RECORDS) if _LEFTOVER.fullmatch(name)]
    for name in leftovers:
        store.remove(name)
    return len(leftovers)

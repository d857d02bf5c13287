"""The manifest of an output folder: which job it holds, and which parts are whole."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recsys.errors import InputNotFoundError, JobConflictError, ModelFormatError
from recsys.storage import read_json, sha256_file, write_json

NAME = "manifest.json"
KIND = "alsatian-recommendations"
VERSION = 1

_PART = re.compile(r"part-(\d{5,})\.parquet")
_LEFTOVER = re.compile(r"(part-\d{5,}\.parquet|manifest\.json)\.\d+-[0-9a-f]{8}\.tmp")


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
        Rows of the file.
    short : int
        Users with fewer than n items.
    bytes : int
        Size of the file.
    sha256 : str
        Checksum of the file.
    """

    number: int
    first: int
    users: int
    rows: int
    short: int
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """File name."""
        return part_name(self.number)


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
    """

    job: dict[str, Any]
    about: dict[str, Any]
    part_users: int
    part_count: int
    parts: dict[int, Part] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every part is finished."""
        return len(self.parts) == self.part_count

    def write(self, folder: Path) -> None:
        """Write the manifest, atomically.

        Raises
        ------
        StorageError
            The disk refuses.
        """
        parts = [{"file": part.name, **asdict(part)} for _, part in sorted(self.parts.items())]
        write_json(
            folder / NAME,
            {
                "kind": KIND,
                "version": VERSION,
                "state": "complete" if self.complete else "running",
                "job": self.job,
                "about": self.about,
                "part_users": self.part_users,
                "part_count": self.part_count,
                "parts": parts,
            },
        )

    @staticmethod
    def read(folder: Path) -> Manifest | None:
        """Read the manifest of `folder`; None where there is none.

        Raises
        ------
        JobConflictError
            The manifest is damaged, or of something that is no batch job.
        ModelFormatError
            A newer release wrote it.
        """
        try:
            value = read_json(folder / NAME, "job manifest")
        except InputNotFoundError:
            return None
        except ModelFormatError as error:
            raise JobConflictError(
                f"{folder / NAME} is damaged; give another folder, or remove this one to begin anew"
            ) from error
        if value.get("kind") != KIND:
            raise JobConflictError(
                f"{folder} holds a {value.get('kind')!r}, not a batch job; give another folder"
            )
        if not isinstance(value.get("version"), int) or value["version"] > VERSION:
            raise ModelFormatError(
                f"{folder / NAME} is of version {value.get('version')!r}, this release reads up to "
                f"{VERSION}; upgrade alsatian"
            )
        try:
            parts = [
                Part(**{name: entry[name] for name in Part.__dataclass_fields__})
                for entry in value["parts"]
            ]
            return Manifest(
                dict(value["job"]),
                dict(value["about"]),
                int(value["part_users"]),
                int(value["part_count"]),
                {part.number: part for part in parts},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise JobConflictError(
                f"{folder / NAME} is damaged ({type(error).__name__}: {error}); give another "
                "folder, or remove this one to begin anew"
            ) from error


def part_name(number: int) -> str:
    """Return the file name of part `number`."""
    return f"part-{number:05d}.parquet"


def check_folder(folder: Path, wanted: Manifest, resume: bool) -> Manifest | None:
    """Judge whether the job `wanted` may go on in `folder`.

    Parameters
    ----------
    folder : Path
        May be missing.
    wanted : Manifest
        The job about to run.
    resume : bool
        Whether the caller means to continue.

    Returns
    -------
    Manifest or None
        What the folder holds of this very job; None for a fresh folder.

    Raises
    ------
    JobConflictError
        Another job, foreign files, or the same job without `resume`.
    """
    if folder.exists() and not folder.is_dir():
        raise JobConflictError(f"{folder} is a file; give a folder to write the parts into")
    if not folder.is_dir():
        return None
    found = Manifest.read(folder)
    _refuse_foreign(folder, found)
    if found is None:
        return None
    _refuse_other(folder, found, wanted)
    if not resume:
        state = (
            "complete; give another folder, or check it with --resume"
            if found.complete
            else f"unfinished ({len(found.parts)} of {found.part_count} parts); continue it with "
            "--resume"
        )
        raise JobConflictError(f"{folder} already holds this job, {state}")
    return found


def _refuse_foreign(folder: Path, found: Manifest | None) -> None:
    for entry in sorted(folder.iterdir()):
        # Readers of Parquet folders pass over such names; so does this check.
        if entry.name.startswith((".", "_")) or _LEFTOVER.fullmatch(entry.name):
            continue
        part = _PART.fullmatch(entry.name)
        numbered = part is not None and found is not None and int(part[1]) < found.part_count
        if not numbered and (found is None or entry.name != NAME):
            raise JobConflictError(
                f"{folder} holds {entry.name!r}, which is not of this job; give an empty folder"
            )


def _refuse_other(folder: Path, found: Manifest, wanted: Manifest) -> None:
    names = sorted(found.job.keys() | wanted.job.keys())
    differing = [name for name in names if found.job.get(name) != wanted.job.get(name)]
    if found.part_users != wanted.part_users:
        differing.append(f"users of a part ({found.part_users}, not {wanted.part_users})")
    if differing:
        raise JobConflictError(
            f"{folder} holds another job (it differs in: {', '.join(differing)}); give another "
            "folder"
        )


def whole_parts(folder: Path, manifest: Manifest) -> tuple[dict[int, Part], list[str]]:
    """Return the listed parts that are whole, by checksum, and a note for each that is not."""
    whole: dict[int, Part] = {}
    notes = []
    for number, part in sorted(manifest.parts.items()):
        file = folder / part.name
        if not file.is_file():
            notes.append(f"{part.name} is missing and is written again")
        elif file.stat().st_size != part.bytes or sha256_file(file) != part.sha256:
            notes.append(f"{part.name} is damaged and is written again")
        else:
            whole[number] = part
    return whole, notes


def sweep(folder: Path) -> int:
    """Remove temporary files that a killed run left; return how many. Needs the folder's lock."""
    leftovers = [entry for entry in folder.iterdir() if _LEFTOVER.fullmatch(entry.name)]
    for entry in leftovers:
        entry.unlink(missing_ok=True)
    return len(leftovers)

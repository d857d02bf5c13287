"""The state of a training on disk, so that a killed one goes on as if nothing had happened.

One safetensors file in a folder: what the sweeps changed, how far they came, and what they were
made with. It is written beside its final name and renamed, so a process that dies while it writes
leaves the checkpoint before.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recsys.als.config import ALSConfig, whole_number
from recsys.als.factors import PARAMETERS, Factors
from recsys.als.randomness import aligned_empty
from recsys.als.training import SweepRecord, records_from
from recsys.errors import AlsatianError, InvalidInputError, JobConflictError, ModelFormatError
from recsys.lock import folder_lock
from recsys.storage import make_folder, read_tensors, write_tensors

FILE = "checkpoint.safetensors"
FORMAT = "alsatian-als-checkpoint"
VERSION = 1
_BEST = "best"  # prefix of the best state's tensors, where it is not the last one

#: Settings that a resumed training may change: they do not change what a sweep computes.
FREE = ("iterations", "num_threads", "calculate_training_loss")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """A training after one of its sweeps.

    Attributes
    ----------
    config : ALSConfig
        Settings.
    seed : int or None
        Seed of the initial factors, where it was a plain number.
    data : dict
        What :func:`fingerprint` says of the interactions.
    done : int
        Sweeps of this training that are done.
    stopped : bool
        Whether the callback ended it.
    history : list of SweepRecord
        The model's, up to here.
    best_sweep : int or None
        Which of them validation found best.
    best_score : float or None
        What it found there.
    since_best : int
        Validations since then.
    arrays : dict of str to ndarray
        What sweeps change, by name.
    best : dict of str to ndarray
        The same at the best sweep; empty where there is none, or where it is the last one.
    """

    config: ALSConfig
    seed: int | None
    data: dict[str, Any]
    done: int
    stopped: bool
    history: list[SweepRecord]
    best_sweep: int | None
    best_score: float | None
    since_best: int
    arrays: Mapping[str, Factors]
    best: Mapping[str, Factors]


_ARRAYS = ("arrays", "best")


class Checkpoints:
    """The folder that a training writes checkpoints into.

    Parameters
    ----------
    folder : path-like
        Made where it does not exist.
    every : int
        Sweeps from one checkpoint to the next, >= 1; the last sweep always writes one.
    resume : bool
        Whether a checkpoint that is there is gone on from; without it, it is refused.

    Raises
    ------
    InvalidInputError
        `every` is below 1.
    """

    def __init__(self, folder: str | os.PathLike[str], every: int, *, resume: bool) -> None:
        self.folder = Path(folder)
        self.file = self.folder / FILE
        self.every = whole_number("checkpoint_every", every, 1)
        self.resume = resume

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hold the folder while training runs.

        Raises
        ------
        JobConflictError
            It holds a checkpoint that is not to be resumed, or another process trains into it.
        StorageError
            The disk refuses.
        """
        make_folder(self.folder)
        if self.file.exists() and not self.resume:
            raise JobConflictError(
                f"{self.folder} holds a checkpoint of another training; go on from it with "
                "resume=True (--resume), or give another folder"
            )
        with folder_lock(self.folder):
            for left_over in self.folder.glob(f"{FILE}.*.tmp"):  # of a process that was killed
                left_over.unlink(missing_ok=True)
            yield

    def write(self, state: Checkpoint) -> None:
        """Put `state` in the place of the checkpoint before.

        Raises
        ------
        StorageError
            The disk refuses; the checkpoint before is still there.
        """
        tensors = {**state.arrays, **{f"{_BEST} {name}": best for name, best in state.best.items()}}
        about = {
            field.name: getattr(state, field.name)
            for field in fields(state)
            if field.name not in _ARRAYS
        }
        text = json.dumps(about | {"config": state.config.to_dict()}, sort_keys=True)
        metadata = {
            "format": FORMAT,
            "version": str(VERSION),
            "state": text,
            "sha256": _digest(text, tensors),
        }
        write_tensors(self.file, tensors, metadata)

    def read(self) -> Checkpoint | None:
        """Return the checkpoint, its arrays in memory; None where there is none.

        Raises
        ------
        ModelFormatError
            It is damaged, of another format, or of a newer version.
        """
        if not self.file.exists():
            return None
        try:
            tensors, metadata = read_tensors(self.file, mmap=True)
        except ModelFormatError as error:
            raise self._damaged("truncated, or no safetensors file") from error
        if metadata.get("format") != FORMAT:
            raise ModelFormatError(f"{self.file} is no checkpoint of ALS; give another folder")
        version = metadata.get("version", "")
        if not version.isdigit() or int(version) > VERSION:
            raise ModelFormatError(
                f"{self.file} is of format version {version!r}, this release reads up to "
                f"{VERSION}; upgrade alsatian"
            )
        text = metadata.get("state", "")
        if _digest(text, tensors) != metadata.get("sha256"):
            raise self._damaged("its SHA-256 differs from the header's")
        try:
            return _assembled(json.loads(text), tensors)
        except (KeyError, ValueError, TypeError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, reason: str) -> ModelFormatError:
        return ModelFormatError(
            f"{self.file} is damaged ({reason}); remove it and train from the start"
        )

    def check(
        self, found: Checkpoint, config: ALSConfig, seed: int | None, data: dict[str, Any]
    ) -> None:
        """Refuse a checkpoint that this training would not have come to.

        Raises
        ------
        InvalidInputError
            It was made with other settings, another seed, or on other data.
        """
        made, wanted = found.config.to_dict(), config.to_dict()
        for name in made:
            if name not in FREE and made[name] != wanted[name]:
                raise InvalidInputError(
                    f"{self.file} was made with {name}={made[name]!r}, this model has "
                    f"{wanted[name]!r}; use the same settings, or give another folder"
                )
        if None not in (found.seed, seed) and found.seed != seed:
            raise InvalidInputError(
                f"{self.file} was made with random_state={found.seed}, this model has {seed}; use "
                "the same seed, or give another folder"
            )
        if found.data != data:
            raise InvalidInputError(
                f"{self.file} was made on {_described(found.data)}, this matrix has "
                f"{_described(data)}; train on the same data, or give another folder"
            )
        if found.done > config.iterations:
            raise InvalidInputError(
                f"{self.file} is at sweep {found.done}, iterations is {config.iterations}; "
                "expected at least as many"
            )


def _assembled(about: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Checkpoint:
    about = about | {
        "config": ALSConfig.from_dict(about["config"]),
        "history": records_from(about["history"]),
    }
    dtype = about["config"].dtype
    arrays: dict[str, Factors] = {}
    best: dict[str, Factors] = {}
    for name, mapped in tensors.items():
        bare = name.removeprefix(f"{_BEST} ")
        if bare not in PARAMETERS or mapped.ndim != 2 or mapped.dtype != dtype:
            raise ValueError(f"it holds {name}, {mapped.dtype} of shape {mapped.shape}")
        taken = aligned_empty(mapped.shape[0], mapped.shape[1], dtype)
        np.copyto(taken, mapped)
        (arrays if bare == name else best)[bare] = taken
    if not arrays or (best and best.keys() != arrays.keys()):
        raise ValueError("it holds no whole state")
    return Checkpoint(**about, arrays=arrays, best=best)


def fingerprint(csr: csr_matrix) -> dict[str, Any]:
    """Tell interactions apart: shape, entries, and SHA-256 of every pointer, index and value.

    Parameters
    ----------
    csr : csr_matrix
        Canonical, of float32. Hashing takes about a second for each gigabyte.

    Examples
    --------
    >>> found = fingerprint(csr_matrix([[1, 0], [0, 2]], dtype=np.float32))
    >>> found["users"], found["items"], found["entries"], len(found["sha256"])
    (2, 2, 2, 64)
    """
    digest = hashlib.sha256()
    # The dtype of indices follows from their number, or from how the caller made them.
    for values, dtype in ((csr.indptr, np.int64), (csr.indices, np.int32), (csr.data, np.float32)):
        for begin in range(0, len(values), _CHUNK):
            digest.update(np.ascontiguousarray(values[begin : begin + _CHUNK], dtype).data)
    return {
        "users": int(csr.shape[0]),
        "items": int(csr.shape[1]),
        "entries": len(csr.data),
        "sha256": digest.hexdigest(),
    }


def _described(data: dict[str, Any]) -> str:
    try:
        return (
            f"{data['users']:,} users, {data['items']:,} items and {data['entries']:,} entries "
            f"(SHA-256 {data['sha256'][:8]})"
        )
    except (KeyError, TypeError, ValueError):
        return "something else"


def _digest(text: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].shape} {tensors[name].dtype}".encode())
        digest.update(np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def open_checkpoints(
    folder: str | os.PathLike[str] | None, every: int, *, resume: bool
) -> Checkpoints | None:
    """Check ``fit``'s arguments about checkpoints; None where there are to be none.

    Raises
    ------
    InvalidInputError
        `resume` without a folder, an argument of the wrong type or out of range.
    """
    if not isinstance(resume, bool):
        raise InvalidInputError(f"resume is {resume!r}, expected True or False")
    if folder is None:
        if resume:
            raise InvalidInputError(
                "resume is given without checkpoint, expected the folder to resume from"
            )
        return None
    try:
        return Checkpoints(folder, every, resume=resume)
    except TypeError as error:
        if isinstance(error, AlsatianError):
            raise
        raise InvalidInputError(
            f"checkpoint is a {type(folder).__name__}, expected the path of a folder"
        ) from error

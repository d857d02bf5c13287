"""A model in one file: factors as safetensors, everything else as its JSON header. Never pickle."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from recsys.als.border import Factors
from recsys.als.config import ALSConfig
from recsys.als.training import SweepRecord, records_from
from recsys.errors import ModelFormatError
from recsys.storage import atomic_write, existing_file

FORMAT = "alsatian-als"
VERSION = 2  # 1 knew neither biases nor EXTRAS; both are read
_SIDES = ("user_factors", "item_factors")
#: Arrays that a model may hold beside its factors.
EXTRAS = ("user_weights", "item_weights", "user_feature_factors", "item_feature_factors")


@dataclass(frozen=True)
class Saved:
    """What a model file holds.

    Attributes
    ----------
    config : ALSConfig
        Settings.
    seed : int or None
        Seed of the initial factors, where it was a plain number.
    user_factors, item_factors : ndarray
        Of the dtype of the settings, shapes (n_users, width) and (n_items, width).
    history : list of SweepRecord
        The sweeps that led to them; empty in files of releases that kept none.
    best_sweep : int or None
        Which of them validation found best.
    extras : dict
        Weights (float32, one number for each row) and maps from features (of the dtype of the
        settings, width columns), by their names in EXTRAS, where the model has them.
    popularity_scale : float
        What entries to the power of ``popularity_exponent`` are multiplied by.
    """

    config: ALSConfig
    seed: int | None
    user_factors: Factors
    item_factors: Factors
    history: list[SweepRecord]
    best_sweep: int | None
    extras: dict[str, NDArray[Any]] = field(default_factory=dict)
    popularity_scale: float = 1.0


def encode(saved: Saved) -> bytes:
    """Return the bytes of a model file."""
    tensors = {
        "user_factors": np.ascontiguousarray(saved.user_factors),
        "item_factors": np.ascontiguousarray(saved.item_factors),
    } | {name: np.ascontiguousarray(array) for name, array in saved.extras.items()}
    header = {
        "format": FORMAT,
        "version": str(VERSION),
        "config": json.dumps(saved.config.to_dict(), sort_keys=True),
        "random_state": json.dumps(saved.seed),
        "training": json.dumps({"history": saved.history, "best_sweep": saved.best_sweep}),
        "popularity_scale": json.dumps(saved.popularity_scale),
        "sha256": _digest(tensors),
    }
    return safetensors.numpy.save(tensors, metadata=header)


def write(target: str | os.PathLike[str] | IO[bytes], content: bytes) -> None:
    """Write a model file to a path (atomically) or to an open binary file."""
    if isinstance(target, str | os.PathLike):
        with atomic_write(target) as temporary:
            temporary.write_bytes(content)
    else:
        target.write(content)


def read(source: str | os.PathLike[str] | IO[bytes]) -> tuple[str, bytes]:
    """Return a name for errors and the bytes of a model file.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    """
    if isinstance(source, str | os.PathLike):
        file = existing_file(source, "model file")
        return str(file), file.read_bytes()
    return str(getattr(source, "name", "the model file")), source.read()


def decode(name: str, content: bytes) -> Saved:
    """Take a model file apart, checking that it is whole and of a version this release reads.

    Parameters
    ----------
    name : str
        What the file is called in errors.
    content : bytes
        All of it.

    Raises
    ------
    ModelFormatError
        Truncated, altered, of another format, or newer.
    """
    header = _header(name, content)
    if header.get("format") != FORMAT:
        raise ModelFormatError(f"{name} is not an ALS model of this project; give another file")
    version = header.get("version", "")
    if not version.isdigit() or int(version) > VERSION:
        raise ModelFormatError(
            f"{name} is of format version {version!r}, this release reads up to {VERSION}; "
            "upgrade alsatian"
        )
    try:
        tensors = safetensors.numpy.load(content)
        settings: dict[str, Any] = json.loads(header["config"])
        seed = json.loads(header["random_state"])
        config = ALSConfig.from_dict(settings)
        training = json.loads(header.get("training", '{"history": [], "best_sweep": null}'))
        scale = float(json.loads(header.get("popularity_scale", "1.0")))
        history, best_sweep = records_from(training["history"]), training["best_sweep"]
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _damaged(name, str(error)) from error
    _check_tensors(name, tensors, config)
    if _digest(tensors) != header.get("sha256"):
        raise _damaged(name, "the SHA-256 of the factors differs from the header's")
    return Saved(
        config,
        seed,
        tensors["user_factors"],
        tensors["item_factors"],
        history,
        best_sweep,
        {name: tensors[name] for name in EXTRAS if name in tensors},
        scale,
    )


def _header(name: str, content: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file; its first 8 bytes tell the header's length."""
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > len(content) - 8:
        raise _damaged(name, f"{len(content)} bytes, its header alone wants {size + 8}")
    try:
        metadata = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    except (UnicodeDecodeError, ValueError, AttributeError) as error:
        raise _damaged(name, f"its header is not JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise _damaged(name, "its header holds no metadata")
    return {str(key): str(value) for key, value in metadata.items()}


def _check_tensors(name: str, tensors: dict[str, NDArray[Any]], config: ALSConfig) -> None:
    for side in _SIDES:
        if side not in tensors:
            raise _damaged(name, f"it holds no {side}")
    for part, found in tensors.items():
        if part.endswith("_weights"):
            rows = len(tensors[part.replace("weights", "factors")])
            if found.shape != (rows,) or found.dtype != np.float32:
                raise _damaged(
                    name,
                    f"{part} are {found.dtype} of shape {found.shape}, expected {rows} of float32",
                )
        elif found.ndim != 2 or found.shape[1] != config.width or found.dtype.name != config.dtype:
            raise _damaged(
                name,
                f"{part} are {found.dtype} of shape {found.shape}, the settings say "
                f"{config.dtype} with {config.width} columns",
            )


def _damaged(name: str, reason: str) -> ModelFormatError:
    return ModelFormatError(f"{name} is damaged ({reason}); restore or refit the model")


def _digest(tensors: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for side in [name for name in _SIDES + EXTRAS if name in tensors]:
        flat = np.ascontiguousarray(tensors[side]).reshape(-1)
        digest.update(flat.view(np.uint8).data)
    return digest.hexdigest()

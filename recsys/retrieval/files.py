"""The folder that a saved index lies in: one data file and a manifest that vouches for it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ModelFormatError
from recsys.storage import make_folder, read_manifest, read_tensors, write_manifest, write_tensors

MANIFEST_KIND = "alsatian-index"
MANIFEST_VERSION = 1


def save_index(
    folder: Path,
    stem: str,
    suffix: str,
    header: dict[str, Any],
    write: Callable[[Path], None],
    side: dict[str, NDArray[Any]] | None = None,
) -> None:
    """Write a data file with `write`, then the manifest that names it, then drop its predecessor.

    Files get fresh names, so that the old index stays whole until the new manifest is renamed into
    place.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    stem, suffix : str
        The data file is called ``<stem>-<random><suffix>``.
    header : dict
        What the manifest says beside the file's size and checksum.
    write : callable
        Writes the file whose path it is given, atomically.
    side : dict of ndarray, optional
        What else belongs to the index, written into a safetensors file beside it.

    Raises
    ------
    StorageError
        The disk refuses.
    """
    make_folder(folder)
    token = secrets.token_hex(4)
    name = f"{stem}-{token}{suffix}"
    write(folder / name)
    names = {"data": name}
    if side:
        names["side"] = f"side-{token}.safetensors"
        write_tensors(folder / names["side"], side)
    about = {"kind": MANIFEST_KIND, "version": MANIFEST_VERSION, **header, **names}
    write_manifest(folder, about, list(names.values()))
    for old in (*folder.glob(f"{stem}-*{suffix}"), *folder.glob("side-*.safetensors")):
        if old.name not in names.values():
            with contextlib.suppress(OSError):
                old.unlink()


def read_side(folder: Path, manifest: dict[str, Any], mmap: bool) -> dict[str, NDArray[Any]]:
    """Read the arrays beside the index's data file: none where nothing was saved there.

    Raises
    ------
    ModelFormatError
        They are damaged, or not of the index's size.
    """
    name = manifest.get("side")
    if name is None:
        return {}
    if name not in manifest["files"]:
        raise ModelFormatError(
            f"{folder}/manifest.json does not list {name!r}; build the index again"
        )
    tensors, _ = read_tensors(folder / str(name), mmap=mmap)
    for key, values in tensors.items():
        if len(values) != manifest.get("size"):
            raise ModelFormatError(
                f"{folder / str(name)} holds {len(values)} {key}, its manifest says "
                f"{manifest.get('size')}; build the index again"
            )
    return dict(tensors)


def open_index(
    folder: Path, kind: str | None = None, verify: bool = True
) -> tuple[dict[str, Any], Path]:
    """Check the manifest of a saved index; return it and the path of the data file.

    Parameters
    ----------
    folder : Path
        What :func:`save_index` wrote.
    kind : str, optional
        The kind of index that has to be in it.
    verify : bool
        Compare the data file's SHA-256, not its size alone.

    Returns
    -------
    tuple of (dict, Path)

    Raises
    ------
    InputNotFoundError
        There is no such folder.
    ModelFormatError
        It is damaged, of another kind, or newer than this version.
    """
    manifest = read_manifest(folder, kind=MANIFEST_KIND, version=MANIFEST_VERSION, verify=verify)
    found = manifest.get("index")
    if kind is not None and found != kind:
        raise ModelFormatError(
            f"{folder} holds an index of kind {found!r}, expected {kind!r}; open it with "
            "recsys.retrieval.load_index"
        )
    name = manifest.get("data")
    if name not in manifest["files"]:
        raise ModelFormatError(
            f"{folder}/manifest.json names no data file of its own; build the index again"
        )
    return manifest, folder / str(name)


def save_vectors(folder: Path, vectors: NDArray[np.float32], *, kind: str) -> None:
    """Save a matrix of item vectors as an index of `kind`."""
    size, factors = vectors.shape
    save_index(
        folder,
        "vectors",
        ".safetensors",
        {"index": kind, "size": size, "factors": factors},
        lambda path: write_tensors(path, {"vectors": vectors}),
    )


def load_vectors(folder: Path, *, kind: str, mmap: bool) -> NDArray[np.float32]:
    """Load what :func:`save_vectors` wrote; `mmap` maps it read-only instead of reading it."""
    manifest, path = open_index(folder, kind)
    tensors, _ = read_tensors(path, mmap=mmap)
    vectors = tensors.get("vectors")
    shape = (manifest.get("size"), manifest.get("factors"))
    if vectors is None or vectors.dtype != np.float32 or vectors.shape != shape:
        found = "nothing" if vectors is None else f"{vectors.dtype} of shape {vectors.shape}"
        raise ModelFormatError(
            f"{path} is damaged: expected float32 vectors of shape {shape}, found {found}; build "
            "the index again"
        )
    return vectors

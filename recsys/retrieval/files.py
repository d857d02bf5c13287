"""The folder that a saved index lies in: data files and a manifest that vouches for them."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ModelFormatError
from recsys.storage import make_folder, read_manifest, read_tensors, write_manifest, write_tensors

MANIFEST_KIND = "alsatian-index"
MANIFEST_VERSION = 2  # since rows can be removed
_OURS = re.compile(r"^(index|vectors|removed)-[0-9a-f]{8}\.(faiss|safetensors)$")


def save_index(
    folder: Path,
    header: dict[str, Any],
    data: tuple[str, str, Callable[[Path], None]],
    *,
    removed: NDArray[np.int64],
    vectors: dict[str, NDArray[Any]] | None = None,
) -> None:
    """Write the files of an index, then the manifest that names them, then drop their predecessors.

    Files get fresh names, so that the old index stays whole until the new manifest is renamed into
    place.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    header : dict
        What the manifest says beside the files' sizes and checksums.
    data : tuple of (str, str, callable)
        Stem and suffix of the data file, called ``<stem>-<random><suffix>``, and what writes the
        file whose path it is given, atomically.
    removed : ndarray of int64
        Removed rows; a file of their own where there are any.
    vectors : dict of arrays, optional
        Tensors to be kept in a second file, beside the data file.

    Raises
    ------
    StorageError
        The disk refuses.
    """
    make_folder(folder)
    token = secrets.token_hex(4)
    stem, suffix, write = data
    parts = {"data": f"{stem}-{token}{suffix}"}
    write(folder / parts["data"])
    if vectors is not None:
        parts["vectors"] = f"vectors-{token}.safetensors"
        write_tensors(folder / parts["vectors"], vectors)
    if len(removed):
        parts["removed"] = f"removed-{token}.safetensors"
        write_tensors(folder / parts["removed"], {"rows": removed})
    # A release that knows nothing of removed rows must not return them.
    version = MANIFEST_VERSION if len(removed) else 1
    about = {"kind": MANIFEST_KIND, "version": version, **header, **parts}
    write_manifest(folder, about, list(parts.values()))
    for old in folder.iterdir():
        if _OURS.match(old.name) and old.name not in parts.values():
            with contextlib.suppress(OSError):
                old.unlink()


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
    return manifest, part_path(folder, manifest, "data")


def save_vectors(
    folder: Path, vectors: NDArray[np.float32], *, kind: str, removed: NDArray[np.int64]
) -> None:
    """Save a matrix of item vectors as an index of `kind`."""
    size, factors = vectors.shape
    save_index(
        folder,
        {"index": kind, "size": size, "factors": factors},
        ("vectors", ".safetensors", lambda path: write_tensors(path, {"vectors": vectors})),
        removed=removed,
    )


def load_vectors(
    folder: Path, *, kind: str, mmap: bool
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load what :func:`save_vectors` wrote: vectors and removed rows.

    `mmap` maps the vectors read-only instead of reading them.
    """
    manifest, path = open_index(folder, kind)
    tensors, _ = read_tensors(path, mmap=mmap)
    return checked_vectors(tensors, manifest, path), read_removed(folder, manifest)


def checked_vectors(
    tensors: dict[str, NDArray[Any]], manifest: dict[str, Any], path: Path
) -> NDArray[np.float32]:
    """Return the item vectors among `tensors`, or raise :class:`ModelFormatError`."""
    vectors = tensors.get("vectors")
    shape = (manifest.get("size"), manifest.get("factors"))
    if vectors is None or vectors.dtype != np.float32 or vectors.shape != shape:
        found = "nothing" if vectors is None else f"{vectors.dtype} of shape {vectors.shape}"
        raise ModelFormatError(
            f"{path} is damaged: expected float32 vectors of shape {shape}, found {found}; build "
            "the index again"
        )
    return vectors


def part_path(folder: Path, manifest: dict[str, Any], part: str) -> Path:
    """Return the path of a file that the manifest names and vouches for."""
    name = manifest.get(part)
    if name not in manifest["files"]:
        raise ModelFormatError(
            f"{folder}/manifest.json names no {part} file of its own; build the index again"
        )
    return folder / str(name)


def read_removed(folder: Path, manifest: dict[str, Any]) -> NDArray[np.int64]:
    """Return the removed rows of a saved index, ascending."""
    if "removed" not in manifest:
        return np.empty(0, dtype=np.int64)
    path = part_path(folder, manifest, "removed")
    rows = read_tensors(path, mmap=False)[0].get("rows")
    size = manifest.get("size", 0)
    if rows is None or rows.dtype != np.int64 or rows.ndim != 1 or not _ascending(rows, size):
        raise ModelFormatError(
            f"{path} is damaged: expected ascending int64 rows below {size}; build the index again"
        )
    return rows


def _ascending(rows: NDArray[np.int64], size: int) -> bool:
    within = len(rows) == 0 or (rows[0] >= 0 and rows[-1] < size)
    return bool(within and (np.diff(rows) > 0).all())

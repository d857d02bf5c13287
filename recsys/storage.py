"""Files that are either whole or absent, checksums, and manifests.

Every file that Alsatian writes goes through :func:`atomic_write`: written beside its final name,
flushed to the disk, renamed. A process that dies in the middle leaves a ``.tmp`` file and the old
content, never half a file under the real name.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import AlsatianError, InputNotFoundError, ModelFormatError, StorageError

_REASONS = {
    errno.ENOENT: "its folder does not exist; make the folder first",
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "no permission to write there; choose another folder or change its mode",
    errno.EPERM: "no permission to write there; choose another folder or change its mode",
    errno.ENOTDIR: "a part of that path is a file, not a folder; choose another folder",
    errno.EEXIST: "a file of that name is in the way; choose another name",
    errno.EISDIR: "a folder of that name is in the way; choose another name",
}


def storage_error(path: str | os.PathLike[str], error: OSError) -> StorageError:
    """Turn what the system said about `path` into one clear line with a mend."""
    reason = _REASONS.get(error.errno or 0, f"the system answered: {error.strerror or error}")
    return StorageError(f"cannot write {os.fspath(path)}: {reason}")


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success flush it to the disk and rename it.

    Parameters
    ----------
    path : path-like
        Final name. Its folder must exist.

    Yields
    ------
    pathlib.Path
        Where to write. It carries the suffix ``.tmp`` and is removed when the block fails, in
        which case whatever stood under the final name is untouched.

    Raises
    ------
    StorageError
        The disk is full, read-only or not permitted.
    """
    final = Path(path)
    temporary = final.with_name(f"{final.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        temporary.touch(exist_ok=False)
        mode = stat.S_IMODE(temporary.stat().st_mode)  # what the umask leaves
        yield temporary
        temporary.chmod(mode)  # some writers replace the file by one that only they may read
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.replace(final)
        _sync_folder(final.parent)
    except OSError as error:
        if isinstance(error, AlsatianError):
            raise
        raise storage_error(final, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; some file systems offer no such call."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Create a folder and its parents, with :class:`StorageError` when the system refuses."""
    folder = Path(path)
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            if os.path.lexists(folder) and not folder.is_dir():
                raise storage_error(folder, error) from error
            continue  # a folder that was removed, or made, in this very moment
        except OSError as error:
            raise storage_error(folder, error) from error
        return folder


def existing_file(path: str | os.PathLike[str], what: str) -> Path:
    """Return `path` if it is a file, else raise :class:`InputNotFoundError` naming `what` it is."""
    file = Path(path)
    if file.is_file():
        return file
    found = "is a folder" if file.is_dir() else "does not exist"
    raise InputNotFoundError(f"{what} {file} {found}; give the path of a file that can be read")


def sha256_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_json(path: str | os.PathLike[str], what: str) -> dict[str, Any]:
    """Read a JSON object; `what` names it in errors.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    ModelFormatError
        It is not a JSON object.
    """
    file = existing_file(path, what)
    try:
        value = json.loads(file.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelFormatError(
            f"{what} {file} is damaged (not JSON: {error}); restore or rebuild it"
        ) from error
    if not isinstance(value, dict):
        raise ModelFormatError(
            f"{what} {file} is damaged (expected a JSON object, found "
            f"{type(value).__name__}); restore or rebuild it"
        )
    return value


def write_manifest(folder: Path, header: dict[str, Any], files: list[str]) -> None:
    """Write ``manifest.json``: `header` plus size and SHA-256 of each of `files`, last of all."""
    listed = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_file(folder / name)}
        for name in files
    }
    write_json(folder / "manifest.json", {**header, "files": listed})


def read_manifest(folder: Path, *, kind: str, version: int, verify: bool = True) -> dict[str, Any]:
    """Read and check ``manifest.json`` of a saved artefact.

    Parameters
    ----------
    folder : Path
        Where the artefact lies.
    kind : str
        What the manifest's ``kind`` must say.
    version : int
        Newest format version this code reads.
    verify : bool
        Compare each file's SHA-256 as well as its size. Reading every byte costs about a second
        for each gigabyte; sizes are always compared.

    Raises
    ------
    InputNotFoundError
        The folder or its manifest is missing.
    ModelFormatError
        Another kind, a newer version, a missing, truncated or altered file.
    """
    if folder.is_file():
        raise InputNotFoundError(f"{folder} is a file; give the folder of the model")
    if not folder.is_dir():
        raise InputNotFoundError(
            f"model folder {folder} does not exist; write one with 'alsatian fit --out {folder}'"
        )
    manifest = read_json(folder / "manifest.json", "model manifest")
    if manifest.get("kind") != kind:
        raise ModelFormatError(
            f"{folder} holds a {manifest.get('kind')!r}, expected {kind!r}; give another folder"
        )
    found = manifest.get("version")
    if not isinstance(found, int) or found > version:
        raise ModelFormatError(
            f"{folder} is of format version {found!r}, this release reads up to {version}; "
            "upgrade alsatian"
        )
    _check_files(folder, manifest, verify)
    return manifest


def _check_files(folder: Path, manifest: dict[str, Any], verify: bool) -> None:
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise ModelFormatError(f"{folder}/manifest.json lists no files; restore or refit the model")
    for name, expected in files.items():
        file = folder / name
        if not isinstance(expected, dict):
            raise ModelFormatError(
                f"{folder}/manifest.json says nothing of {name}; refit the model"
            )
        if Path(name).name != name:
            raise ModelFormatError(f"{folder}/manifest.json names {name!r} outside its own folder")
        if not file.is_file():
            raise ModelFormatError(f"{file} is missing; restore or refit the model")
        size = file.stat().st_size
        if size != expected.get("bytes"):
            raise ModelFormatError(
                f"{file} is damaged: {size} bytes, expected {expected.get('bytes')}; "
                "restore or refit the model"
            )
        if verify and sha256_file(file) != expected.get("sha256"):
            raise ModelFormatError(
                f"{file} is damaged: its SHA-256 differs from the manifest's; "
                "restore or refit the model"
            )


# Arrays. The safetensors format is an 8-byte little-endian header length, a JSON header, then raw
# tensors: simple enough to map without copying, which the library's NumPy front does not offer.
_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
_HEADER_LIMIT = 100_000_000  # the format's own limit


def write_tensors(
    path: str | os.PathLike[str],
    tensors: dict[str, np.ndarray[Any, Any]],
    metadata: dict[str, str] | None = None,
) -> None:
    """Write named arrays as one safetensors file, atomically.

    Arrays go from memory to the file as they are: the library's own writer would copy all of them
    first. Each begins at a multiple of 8 bytes, so that it can be mapped.
    """
    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    # The widest numbers first: whatever follows is then aligned to its own size.
    order = sorted(contiguous, key=lambda name: (-contiguous[name].itemsize, name))
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name in order:
        begin, end = end, end + contiguous[name].nbytes
        header[name] = {
            "dtype": _NAMES[contiguous[name].dtype],
            "shape": list(contiguous[name].shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(contiguous[name].reshape(-1).view(np.uint8).data)


def read_tensors(
    path: str | os.PathLike[str], *, mmap: bool = False
) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """Read a safetensors file: its arrays and its metadata.

    Parameters
    ----------
    path : path-like
        The file.
    mmap : bool
        Map the arrays read-only instead of reading them: opening is then immediate, and processes
        that open the same file share its pages.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    ModelFormatError
        It is truncated or not a safetensors file.
    """
    file = existing_file(path, "tensor file")
    size = file.stat().st_size
    header, offset = _read_header(file, size)
    metadata = header.pop("__metadata__", {})
    raw: np.ndarray[Any, Any]
    if size == offset:
        raw = np.empty(0, np.uint8)
    elif mmap:
        raw = np.memmap(file, np.uint8, "r", offset)
    else:
        raw = np.fromfile(file, np.uint8, offset=offset)
    tensors = {}
    for name, entry in header.items():
        try:
            begin, end = entry["data_offsets"]
            dtype = np.dtype(_DTYPES[entry["dtype"]])
            if not 0 <= begin <= end <= raw.size:
                raise ValueError(f"tensor {name!r} lies outside the file")
            tensors[name] = raw[begin:end].view(dtype).reshape(entry["shape"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFormatError(
                f"{file} is damaged ({error}); restore or refit the model"
            ) from error
    return tensors, dict(metadata)


def _read_header(file: Path, size: int) -> tuple[dict[str, Any], int]:
    with open(file, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or not 0 < length <= min(size - 8, _HEADER_LIMIT):
            raise ModelFormatError(
                f"{file} is damaged: {size} bytes without a whole safetensors header; "
                "restore or refit the model"
            )
        try:
            header = json.loads(stream.read(length))
        except ValueError as error:
            raise ModelFormatError(
                f"{file} is damaged: its safetensors header is not JSON; restore or refit the model"
            ) from error
    if not isinstance(header, dict):
        raise ModelFormatError(f"{file} is damaged: its safetensors header is not an object")
    return header, 8 + length

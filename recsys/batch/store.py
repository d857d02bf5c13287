"""Where a job's output lies: a folder of this machine, or a prefix of an object store.

A file appears whole or not at all. On a disk it is written beside its name, flushed and renamed; on
an object store it is put in one piece, which becomes visible when the store has all of it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from recsys.batch.claims import Claims, FileClaims, ObjectClaims
from recsys.errors import InvalidInputError, StorageError
from recsys.lock import folder_lock
from recsys.storage import atomic_write, make_folder, storage_error

_OBJECT_STORES = ("s3", "gs", "gcs")


@runtime_checkable
class Store(Protocol):
    """What a job needs of the place that it writes to. Names are relative, parted by ``/``."""

    @property
    def uri(self) -> str:
        """Where it is, for people and for another process to open."""
        ...

    def make(self) -> None:
        """Make the folder; nothing where there are none."""
        ...

    def names(self, folder: str = "") -> dict[str, int]:
        """Files right in `folder` and their sizes in bytes; empty where there is none."""
        ...

    def read(self, name: str) -> bytes | None:
        """A file's content, or None where there is none."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Put a file, whole or not at all, in place of what may be there."""
        ...

    def staged(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """Give a path to write; the file appears under `name` when the block ends well."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; nothing where there is none."""
        ...

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder; nothing where there are none."""
        ...

    def door(self) -> contextlib.AbstractContextManager[None]:
        """Let one process at a time look at what is there and begin; where the place has locks."""
        ...

    def claims(self, folder: str) -> Claims:
        """Claims on the parts of a job, kept in `folder`."""
        ...


def open_store(where: str | os.PathLike[str]) -> Store:
    """Tell a folder from an object store.

    Parameters
    ----------
    where : str or path-like
        A path, ``file://``, or a URI of an object store that pyarrow opens, such as
        ``s3://bucket/prefix`` or ``gs://bucket/prefix``. Credentials come from the environment, as
        of the store's own tools; ``s3://bucket/prefix?endpoint_override=host:port&scheme=http``
        reaches another S3-compatible server, as does ``AWS_ENDPOINT_URL``.

    Raises
    ------
    InvalidInputError
        An unknown scheme, or a URI without a bucket.
    """
    text = os.fspath(where)
    scheme, parted, rest = text.partition("://")
    if not parted:
        begun = text.partition(":/")[0]
        if begun in _OBJECT_STORES and begun != text:
            raise InvalidInputError(
                f"output {text!r} lacks a slash; expected {begun}://bucket/name"
            )
        return FolderStore(Path(text))
    if scheme == "file":
        return FolderStore(Path(rest))
    if scheme not in _OBJECT_STORES:
        raise InvalidInputError(
            f"output {text!r} has the unknown scheme {scheme!r}; expected a path, s3:// or gs://"
        )
    if not rest.partition("?")[0].strip("/"):
        raise InvalidInputError(f"output {text!r} names no bucket; expected {scheme}://bucket/name")
    return ObjectStore(text)


@dataclass(frozen=True)
class FolderStore:
    """A folder of this machine, or of a file system that machines share."""

    folder: Path

    @property
    def uri(self) -> str:
        """The folder's path."""
        return str(self.folder)

    def make(self) -> None:
        """Make the folder and its parents."""
        make_folder(self.folder)

    def names(self, folder: str = "") -> dict[str, int]:
        """Files right in `folder` and their sizes."""
        found: dict[str, int] = {}
        with self._readable(folder), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(self.folder / folder):
                with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                    found[entry.name] = entry.stat().st_size
        return found

    def read(self, name: str) -> bytes | None:
        """A file's content, or None where there is none."""
        with self._readable(name):
            try:
                return (self.folder / name).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    @contextlib.contextmanager
    def _readable(self, name: str) -> Iterator[None]:
        """Turn what the system answers into one line."""
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"cannot read {self.folder / name}: {error.strerror or error}; check its owner and "
                "mode, then go on with --resume"
            ) from error

    def write(self, name: str, content: bytes) -> None:
        """Write beside the name, flush, rename."""
        with self.staged(name) as path:
            path.write_bytes(content)

    @contextlib.contextmanager
    def staged(self, name: str) -> Iterator[Path]:
        """Give a path beside `name`, which is flushed and renamed at the end."""
        path = self.folder / name
        make_folder(path.parent)
        with atomic_write(path) as temporary:
            yield temporary

    def remove(self, name: str) -> None:
        """Remove a file."""
        path = self.folder / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(path, error) from error

    def remove_folder(self, name: str) -> None:
        """Remove a folder that is empty."""
        with contextlib.suppress(OSError):
            (self.folder / name).rmdir()

    def door(self) -> contextlib.AbstractContextManager[None]:
        """The folder's lock."""
        return folder_lock(self.folder, wait=True)

    def claims(self, folder: str) -> Claims:
        """Locked files: the system lets go of them when their process dies."""
        return FileClaims(self.folder / folder)


@dataclass(frozen=True)
class ObjectStore:
    """A prefix of an object store, through pyarrow's file systems.

    Can be pickled: another process connects anew.
    """

    where: str

    @property
    def uri(self) -> str:
        """The URI as given."""
        return self.where

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """File system and prefix."""
        import pyarrow as pa
        from pyarrow import fs

        try:
            system, prefix = fs.FileSystem.from_uri(self.where)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InvalidInputError(
                f"output {self.where!r} cannot be opened: {_line(error)}"
            ) from error
        return system, prefix.rstrip("/")

    def __getstate__(self) -> dict[str, Any]:
        """Leave the connection behind."""
        return {"where": self.where}

    def make(self) -> None:
        """Nothing: a prefix comes with its first object."""

    def names(self, folder: str = "") -> dict[str, int]:
        """Objects right under `folder` and their sizes."""
        from pyarrow import fs

        system, prefix = self._place
        selector = fs.FileSelector(self._path(prefix, folder), allow_not_found=True)
        with self._told("list", folder):
            found = system.get_file_info(selector)
        return {entry.base_name: entry.size for entry in found if entry.is_file}

    def read(self, name: str) -> bytes | None:
        """An object's content, or None where there is none."""
        system, prefix = self._place
        with self._told("read", name):
            try:
                with system.open_input_file(self._path(prefix, name)) as stream:
                    content: bytes = stream.read()
                    return content
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Put an object in one piece."""
        system, prefix = self._place
        with (
            self._told("write", name),
            system.open_output_stream(self._path(prefix, name)) as stream,
        ):
            stream.write(content)

    @contextlib.contextmanager
    def staged(self, name: str) -> Iterator[Path]:
        """Give a path on this machine; what was written there is put at the end."""
        with tempfile.TemporaryDirectory(prefix="alsatian-") as folder:
            path = Path(folder) / Path(name).name
            try:
                yield path
            except OSError as error:
                if isinstance(error, StorageError):
                    raise
                raise storage_error(path, error) from error
            self.write(name, path.read_bytes())

    def remove(self, name: str) -> None:
        """Remove an object."""
        system, prefix = self._place
        with self._told("remove", name), contextlib.suppress(FileNotFoundError):
            system.delete_file(self._path(prefix, name))

    def remove_folder(self, name: str) -> None:
        """Nothing: a prefix goes with its last object."""

    def door(self) -> contextlib.AbstractContextManager[None]:
        """Nothing: an object store has no locks."""
        return contextlib.nullcontext()

    def claims(self, folder: str) -> Claims:
        """Objects that expire."""
        system, prefix = self._place
        return ObjectClaims(system, self._path(prefix, folder), self._told)

    @staticmethod
    def _path(prefix: str, name: str) -> str:
        return f"{prefix}/{name}" if name else prefix

    @contextlib.contextmanager
    def _told(self, what: str, name: str) -> Iterator[None]:
        """Turn what the store answers into one line."""
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise StorageError(
                f"cannot {what} {name or 'anything'} in {self.where}: {_line(error)}; check the "
                "store, then go on with --resume"
            ) from error


def _line(error: BaseException) -> str:
    """What an error says, in one line of bearable length."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:297]}..."

"""One process at a time in an output folder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from recsys.errors import JobConflictError
from recsys.storage import storage_error

NAME = ".lock"


@contextlib.contextmanager
def folder_lock(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it when the process dies, however it dies.

    Parameters
    ----------
    folder : Path
        Must exist.
    wait : bool
        Wait for whoever holds it.

    Raises
    ------
    JobConflictError
        Another process holds it, and `wait` is false.
    StorageError
        The folder cannot be written.
    """
    path = folder / NAME
    descriptor = _acquire(path, wait)
    try:
        yield
    finally:
        # Removed while still held: whoever waits for this very file finds it gone and looks again.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _acquire(path: Path, wait: bool) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise storage_error(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if _same_file(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
            os.close(descriptor)
        except OSError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise JobConflictError(
                    f"{path.parent} is being written by another process"
                    f"{f' ({holder})' if holder else ''}; wait for it, or give another folder"
                ) from error
            raise storage_error(path, error) from error


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False

"""Who does which part, where several processes work on one output.

On a file system a claim is a file that its process holds locked (flock): the system lets go of it
when the process dies, however it dies. An object store has no locks, so a claim there is an object
that is put again every few seconds and expires when it is not. Two processes that claim a part at
the same time both wait for longer than the store's clock is fine, and then see the same claims and
agree on whose is the oldest. Where a store is so slow that they do not, a part is done twice: its
bytes depend on the job alone, so nothing but time is lost.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from recsys.errors import StorageError
from recsys.storage import make_folder, storage_error


class Claims(Protocol):
    """Claims of one process."""

    #: How many parts are worth claiming at a time.
    at_a_time: int

    def alone(self) -> bool:
        """Whether no other process is known to be at work; claims of dead ones do not count."""
        ...

    def take(self, numbers: Iterable[int]) -> list[int]:
        """Claim parts; return those that nobody else holds."""
        ...

    def release(self, number: int) -> None:
        """Let go of a part; nothing where it is not held."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class FileClaims:
    """Locked files in a folder.

    Parameters
    ----------
    folder : Path
        Made where it is missing.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """

    at_a_time = 1

    def __init__(self, folder: Path) -> None:
        self._folder = make_folder(folder)
        self._held: dict[int, int] = {}
        # Everybody who works here holds this one, shared; who gets it alone is alone.
        self._presence, self._alone = _enter(folder / "workers")

    def alone(self) -> bool:
        """Whether nobody else was at work when this process came."""
        return self._alone

    def take(self, numbers: Iterable[int]) -> list[int]:
        """Lock the files of parts; return those that were free."""
        taken = []
        for number in numbers:
            descriptor = _claimed(self._file(number))
            if descriptor is not None:
                self._held[number] = descriptor
                taken.append(number)
        return taken

    def release(self, number: int) -> None:
        """Remove the file while it is held, then let go of it."""
        descriptor = self._held.pop(number, None)
        if descriptor is None:
            return
        with contextlib.suppress(OSError):
            self._file(number).unlink()
        os.close(descriptor)

    def close(self) -> None:
        """Let go of everything; who leaves last removes the folder."""
        for number in list(self._held):
            self.release(number)
        if _lock(self._presence, fcntl.LOCK_EX):
            with contextlib.suppress(OSError):
                presence = self._folder / "workers"
                for left in self._folder.iterdir():  # of processes that died
                    if left != presence:
                        left.unlink()
                # Last: who waits for it finds it gone and makes its own.
                presence.unlink()
                self._folder.rmdir()
        os.close(self._presence)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:05d}"


def _enter(path: Path) -> tuple[int, bool]:
    """Hold `path` together with others; tell whether there were none."""
    while True:
        descriptor = _open(path)
        alone = _lock(descriptor, fcntl.LOCK_EX)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if _is_at(descriptor, path):
            return descriptor, alone
        os.close(descriptor)  # who held it has removed it


def _claimed(path: Path) -> int | None:
    """Hold `path` alone; None where another process does."""
    while True:
        descriptor = _open(path)
        if not _lock(descriptor, fcntl.LOCK_EX):
            os.close(descriptor)
            return None
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)  # who held it has removed it


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still at its path; if not, others make and lock a new one."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _open(path: Path) -> int:
    while True:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # who left last has just removed the folder
            make_folder(path.parent)
        except OSError as error:
            raise storage_error(path, error) from error


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StorageError(
            f"this file system has no locks ({error.strerror}); work with one process at a time on "
            "another one"
        ) from error
    return True


class ObjectClaims:
    """Objects of an object store, named by part and process.

    Parameters
    ----------
    system : pyarrow.fs.FileSystem
        The store.
    prefix : str
        Where the claims are kept.
    told : callable
        Gives a context in which errors of the store become our own.
    lease : float
        Seconds without a sign of life after which a process counts as dead.
    settle : float
        Seconds between claiming and looking who else did; more than the store's clock is coarse.
    """

    at_a_time = 8

    def __init__(
        self,
        system: Any,
        prefix: str,
        told: Callable[[str, str], AbstractContextManager[None]],
        *,
        lease: float = 60.0,
        settle: float = 1.5,
    ) -> None:
        self._system = system
        self._prefix = prefix
        self._told = told
        self._lease = lease
        self._settle = settle
        self._token = secrets.token_hex(8)
        self._held: set[int] = set()
        self._over = threading.Event()
        self._put(_WORKERS)
        self._alone = not self._others()
        self._heart = threading.Thread(target=self._beat, daemon=True)
        self._heart.start()

    def alone(self) -> bool:
        """Whether nobody else was at work when this process came."""
        return self._alone

    def take(self, numbers: Iterable[int]) -> list[int]:
        """Claim parts that nobody holds; where two did at once, the older claim stands."""
        others = self._others()
        wanted = [number for number in numbers if not others & set(self._claims(_part(number)))]
        for number in wanted:
            self._put(_part(number))
        others = self._others()  # anew: who came since may not have seen these claims
        if wanted and others:
            time.sleep(self._settle)
        taken = []
        for number in wanted:
            if self._stands(_part(number), others):
                taken.append(number)
            else:
                self._drop(_part(number))
        self._held.update(taken)
        return taken

    def release(self, number: int) -> None:
        """Remove the claim."""
        if number in self._held:
            self._held.discard(number)
            self._drop(_part(number))

    def close(self) -> None:
        """Remove all claims; a store that does not answer keeps them until they expire."""
        self._over.set()
        self._heart.join()
        with contextlib.suppress(StorageError):
            for number in list(self._held):
                self.release(number)
            self._drop(_WORKERS)

    def _beat(self) -> None:
        while not self._over.wait(self._lease / 6):
            # A store that is away for a moment is the business of whoever needs it.
            with contextlib.suppress(StorageError):
                self._put(_WORKERS)

    def _put(self, what: str) -> None:
        path = f"{self._prefix}/{what}/{self._token}"
        with self._told("claim", what), self._system.open_output_stream(path) as stream:
            stream.write(self._token.encode())

    def _drop(self, what: str) -> None:
        with self._told("release", what), contextlib.suppress(FileNotFoundError):
            self._system.delete_file(f"{self._prefix}/{what}/{self._token}")

    def _claims(self, what: str) -> dict[str, datetime.datetime]:
        """Who claims `what`, and since when; of workers: when each last gave a sign of life."""
        from pyarrow import fs

        selector = fs.FileSelector(f"{self._prefix}/{what}", allow_not_found=True)
        with self._told("look at", what):
            found = self._system.get_file_info(selector)
        return {entry.base_name: entry.mtime for entry in found if entry.is_file}

    def _others(self) -> set[str]:
        """Other processes that are alive, by the store's own clock."""
        workers = self._claims(_WORKERS)
        # The own sign of life is the nearest there is to the store's time of day.
        now = workers.pop(self._token, datetime.datetime.now(datetime.UTC))
        oldest = now - datetime.timedelta(seconds=self._lease)
        return {who for who, when in workers.items() if when >= oldest}

    def _stands(self, what: str, others: set[str]) -> bool:
        claims = self._claims(what)
        standing = [(claims[who], who) for who in claims if who in others or who == self._token]
        return bool(standing) and min(standing)[1] == self._token


_WORKERS = "workers"


def _part(number: int) -> str:
    return f"{number:05d}"

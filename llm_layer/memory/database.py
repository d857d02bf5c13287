"""One SQLite file, shared by threads and processes, in which deleted text does not linger."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llm_layer.memory.schema import connect
from recsys.errors import InvalidInputError, StorageError


class Database:
    """A connection behind a lock.

    Parameters
    ----------
    path : path-like
        The file; made where there is none.
    timeout : float
        Seconds to wait for another process that writes, > 0.

    Raises
    ------
    InvalidInputError
        `timeout` is not above 0.
    StoreFormatError
        The file is something else, damaged, or of a newer version.
    StorageError
        The disk refuses.
    """

    def __init__(self, path: str | os.PathLike[str], timeout: float = 5.0) -> None:
        if not timeout > 0:
            raise InvalidInputError(f"timeout is {timeout!r} s, expected more than 0")
        self.path = Path(path)
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = connect(self.path, timeout)

    def close(self) -> None:
        """Close the file; what comes later is refused."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to one thread."""
        with self._lock, self._told("read"):
            yield self._open()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for changes that come about together or not at all; may be nested."""
        with self._lock, self._told("write"):
            connection = self._open()
            is_within: bool = connection.in_transaction
            if is_within:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.reading() as connection:
            return connection.execute(query, values).fetchall()

    def scrub(self) -> bool:
        """Rewrite the file without what was deleted, and empty the write-ahead log.

        Returns
        -------
        bool
            Whether that was possible; False while another process reads or writes.
        """
        with self._lock:
            connection = self._open()
            try:
                # secure_delete overwrites what is deleted, but not the copy that stays behind when
                # a row moves to another page before: seen in 3 of 30 stores filled at random.
                connection.execute("VACUUM")
                [busy, _, _] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError:
                return False
            return not busy

    def version(self) -> int:
        """A number that changes when another process has written."""
        with self.reading() as connection:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise InvalidInputError(f"memory store {self.path} is closed; open it again")
        return self._connection

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turn what SQLite answers into one line."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"cannot {what} memory store {self.path}: {error}; check the disk, and that no "
                "other process holds the file"
            ) from error

"""Answers that were given before: in memory, and in a file where they are to survive."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from recsys.errors import InvalidInputError, StorageError

_TABLE = (
    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT NOT NULL, "
    "used INTEGER NOT NULL) WITHOUT ROWID"
)
_GET = "SELECT value FROM answers WHERE key = ?"
_USE = "UPDATE answers SET used = (SELECT coalesce(max(used), 0) + 1 FROM answers) WHERE key = ?"
_PUT = (
    "INSERT OR REPLACE INTO answers VALUES (?, ?, (SELECT coalesce(max(used), 0) + 1 FROM answers))"
)
_TRIM = (
    "DELETE FROM answers WHERE key IN "
    "(SELECT key FROM answers ORDER BY used DESC LIMIT -1 OFFSET ?)"
)
_INDEX = "CREATE INDEX IF NOT EXISTS answers_used ON answers (used)"


class AnswerCache:
    """The answers used last, under the hash of everything that was asked.

    Safe to share between threads and rerankers. A file may be shared between processes too. Keys
    are hashes, values are orders and probabilities: no words of a visitor are kept.

    Parameters
    ----------
    size : int
        So many answers are kept in memory, and in the file, >= 1; those used longest ago go first.
    path : path-like, optional
        SQLite file that keeps them; made where it is missing.

    Raises
    ------
    InvalidInputError
        `size` is below 1.
    StorageError
        The file cannot be opened, or is no cache.
    """

    def __init__(self, size: int = 4096, path: str | os.PathLike[str] | None = None) -> None:
        if size < 1:
            raise InvalidInputError(f"size is {size}, expected at least 1")
        self._size = size
        self._near: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()
        self._path = None if path is None else Path(path)
        self._file = None if self._path is None else self._opened(self._path)

    def get(self, key: str) -> Any:
        """The answer under `key`, None where there is none."""
        with self._lock:
            text = self._near.get(key)
            if self._file is not None:
                text = self._read(self._file, key, text)
            if text is None:
                return None
            self._keep(key, text)
        try:
            return json.loads(text)
        except ValueError:  # somebody else wrote into the file
            return None

    def put(self, key: str, value: Any) -> None:
        """Keep `value`, anything that JSON can hold but null, under `key`."""
        text = json.dumps(value)
        with self._lock:
            self._keep(key, text)
            if self._file is not None:
                self._write(self._file, key, text)

    def __len__(self) -> int:
        """Answers that are kept, in the file where there is one."""
        with self._lock:
            if self._file is None:
                return len(self._near)
            return int(self._file.execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        """Close the file; the cache goes on in memory."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _keep(self, key: str, text: str) -> None:
        self._near[key] = text
        self._near.move_to_end(key)
        if len(self._near) > self._size:
            self._near.popitem(last=False)

    def _opened(self, path: Path) -> sqlite3.Connection:
        try:
            file = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=1.0)
            file.execute("PRAGMA journal_mode=WAL")
            file.execute("PRAGMA synchronous=NORMAL")  # it is a cache: the last answers may go
            file.execute(_TABLE)
            file.execute(_INDEX)
            file.execute("SELECT key, value, used FROM answers LIMIT 1")
        except sqlite3.Error as error:
            raise StorageError(
                f"cache {path} cannot be used ({error}); give another path, or remove the file"
            ) from error
        return file

    def _read(self, file: sqlite3.Connection, key: str, text: str | None) -> str | None:
        """`text`, or what the file has, which is told that it was used."""
        try:
            if text is None:
                found = file.execute(_GET, (key,)).fetchone()
                text = None if found is None else str(found[0])
            if text is not None:
                file.execute(_USE, (key,))
        except sqlite3.Error:  # busy or damaged: the question is asked anew
            return text
        return text

    def _write(self, file: sqlite3.Connection, key: str, text: str) -> None:
        try:
            file.execute(_PUT, (key, text))
            file.execute(_TRIM, (self._size,))
        except sqlite3.Error:  # a full disk or another process: it is in memory at least
            return


def cache_key(**asked: Any) -> str:
    """Hash of everything that an answer depends on."""
    text = json.dumps(asked, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()

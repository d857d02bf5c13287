"""The database of the store: its tables, and how older files become today's."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from recsys.errors import StoreFormatError
from recsys.storage import storage_error

# In a file's header: whose database it is ("ALSm").
APPLICATION = 0x414C536D
_HEADER = b"SQLite format 3\x00"

# One tuple of statements a version. What stands here has been written to files: it never changes.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE users (
            key TEXT PRIMARY KEY,
            id TEXT NOT NULL,
            created REAL NOT NULL,
            remember_messages INTEGER NOT NULL,
            remember_profile INTEGER NOT NULL,
            personalize INTEGER NOT NULL,
            asked REAL
        )""",
        """CREATE TABLE evidence (
            number INTEGER PRIMARY KEY,
            user TEXT NOT NULL REFERENCES users(key) ON DELETE CASCADE,
            kind TEXT NOT NULL,
            text TEXT NOT NULL,
            item TEXT,
            source TEXT NOT NULL,
            time REAL NOT NULL
        )""",
        "CREATE INDEX evidence_of ON evidence(user, time)",
        """CREATE TABLE entries (
            number INTEGER PRIMARY KEY,
            user TEXT NOT NULL REFERENCES users(key) ON DELETE CASCADE,
            kind TEXT NOT NULL,
            slot TEXT NOT NULL,
            value TEXT NOT NULL,
            strength REAL NOT NULL,
            time REAL NOT NULL,
            superseded_by INTEGER REFERENCES entries(number) ON DELETE SET NULL
        )""",
        "CREATE INDEX entries_of ON entries(user, kind, slot)",
        "CREATE INDEX entries_superseded ON entries(superseded_by)",
        """CREATE TABLE entry_evidence (
            entry INTEGER NOT NULL REFERENCES entries(number) ON DELETE CASCADE,
            evidence INTEGER NOT NULL REFERENCES evidence(number) ON DELETE CASCADE,
            PRIMARY KEY (entry, evidence)
        ) WITHOUT ROWID""",
        "CREATE INDEX entry_evidence_of ON entry_evidence(evidence)",
        # What has no evidence is not kept.
        """CREATE TRIGGER entry_without_evidence AFTER DELETE ON entry_evidence
        WHEN NOT EXISTS (SELECT 1 FROM entry_evidence WHERE entry = OLD.entry)
        BEGIN DELETE FROM entries WHERE number = OLD.entry; END""",
        """CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            user TEXT REFERENCES users(key) ON DELETE CASCADE,
            begun REAL NOT NULL,
            changed REAL NOT NULL,
            state TEXT NOT NULL
        )""",
        "CREATE INDEX conversations_of ON conversations(user, changed)",
        """CREATE TABLE turns (
            conversation TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            said TEXT NOT NULL,
            reply TEXT NOT NULL,
            items TEXT NOT NULL,
            time REAL NOT NULL,
            PRIMARY KEY (conversation, place)
        ) WITHOUT ROWID""",
    ),
    # 2: how people write, wishes apart from statements, what was removed when.
    (
        "ALTER TABLE entries ADD COLUMN source TEXT NOT NULL DEFAULT 'stated'",
        """CREATE TABLE styles (
            user TEXT PRIMARY KEY REFERENCES users(key) ON DELETE CASCADE,
            counts TEXT NOT NULL,
            time REAL NOT NULL
        )""",
        """CREATE TABLE receipts (
            number INTEGER PRIMARY KEY,
            time REAL NOT NULL,
            receipt TEXT NOT NULL
        )""",
    ),
)
VERSION = len(MIGRATIONS)


def connect(path: Path, timeout: float) -> sqlite3.Connection:
    """Open the database at `path`, made where there is none, in today's version.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    timeout : float
        Seconds to wait for another process that writes.

    Raises
    ------
    StoreFormatError
        The file is no such database, or of a newer version; it is not touched.
    StorageError
        The disk refuses.
    """
    try:
        _check_header(path)
        # Only its owner may read what is kept of people.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise storage_error(path, error) from error
    connection = sqlite3.connect(
        path, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    try:
        _check_version(connection, path)
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA temp_store = MEMORY")
        _migrate(connection)
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreFormatError(
            f"memory store {path} cannot be opened ({error}); restore it, or give another file"
        ) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _check_header(path: Path) -> None:
    """Refuse what is no SQLite file of ours before SQLite sees it."""
    if path.is_dir():
        raise StoreFormatError(f"memory store {path} is a folder; give the path of a file")
    if not path.exists():
        return
    with open(path, "rb") as file:
        header = file.read(len(_HEADER))
    if header and header != _HEADER:  # an empty file becomes a database
        raise StoreFormatError(
            f"memory store {path} is no SQLite database; give another file, which is then made"
        )


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and tables:
        raise StoreFormatError(
            f"memory store {path} is the database of something else; give another file"
        )
    if version > VERSION:
        raise StoreFormatError(
            f"memory store {path} is of version {version}, this release reads up to {VERSION}; "
            "upgrade alsatian"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to today's version, all steps or none."""
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version >= VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it meanwhile.
        [version] = connection.execute("PRAGMA user_version").fetchone()
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {max(version, VERSION)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise

"""Store: what is remembered of people, in one SQLite file."""

from __future__ import annotations

import json
import os
import time as clock
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from llm_layer.memory.consent import Consent
from llm_layer.memory.conversations import Conversations
from llm_layer.memory.database import Database
from llm_layer.memory.entries import Entries
from llm_layer.memory.evidence import (
    EVIDENCE_KINDS,
    Evidence,
    EvidenceKind,
    check_time,
    pack_id,
    plain_id,
    unpack_id,
    user_key,
)
from llm_layer.memory.redaction import Keep, redact, storable
from recsys.errors import InvalidInputError
from recsys.forgetting import Receipt, Removal

_DAY = 86400.0


class Store:
    """Users with what they agreed to, evidence, profile entries, and conversations.

    Thread-safe, and several processes may have the file open. Every text is redacted before it is
    written, and deleted text is overwritten. Nothing is kept that its user did not agree to: see
    :class:`Consent`.

    Parameters
    ----------
    path : path-like
        SQLite file; made where there is none, readable by its owner alone.
    default : Consent
        Of users who have not been asked.
    session_days : float
        So long a conversation of someone who agreed to no keeping can be gone on with, > 0.
    timeout : float
        Seconds to wait for another process that writes, > 0.

    Raises
    ------
    InvalidInputError
        A parameter is out of range.
    StoreFormatError
        The file is something else, damaged, or of a newer version; it is not touched.
    StorageError
        The disk refuses.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Store(f"{folder.name}/memory.db", default=Consent.full()) as store:
    ...     _ = store.note("ann", "search", text="noir with an unreliable narrator")
    ...     [found.text for found in store.evidence("ann")]
    ['noir with an unreliable narrator']
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        default: Consent | None = None,
        session_days: float = 30.0,
        timeout: float = 5.0,
    ) -> None:
        if not session_days > 0:
            raise InvalidInputError(f"session_days is {session_days!r}, expected more than 0")
        self.default = default if default is not None else Consent()
        self._database = Database(path, timeout)
        # What was looked up within one block of changes, in which nobody else can change it.
        self._block: dict[str, Consent] | None = None
        self._changes = 0
        self.conversations = Conversations(self._database, self._admit, self.consent)
        self.entries = Entries(self._database)
        self.conversations.expire(clock.time() - session_days * _DAY)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Changes within the block come about together or not at all."""
        with self._database.writing():
            is_outer, before = self._block is None, self._block
            self._block = {} if is_outer else before
            try:
                yield
            finally:
                self._block = before

    # ---- consent ---------------------------------------------------------------------------------

    def knows(self, user: Any) -> bool:
        """Whether anything is kept of a user."""
        return bool(self._database.rows("SELECT 1 FROM users WHERE key = ?", [user_key(user)]))

    def users(self) -> list[Any]:
        """Ids of all users of whom something is kept, oldest first."""
        rows = self._database.rows("SELECT id FROM users ORDER BY created, key")
        return [json.loads(text) for (text,) in rows]

    def consent(self, user: Any) -> Consent:
        """What a user agreed to; the default for one who was not asked."""
        key = user_key(user)
        if self._block is not None and key in self._block:
            return self._block[key]
        rows = self._database.rows(
            "SELECT remember_messages, remember_profile, personalize FROM users "
            "WHERE key = ? AND asked IS NOT NULL",
            [key],
        )
        found = Consent(*map(bool, rows[0])) if rows else self.default
        if self._block is not None:
            self._block[key] = found
        return found

    def set_consent(self, user: Any, **flags: bool) -> Consent:
        """Note what a user agreed to; what they no longer agree to is deleted at once.

        Parameters
        ----------
        user : Any
            Id, int or str.
        **flags : bool
            Some of ``remember_messages``, ``remember_profile``, ``personalize``; the others stay.

        Raises
        ------
        InvalidInputError
            No such flag, or no bool.
        """
        before = self.consent(user)
        after = before.replaced(**flags)
        key = user_key(user)
        self._changes += 1
        with self._database.writing() as connection:
            self._admit(user)
            connection.execute(
                "UPDATE users SET remember_messages = ?, remember_profile = ?, personalize = ?, "
                "asked = ? WHERE key = ?",
                [*after.to_dict().values(), clock.time(), key],
            )
            if not after.remember_messages:
                connection.execute(
                    "DELETE FROM evidence WHERE user = ? AND kind = 'message'", [key]
                )
                self.conversations.silence(key)
            if not after.remember_profile:
                connection.execute(
                    "DELETE FROM evidence WHERE user = ? AND kind <> 'message'", [key]
                )
                connection.execute("DELETE FROM styles WHERE user = ?", [key])
            if self._block is not None:
                self._block[key] = after
        if before.to_dict() != after.to_dict():
            self._database.scrub()
        return after

    def _admit(self, user: Any) -> str:
        """Make a user's row where there is none; return the key."""
        key = user_key(user)
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO users VALUES (?, ?, ?, ?, ?, ?, NULL)",
                [
                    key,
                    json.dumps(plain_id(user, "user")),
                    clock.time(),
                    *self.default.to_dict().values(),
                ],
            )
        return key

    # ---- evidence --------------------------------------------------------------------------------

    def note(
        self,
        user: Any,
        kind: EvidenceKind,
        *,
        text: str = "",
        item: Any = None,
        source: str = "api",
        time: float | None = None,
        keep: Keep | None = None,
    ) -> int | None:
        """Keep one thing that a user said or did.

        Parameters
        ----------
        user : Any
            Id, int or str; need not be known to a model.
        kind : str
            ``"message"``, ``"search"``, ``"view"``, ``"fact"``, ``"like"``, ``"dislike"`` or
            ``"seen"``.
        text : str
            Their words; redacted before they are written.
        item : Any
            Outside id of an item.
        source : str
            Where it comes from.
        time : float, optional
            Seconds since 1970; now by default.
        keep : callable, optional
            Whether words that look like an address are a title; see :func:`redact`.

        Returns
        -------
        int or None
            Its number; None where the user did not agree, and nothing is kept.

        Raises
        ------
        InvalidInputError
            No such kind, neither text nor item, or an id or time that is none.
        """
        if kind not in EVIDENCE_KINDS:
            raise InvalidInputError(
                f"evidence is of kind {kind!r}, expected one of {', '.join(EVIDENCE_KINDS)}"
            )
        if not text and item is None:
            raise InvalidInputError(f"evidence of kind {kind} has neither text nor item; give one")
        consent = self.consent(user)
        agreed = consent.remember_messages if kind == "message" else consent.remember_profile
        if not agreed:
            return None
        when = clock.time() if time is None else check_time(time)
        self._changes += 1
        said = storable(redact(text, keep))
        values = [self._admit(user), kind, said, pack_id(item), storable(source), when]
        with self._database.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO evidence (user, kind, text, item, source, time) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
            return int(cursor.lastrowid or 0)

    def evidence(
        self, user: Any, kinds: Sequence[EvidenceKind] = (), *, most: int | None = None
    ) -> list[Evidence]:
        """What is kept of a user, newest first.

        Parameters
        ----------
        user : Any
            Id, int or str.
        kinds : sequence of str
            Only these kinds; all of them by default.
        most : int, optional
            At most so many.
        """
        marks = ", ".join("?" * len(kinds))
        chosen = f"AND kind IN ({marks}) " if kinds else ""
        rows = self._database.rows(
            "SELECT number, kind, text, item, source, time FROM evidence "  # noqa: S608
            f"WHERE user = ? {chosen}ORDER BY time DESC, number DESC LIMIT ?",
            [user_key(user), *kinds, -1 if most is None else most],
        )
        return [
            Evidence(number, kind, text, unpack_id(item), source, time)
            for number, kind, text, item, source, time in rows
        ]

    # ---- style and export ------------------------------------------------------------------------

    def style(self, user: Any) -> dict[str, float] | None:
        """What was counted of how a user writes; None where nothing was."""
        rows = self._database.rows("SELECT counts FROM styles WHERE user = ?", [user_key(user)])
        return dict(json.loads(rows[0][0])) if rows else None

    def save_style(self, user: Any, counts: Mapping[str, float]) -> bool:
        """Keep what was counted of how a user writes; False where they did not agree."""
        if not self.consent(user).remember_profile:
            return False
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO styles VALUES (?, ?, ?) ON CONFLICT (user) DO UPDATE SET "
                "counts = excluded.counts, time = excluded.time",
                [self._admit(user), json.dumps(dict(counts)), clock.time()],
            )
        return True

    def export(self, user: Any) -> dict[str, Any]:
        """All that is kept of a user, as JSON can hold it; times are seconds since 1970, UTC."""
        with self._database.reading():
            talks = [self.conversations.load(id) for id in self.conversations.of(user)]
            return {
                "user": plain_id(user, "user"),
                "consent": self.consent(user).to_dict(),
                "entries": [one.to_dict() for one in self.entries.of(user, superseded=True)],
                "evidence": [one.to_dict() for one in self.evidence(user)],
                "style": self.style(user),
                "conversations": [
                    {
                        "id": talk.id,
                        "state": talk.state,
                        "turns": [
                            asdict(turn) | {"items": list(turn.items)} for turn in talk.turns
                        ],
                    }
                    for talk in talks
                    if talk is not None
                ],
            }

    def receipts(self) -> list[tuple[float, dict[str, int]]]:
        """When somebody was forgotten here, and how much of what was removed; the latest first."""
        rows = self._database.rows("SELECT time, receipt FROM receipts ORDER BY number DESC")
        return [(time, json.loads(text)) for time, text in rows]

    def version(self) -> tuple[int, int]:
        """What changes when evidence or consent did, by this process or another one."""
        return self._database.version(), self._changes

    # ---- forgetting ------------------------------------------------------------------------------

    def forget(self, user: Any) -> Receipt:
        """Delete a user: profile, evidence, dialogues, consent. Nothing of them stays in the file.

        Returns
        -------
        Receipt
            How much was removed of what; ``complete`` is False while another process keeps the old
            content of the file open: forget again then.
        """
        key, removed = user_key(user), []
        self._changes += 1
        with self._database.writing() as connection:
            for what, table, column in _PLACES:
                condition = f"{column} = ?"
                if table == "turns":
                    condition = "conversation IN (SELECT id FROM conversations WHERE user = ?)"
                query = f"SELECT count(*) FROM {table} WHERE {condition}"  # noqa: S608
                [count] = connection.execute(query, [key]).fetchone()
                removed.append(Removal(f"store {self.path}", what, int(count)))
            connection.execute("DELETE FROM users WHERE key = ?", [key])
            counts = {removal.what: removal.count for removal in removed}
            if any(counts.values()):  # it says that somebody was forgotten, not who
                connection.execute(
                    "INSERT INTO receipts (time, receipt) VALUES (?, ?)",
                    [clock.time(), json.dumps(counts)],
                )
        scrubbed = self._database.scrub()
        remains = (
            ()
            if scrubbed
            else (
                f"store {self.path}: another process has it open and may keep old pages of its "
                "write-ahead log; forget again when it is done",
            )
        )
        return Receipt(tuple(removed), remains)


def open_store(store: Store | str | os.PathLike[str] | None) -> Store | None:
    """The store itself, or the one at a path; None stays None.

    Raises
    ------
    InvalidInputError
        It is something else.
    """
    if store is None or isinstance(store, Store):
        return store
    if isinstance(store, str | os.PathLike):
        return Store(store)
    raise InvalidInputError(f"store is {store!r}, expected a Store, the path of its file, or None")


# What is counted for a receipt: its name there, its table and the column of the user.
_PLACES = (
    ("profile entries", "entries", "user"),
    ("evidence", "evidence", "user"),
    ("conversations", "conversations", "user"),
    ("turns of conversations", "turns", "conversation"),
    ("styles", "styles", "user"),
    ("consent", "users", "key"),
)

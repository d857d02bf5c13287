"""Profile entries in the store: each rests on evidence, and the latest word on a matter holds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from llm_layer.memory.database import Database
from llm_layer.memory.evidence import Entry, user_key
from llm_layer.memory.redaction import storable
from llm_layer.memory.statements import Statement
from recsys.errors import InvalidInputError


class Entries:
    """The profile entries of a store; :attr:`Store.entries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, user: Any, *, superseded: bool = False) -> list[Entry]:
        """A user's entries, the latest first.

        Parameters
        ----------
        user : Any
            Id, int or str.
        superseded : bool
            Also those that a later entry took the place of.
        """
        key = user_key(user)
        condition = "" if superseded else "AND superseded_by IS NULL "
        with self._database.reading():
            rows = self._database.rows(
                "SELECT number, kind, slot, value, strength, time, superseded_by, source "  # noqa: S608
                f"FROM entries WHERE user = ? {condition}ORDER BY time DESC, number DESC",
                [key],
            )
            links = self._database.rows(
                "SELECT entry, evidence FROM entry_evidence JOIN entries ON number = entry "
                "WHERE user = ? ORDER BY evidence",
                [key],
            )
        evidence: dict[int, list[int]] = defaultdict(list)
        for entry, shown_by in links:
            evidence[entry].append(shown_by)
        return [
            Entry(
                number=number,
                kind=kind,
                slot=slot,
                value=json.loads(value),
                strength=strength,
                time=time,
                evidence=tuple(evidence[number]),
                superseded_by=by,
                source=source,
            )
            for number, kind, slot, value, strength, time, by, source in rows
        ]

    def add(self, user: Any, statement: Statement, evidence: Sequence[int], time: float) -> int:
        """Enter what a user stated; what they said of it before is confirmed or superseded.

        A wish in a talk supersedes earlier wishes, not what they stated of themselves.

        Parameters
        ----------
        user : Any
            Id of a user of whom evidence is kept.
        statement : Statement
            What holds.
        evidence : sequence of int
            Numbers of evidence of this user; at least one.
        time : float
            Of the statement, seconds since 1970.

        Returns
        -------
        int
            The entry's number.

        Raises
        ------
        InvalidInputError
            There is no evidence, or none of this user.
        """
        key = user_key(user)
        with self._database.writing() as connection:
            for number in evidence:
                found = self._database.rows(
                    "SELECT 1 FROM evidence WHERE number = ? AND user = ?", [number, key]
                )
                if not found:
                    raise InvalidInputError(
                        f"evidence {number} is none of this user's; note it first"
                    )
            if not evidence:
                raise InvalidInputError(
                    "an entry rests on evidence; give the number of at least one"
                )
            same = self._latest(key, statement)
            if same is not None and _agree(same, statement):
                entry = int(same[0])
                connection.execute(
                    "UPDATE entries SET strength = ?, time = max(time, ?) WHERE number = ?",
                    [_confirmed(same[1], statement.strength), time, entry],
                )
            else:
                cursor = connection.execute(
                    "INSERT INTO entries (user, kind, slot, value, strength, time, source) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        key,
                        statement.kind,
                        storable(statement.slot),
                        storable(json.dumps(statement.value, ensure_ascii=False)),
                        statement.strength,
                        time,
                        statement.source,
                    ],
                )
                entry = int(cursor.lastrowid or 0)
            connection.executemany(
                "INSERT OR IGNORE INTO entry_evidence VALUES (?, ?)",
                [(entry, number) for number in evidence],
            )
            self._supersede(key, statement, entry)
        return entry

    def _latest(self, key: str, statement: Statement) -> tuple[Any, ...] | None:
        """Number, strength and value of the entry that holds so far, of the same source."""
        rows = self._database.rows(
            "SELECT number, strength, value FROM entries WHERE user = ? AND kind = ? AND slot = ? "
            "AND source = ? AND superseded_by IS NULL ORDER BY time DESC, number DESC LIMIT 1",
            [key, statement.kind, storable(statement.slot), statement.source],
        )
        return rows[0] if rows else None

    def _supersede(self, key: str, statement: Statement, entry: int) -> None:
        """The latest of a slot holds; by its time, in whatever order they were entered."""
        sources = "('wish')" if statement.source == "wish" else "('wish', 'stated')"
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE entries SET superseded_by = ? WHERE user = ? AND kind = ? AND slot = ? "  # noqa: S608
                f"AND source IN {sources} AND superseded_by IS NULL AND number <> ? "
                "AND time <= (SELECT time FROM entries WHERE number = ?)",
                [entry, key, statement.kind, storable(statement.slot), entry, entry],
            )
            later = self._database.rows(
                "SELECT number FROM entries WHERE user = ? AND kind = ? AND slot = ? "
                "AND (source = 'stated' OR source = ?) AND superseded_by IS NULL AND number <> ? "
                "AND time > (SELECT time FROM entries WHERE number = ?) ORDER BY time DESC LIMIT 1",
                [key, statement.kind, storable(statement.slot), statement.source, entry, entry],
            )
            if later:
                connection.execute(
                    "UPDATE entries SET superseded_by = ? WHERE number = ?", [later[0][0], entry]
                )


def _agree(entry: tuple[Any, ...], statement: Statement) -> bool:
    """Whether a statement confirms an entry: both for or both against, and of the same value."""
    _, strength, value = entry
    is_same = json.loads(value) == statement.value
    return bool(is_same and (strength > 0) == (statement.strength > 0))


def _confirmed(before: float, now: float) -> float:
    """Strength of what is said again: the stronger of the two."""
    return max(before, now, key=abs)

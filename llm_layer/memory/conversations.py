"""Conversations in the store: they go on after a restart."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llm_layer.memory.consent import Consent
from llm_layer.memory.database import Database
from llm_layer.memory.evidence import user_key
from llm_layer.memory.redaction import storable

# Parts of a state that hold a visitor's words.
_WORDS = ("said", "mood", "corrected")


@dataclass(frozen=True)
class Turn:
    """One message and its reply.

    Attributes
    ----------
    said, reply : str
        The words; empty where the visitor did not agree that messages are kept.
    items : tuple of Any
        Outside ids of the items that the reply recommended.
    time : float
        Seconds since 1970, UTC.
    """

    said: str
    reply: str
    items: tuple[Any, ...]
    time: float


@dataclass(frozen=True)
class StoredConversation:
    """A conversation as it was left.

    Attributes
    ----------
    id : str
        Its id.
    user : Any
        Outside id of the visitor, None for one without.
    state : dict
        What the dialogue remembers.
    turns : tuple of Turn
        In order.
    """

    id: str
    user: Any
    state: dict[str, Any]
    turns: tuple[Turn, ...]


class Conversations:
    """The conversations of a store; :attr:`Store.conversations`."""

    def __init__(
        self,
        database: Database,
        admit: Callable[[Any], str],
        consent: Callable[[Any], Consent],
    ) -> None:
        self._database = database
        self._admit = admit
        self._consent = consent

    def save(self, id: str, user: Any, state: Mapping[str, Any], turn: Turn | None = None) -> None:
        """Keep the state of a conversation, and its latest turn.

        Parameters
        ----------
        id : str
            Of the conversation.
        user : Any
            Outside id of the visitor, or None.
        state : mapping
            What JSON can hold. Without the visitor's consent their words are left out of it.
        turn : Turn, optional
            The latest, its words redacted; they are left out without consent.
        """
        agreed = user is not None and self._consent(user).remember_messages
        kept = dict(state) if agreed else without_words(state)
        text = storable(json.dumps(kept, ensure_ascii=False))
        now = clock.time()
        with self._database.writing() as connection:
            key = None if user is None else self._admit(user)
            connection.execute(
                "INSERT INTO conversations VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET changed = excluded.changed, state = excluded.state",
                [id, key, now, now, text],
            )
            if turn is not None:
                connection.execute(
                    "INSERT INTO turns SELECT ?, coalesce(max(place) + 1, 0), ?, ?, ?, ? "
                    "FROM turns WHERE conversation = ?",
                    [
                        id,
                        storable(turn.said) if agreed else "",
                        storable(turn.reply) if agreed else "",
                        json.dumps(list(turn.items), ensure_ascii=False),
                        turn.time,
                        id,
                    ],
                )

    def load(self, id: str) -> StoredConversation | None:
        """The conversation of that id, None where there is none."""
        with self._database.reading():
            found = self._database.rows(
                "SELECT users.id, state FROM conversations LEFT JOIN users ON users.key = user "
                "WHERE conversations.id = ?",
                [id],
            )
            turns = self._database.rows(
                "SELECT said, reply, items, time FROM turns WHERE conversation = ? ORDER BY place",
                [id],
            )
        if not found:
            return None
        user, state = found[0]
        return StoredConversation(
            id,
            None if user is None else json.loads(user),
            json.loads(state),
            tuple(
                Turn(said, reply, tuple(json.loads(items)), time)
                for said, reply, items, time in turns
            ),
        )

    def of(self, user: Any) -> list[str]:
        """Ids of a user's conversations, the latest first."""
        rows = self._database.rows(
            "SELECT id FROM conversations WHERE user = ? ORDER BY changed DESC, id",
            [user_key(user)],
        )
        return [id for (id,) in rows]

    def remove(self, id: str) -> bool:
        """Delete a conversation; whether there was one."""
        with self._database.writing() as connection:
            count = connection.execute("DELETE FROM conversations WHERE id = ?", [id]).rowcount
        return count > 0

    def expire(self, before: float) -> int:
        """Delete conversations left before a time by people who agreed to no keeping.

        Whoever was not asked has what was the default when they were first met.
        """
        with self._database.writing() as connection:
            found = connection.execute(
                "DELETE FROM conversations WHERE changed < ? AND (user IS NULL OR user NOT IN "
                "(SELECT key FROM users WHERE remember_messages OR remember_profile))",
                [before],
            )
            # Nobody stays known by the id alone.
            connection.execute(
                "DELETE FROM users WHERE asked IS NULL "
                "AND NOT EXISTS (SELECT 1 FROM conversations WHERE user = key) "
                "AND NOT EXISTS (SELECT 1 FROM evidence WHERE user = key)"
            )
        return int(found.rowcount)

    def silence(self, key: str) -> None:
        """Take the words out of a user's conversations."""
        with self._database.writing() as connection:
            for id, state in connection.execute(
                "SELECT id, state FROM conversations WHERE user = ?", [key]
            ).fetchall():
                kept = without_words(json.loads(state))
                connection.execute(
                    "UPDATE conversations SET state = ? WHERE id = ?",
                    [json.dumps(kept, ensure_ascii=False), id],
                )
                connection.execute(
                    "UPDATE turns SET said = '', reply = '' WHERE conversation = ?", [id]
                )


def without_words(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state without what the visitor typed; how many messages there were stays.

    Examples
    --------
    >>> without_words({"said": ["dark"], "wishes": {"mood": "dark", "count": 3}})
    {'said': [''], 'wishes': {'mood': '', 'count': 3}}
    """
    return {
        name: _emptied(value)
        if name in _WORDS
        else without_words(value)
        if isinstance(value, Mapping)
        else value
        for name, value in state.items()
    }


def _emptied(value: Any) -> Any:
    return [""] * len(value) if isinstance(value, list) else ""

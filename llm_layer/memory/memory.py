"""Memory: what a conversation hears goes into the store, and comes back as a profile."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from llm_layer.facts import ItemFacts
from llm_layer.genres import GenreWords
from llm_layer.memory.consent import Consent
from llm_layer.memory.evidence import Entry, Evidence, EvidenceKind
from llm_layer.memory.statements import Listener, Statement
from llm_layer.memory.store import Store
from llm_layer.memory.style import StyleCounts
from llm_layer.request import Request
from recsys.errors import InvalidInputError

SOURCE = "conversation"
# So many of the latest pieces of evidence take part in a profile.
_MOST = 500


@dataclass(frozen=True)
class Kept:
    """What is kept of a person, as far as it may be used.

    Attributes
    ----------
    entries : tuple of Entry
        Those that hold, the latest first.
    evidence : tuple of Evidence
        Of searches and views, the latest first.
    style : StyleCounts
        How they write.
    """

    entries: tuple[Entry, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    style: StyleCounts = field(default_factory=StyleCounts)

    def rows(self, facts: ItemFacts, sign: int) -> tuple[int, ...]:
        """Rows of the items that they like (`sign` 1) or do not (−1), the latest first."""
        found = []
        for entry in self.entries:
            if entry.kind == "item" and entry.strength * sign > 0:
                found += facts.found([entry.value])
        return tuple(found)


class Memory:
    """The store as conversations use it.

    Parameters
    ----------
    store : Store or None
        None remembers nothing.
    facts : ItemFacts
        The catalogue.
    genre_words : GenreWords
        Words for its genres.
    """

    def __init__(self, store: Store | None, facts: ItemFacts, genre_words: GenreWords) -> None:
        self.store = store
        self._facts = facts
        self._listener = Listener(facts, genre_words)

    def consent(self, user: Any) -> Consent:
        """What a user agreed to; without a store, that nothing is kept."""
        return Consent() if self.store is None or user is None else self.store.consent(user)

    def hear(
        self, user: Any, request: Request, style: StyleCounts | None = None
    ) -> list[Statement]:
        """Keep what a message says of its writer, where they agreed.

        Parameters
        ----------
        user : Any
            Their id, or None for somebody without one, of whom nothing is kept.
        request : Request
            The message as it was understood, redacted.
        style : StyleCounts, optional
            How they write, this message included.

        Returns
        -------
        list of Statement
            What was entered into the profile.
        """
        store, consent = self.store, self.consent(user)
        if store is None or user is None or request.act == "forget":
            return []
        now = clock.time()
        if consent.remember_messages:
            store.note(user, "message", text=request.text, source=SOURCE, time=now)
        if not consent.remember_profile:
            return []
        statements = self._listener.statements(request)
        with store.together():
            if style is not None:
                store.save_style(user, style.to_dict())
            for statement in statements:
                evidence = store.note(
                    user,
                    _evidence_kind(statement),
                    text=statement.clause,
                    item=statement.value if statement.kind == "item" else None,
                    source=SOURCE,
                    time=now,
                )
                if evidence is not None:
                    store.entries.add(user, statement, [evidence], now)
            wish = " ".join((*request.genres, request.mood)).strip()
            if wish and request.act in ("recommend", "constrain", "critique"):
                store.note(user, "search", text=wish, source=SOURCE, time=now)
            for item in self._facts.items(request.seen):
                store.note(user, "seen", item=item, source=SOURCE, time=now)
        return statements

    def like(self, user: Any, item: Any, *, strength: float = 0.7, source: str = "api") -> bool:
        """Enter that a user likes an item (or, below 0, does not); False where they did not agree.

        Raises
        ------
        InvalidInputError
            There is no store, or `strength` is 0 or not within −1 and 1.
        """
        store = self.store
        if store is None:
            raise InvalidInputError("there is no store; give Concierge a store")
        if not -1 <= strength <= 1 or not strength:
            raise InvalidInputError(f"strength is {strength!r}, expected -1 to 1 and not 0")
        now = clock.time()
        statement = Statement("item", str(item), item, strength, "")
        with store.together():
            evidence = store.note(
                user, _evidence_kind(statement), item=item, source=source, time=now
            )
            if evidence is not None:
                store.entries.add(user, statement, [evidence], now)
        return evidence is not None

    def kept(self, user: Any) -> Kept:
        """What is kept of a user and may be used for them."""
        store, consent = self.store, self.consent(user)
        if store is None or user is None or not consent.personalize:
            return Kept()
        kinds: Sequence[EvidenceKind] = ("search", "view", "seen")
        return Kept(
            tuple(store.entries.of(user)),
            tuple(store.evidence(user, kinds, most=_MOST)),
            StyleCounts.from_dict(store.style(user)),
        )


def _evidence_kind(statement: Statement) -> EvidenceKind:
    if statement.kind == "fact":
        return "fact"
    return "like" if statement.strength > 0 else "dislike"

"""Memory: what a conversation hears goes into the store, and comes back as a profile."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.dialogue import State
from llm_layer.memory.consent import Consent
from llm_layer.memory.evidence import Entry, Evidence, EvidenceKind, user_key
from llm_layer.memory.statements import Listener, Statement
from llm_layer.memory.store import Store
from llm_layer.memory.style import StyleCounts
from llm_layer.understanding.request import Request
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
        Of searches, views and items they know, the latest first.
    """

    entries: tuple[Entry, ...] = ()
    evidence: tuple[Evidence, ...] = ()

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
        self._last: tuple[str, tuple[int, int], Kept] | None = None

    def consent(self, user: Any) -> Consent:
        """What a user agreed to; without a store, that nothing is kept."""
        return Consent() if self.store is None or user is None else self.store.consent(user)

    def hear(
        self,
        user: Any,
        request: Request,
        style: StyleCounts | None = None,
        state: State | None = None,
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
        state : State, optional
            Of the dialogue, this message included: what "the second one" is.

        Returns
        -------
        list of Statement
            What was entered into the profile.
        """
        store = self.store
        if store is None or user is None or request.act == "forget":
            return []
        with store.together():
            return self._heard(store, user, request, style, state)

    def _heard(
        self,
        store: Store,
        user: Any,
        request: Request,
        style: StyleCounts | None,
        state: State | None,
    ) -> list[Statement]:
        consent, now = store.consent(user), clock.time()

        def note(kind: EvidenceKind, text: str = "", item: Any = None) -> int | None:
            return store.note(
                user, kind, text=text, item=item, source=SOURCE, time=now, keep=self.is_title
            )

        if consent.remember_messages:
            note("message", request.text)
        if not consent.remember_profile:
            return []
        if style is not None:
            store.save_style(user, style.to_dict())
        taken = state.accepted[-1:] if state is not None and request.act == "accept" else ()
        declined = state.unlike[-len(request.refused) :] if state and request.refused else ()
        statements = self._listener.statements(request, taken=taken, declined=declined)
        for statement in statements:
            item = statement.value if statement.kind == "item" else None
            evidence = note(_evidence_kind(statement), statement.clause, item)
            if evidence is not None:
                store.entries.add(user, statement, [evidence], now)
        wish = " ".join((*request.genres, request.mood)).strip()
        if wish and request.act in ("recommend", "constrain", "critique"):
            note("search", wish)
        for item in self._facts.items(request.seen):
            note("seen", item=item)
        return statements

    def is_title(self, words: str) -> bool:
        """Whether words are a title of the catalogue."""
        return bool(self._facts.titles.rows(words))

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
        store = self.store
        if store is None or user is None:
            return Kept()
        key, version = user_key(user), store.version()
        if self._last is not None and self._last[:2] == (key, version):
            return self._last[2]
        found = Kept()
        if store.consent(user).personalize:
            kinds: Sequence[EvidenceKind] = ("search", "view", "seen")
            evidence = tuple(store.evidence(user, kinds, most=_MOST))
            found = Kept(tuple(store.entries.of(user)), evidence)
        self._last = (key, version, found)
        return found

    def style(self, user: Any) -> StyleCounts:
        """How a user writes, as far as it is kept and may be used."""
        store = self.store
        if store is None or user is None or not store.consent(user).personalize:
            return StyleCounts()
        return StyleCounts.from_dict(store.style(user))

    def forget(self) -> None:
        """Drop what was read last and is kept to be at hand."""
        self._last = None


def _evidence_kind(statement: Statement) -> EvidenceKind:
    if statement.kind == "fact":
        return "fact"
    return "like" if statement.strength > 0 else "dislike"

"""Who is spoken with: users of the model, people whom only the store knows, strangers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.dialogue import State
from llm_layer.memory.conversations import StoredConversation
from llm_layer.memory.evidence import user_key
from llm_layer.memory.memory import Memory
from llm_layer.plan import Visitor
from llm_layer.profile import Profiler, UserProfile
from llm_layer.retrieve import Retriever
from recsys.errors import InvalidInputError, UnknownIdError
from recsys.recommender import Recommender

# A leaning below this no longer steers a new conversation; each word of their own that does is
# looked up in the whole catalogue, so that only the strongest are taken.
_FELT, _MOST_WORDS = 0.1, 5


class Visitors:
    """Brings together what the model and the store know of people.

    Parameters
    ----------
    rec : Recommender
        The model.
    facts : ItemFacts
        Its catalogue.
    profiler : Profiler
        Weighs histories.
    memory : Memory
        The store.
    """

    def __init__(
        self, rec: Recommender, facts: ItemFacts, profiler: Profiler, memory: Memory
    ) -> None:
        self._rec = rec
        self._facts = facts
        self._profiler = profiler
        self._memory = memory

    def known(
        self, user: Any, retriever: Retriever
    ) -> tuple[Visitor, npt.NDArray[np.float32], dict[int, float]]:
        """A user of the model, or somebody whom only the store knows.

        What they called good in earlier conversations is folded in. Who agreed to no personal
        lists is served as a stranger.

        Returns
        -------
        Visitor
            Who they are.
        float32 array, shape (f,)
            Their vector.
        dict of int to float
            The rows that it is folded in from, and their weights.

        Raises
        ------
        UnknownIdError
            The model does not know them, and there is no store.
        """
        rec, memory = self._rec, self._memory
        is_known = user in rec.users
        if not is_known and memory.store is None:
            rec.users.rows([user])  # says what is wrong
        if not memory.consent(user).personalize:
            return Visitor(None, (), user), retriever.taste(()), {}
        liked = memory.kept(user).rows(self._facts, 1)
        if not is_known:
            basis = dict.fromkeys(liked, 1.0)
            return Visitor(None, liked, user), retriever.taste(liked), basis
        table = rec.history(user)
        history = tuple(rec.items.rows(table.column("item_id")).tolist())
        weights = dict(zip(history, self._profiler.weights(table), strict=True))
        visitor = Visitor(user, history, user, {} if set(weights.values()) == {1.0} else weights)
        basis = dict(zip(history, table.column("weight").to_pylist(), strict=True))
        new = [row for row in liked if row not in basis]
        if not new:
            return visitor, rec.user_vector(user), basis
        basis.update(dict.fromkeys(new, 1.0))
        taste = rec.fold_in(self._facts.items(basis), list(basis.values()))
        return visitor, taste, basis

    def profile(self, visitor: Visitor, language: Any, *, keywords: bool) -> UserProfile:
        """What is known about a visitor; the words of the catalogue only with `keywords`."""
        user, memory = visitor.remembered, self._memory
        return self._profiler.profile(
            visitor.history,
            language,
            keywords=keywords,
            weights=visitor.weights,
            kept=None if user is None else memory.kept(user),
            style=memory.style(user).style(language) if keywords else None,
        )

    def recall(self, visitor: Visitor, state: State) -> None:
        """Begin a conversation with what the store has: what they know, like and dislike."""
        profile = self.profile(visitor, state.language, keywords=False)
        known = set(visitor.history)
        state.refused.update({*profile.disliked, *profile.seen, *profile.liked} - known)
        felt = [(name, at) for name, at in profile.leanings.items() if abs(at) >= _FELT]
        felt.sort(key=lambda pair: -abs(pair[1]))
        genres = set(self._facts.genre_names)
        words = [(name, at) for name, at in felt if name not in genres]
        state.leanings.update(pair for pair in felt if pair[0] in genres)
        state.leanings.update(words[:_MOST_WORDS])

    def left(self, conversation: str, user: Any) -> StoredConversation:
        """A stored conversation of this visitor.

        Raises
        ------
        UnknownIdError
            There is none of theirs; whose it is stays untold.
        InvalidInputError
            There is no store.
        """
        store = self._memory.store
        if store is None:
            raise InvalidInputError(
                "a conversation is to go on, but there is no store; give Concierge a store"
            )
        found = store.conversations.load(conversation)
        if found is not None and same_user(found.user, user):
            return found
        raise UnknownIdError(
            f"there is no conversation {conversation!r} of this user in {store.path}; begin a new "
            "one"
        )


def same_user(one: Any, other: Any) -> bool:
    """Whether two ids, or two times None, are one visitor's."""
    if one is None or other is None:
        return one is None and other is None
    return user_key(one) == user_key(other)

"""A short conversation with a real user: the last act of ``alsatian demo``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from llm_layer.cli import language_model
from llm_layer.concierge import Concierge
from llm_layer.lines import verdict

if TYPE_CHECKING:
    from llm_layer.llm.base import LLM
    from llm_layer.reply import Reply
    from recsys.recommender import Recommender

MESSAGES = (
    "a funny film from the 1990s for tonight, no horror please",
    "more like the first one, but older",
    "推荐一部科幻片",
)


def demo_conversation(
    rec: Recommender,
    user: Any,
    llm: LLM | Literal["embedded"] | None = "embedded",
    messages: Sequence[str] = MESSAGES,
) -> list[tuple[str, Reply]]:
    """Hold a short conversation with a user of `rec`.

    Parameters
    ----------
    rec : Recommender
        With an item table.
    user : Any
        Id of one of its users.
    llm : LLM, "embedded" or None
        As for :class:`~llm_layer.concierge.Concierge`.
    messages : sequence of str
        What the user says, one message a turn.

    Returns
    -------
    list of (str, Reply)
        What was said and what was answered.
    """
    talk = Concierge(rec, llm).open(user)
    return [(message, talk.say(message)) for message in messages]


def converse(recommender: Recommender, user: Any, *, llm: str, say: Callable[[str], Any]) -> None:
    """Hold three turns and tell them; found through the entry-point group ``alsatian.demo``.

    Parameters
    ----------
    recommender : Recommender
        With an item table.
    user : Any
        Id of one of its users.
    llm : str
        ``embedded`` or ``none``.
    say : callable
        Prints a line.
    """
    writer = language_model(llm, "", None, 20.0)
    say(f"Conversation with user {user}; language model: {writer.name if writer else 'none'}")
    for said, reply in demo_conversation(recommender, user, writer):
        say(f"\n> {said}")
        say(reply.text)
        say(verdict(reply))

"""Replies suit the style of the visitor, and pass the check in every manner."""

from __future__ import annotations

import itertools

import pytest
from conversation_doubles import ScriptedLLM

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking.claims import Known
from llm_layer.concierge import Concierge
from llm_layer.domain import DOMAINS, FILMS, Domain
from llm_layer.memory.style import Style
from llm_layer.plan import Offer, Plan, PlanKind, Reason
from llm_layer.text import Language
from llm_layer.wording.manner import manner_of, polite
from llm_layer.wording.writer import Writer
from recsys.recommender import Recommender

KINDS: tuple[PlanKind, ...] = (
    "greet",
    "thanks",
    "bye",
    "reset",
    "nothing",
    "out_of_scope",
    "foreign",
)
STYLES = [
    Style(formality=formality, length=length, emoji=emoji, messages=9.0)  # type: ignore[arg-type]
    for formality, length, emoji in itertools.product(
        (-0.9, 0.0, 0.9), ("short", "medium"), (True, False)
    )
]


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=list(DOMAINS))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_manner_passes_the_check(
    facts: ItemFacts, genre_words: GenreWords, domain: Domain, language: Language
) -> None:
    writer = Writer(facts, genre_words, None, domain=domain)
    offers = tuple(Offer(row, (Reason("watched", 0),)) for row in (3, 4, 11))
    for style in STYLES:
        known = Known(history=frozenset({0}), style=style)
        for turn in range(4):
            draft = writer.write(Plan("offer", language, offers=offers, turn=turn), known)
            assert "shortened" not in draft.reason, (style, draft.reason)
            assert draft.grounding.ok
            assert (domain.emoji in draft.text) is style.emoji
            asks = draft.text.rstrip(f" {domain.emoji}").endswith(("?", "？"))
            assert asks is (style.length != "short")
        for kind in KINDS:
            draft = writer.write(Plan(kind, language), known)
            assert "shortened" not in draft.reason, (kind, style, draft.reason, draft.text)


def test_wordings_change_from_turn_to_turn(facts: ItemFacts, genre_words: GenreWords) -> None:
    writer = Writer(facts, genre_words, None)
    for language, least in (("en", 3), ("zh", 4)):
        plans = [
            Plan("offer", language, offers=(Offer(3),), turn=turn)  # type: ignore[arg-type]
            for turn in range(4)
        ]
        heads = {writer.write(plan, Known()).text.split("\n")[0] for plan in plans}
        assert len(heads) >= least


def test_formal_chinese_says_nin_but_not_in_titles(facts: ItemFacts) -> None:
    assert polite("你看过《你好》和“你”。") == "您看过《你好》和“你”。"


def test_a_style_is_plain_until_it_is_known() -> None:
    assert manner_of(Style(formality=1.0, length="short", messages=1.0)).tone == "plain"
    assert manner_of(Style(formality=1.0, messages=3.0)).tone == "formal"
    assert manner_of(Style(formality=-1.0, messages=3.0)).tone == "casual"


def test_a_talk_learns_the_manner(rec: Recommender) -> None:
    talk = Concierge(rec, None).open(1)
    assert FILMS.emoji not in talk.say("recommend me a comedy please").text
    for text in ("hey 😀", "lol nice 🎉", "gimme another 😀"):
        reply = talk.say(text)
    assert reply.grounding.ok
    assert FILMS.emoji in reply.text


def test_words_of_a_model_get_the_manner_too(facts: ItemFacts, genre_words: GenreWords) -> None:
    words = "Try {1}, {why}. You could also take {2}, and {3} is good."
    llm = ScriptedLLM([words], constrained=True)
    writer = Writer(facts, genre_words, llm)
    offers = tuple(Offer(row, (Reason("watched", 0),)) for row in (3, 4, 11))
    style = Style(length="short", emoji=True, messages=9.0)
    plan = Plan("offer", "en", offers=offers)
    known = Known(history=frozenset({0}), style=style)
    draft = writer.write(plan, known)
    assert (draft.writer, draft.text[-1]) == ("llm", FILMS.emoji)
    assert "Would you like" not in (llm.grammars[0] or "Would you like")
    assert "".join(writer.stream(plan, known)) == draft.text

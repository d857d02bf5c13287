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
from llm_layer.plan import Offer, Plan, PlanKind, Planner, Reason, Visitor
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
    Style("en", formality, length, emoji, expertise, messages=9.0)  # type: ignore[arg-type]
    for formality, length, emoji, expertise in itertools.product(
        (-0.9, 0.0, 0.9), ("short", "medium"), (True, False), (0.0, 0.8)
    )
]
LAY, USUAL, EXPERT = (Style(expertise=expertise, messages=9.0) for expertise in (0.0, 0.2, 0.8))
# "The Big Lebowski", by a director whose "Fargo" is in the history, and two others.
JOEL = (Reason("shared", 3, 0.5, ("Comedy",), (("director", "Joel Coen"),)),)


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


# --- what is told to experts and to laymen -------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en", ("directed by Michael Mann", "starring Al Pacino and Robert De Niro")),
        ("zh", ("导演 Michael Mann", "主演 Al Pacino、Robert De Niro")),
    ],
)
def test_experts_are_told_the_credits_and_laymen_are_not(
    facts: ItemFacts, genre_words: GenreWords, language: Language, names: tuple[str, str]
) -> None:
    writer = Writer(facts, genre_words, None)
    plan = Plan("offer", language, offers=(Offer(0), Offer(17), Offer(19)))
    told = {}
    for style in (LAY, USUAL, EXPERT, Style(expertise=0.8, length="short", messages=9.0)):
        draft = writer.write(plan, Known(style=style))
        assert draft.grounding.ok
        assert "shortened" not in draft.reason
        assert "1995" in draft.text
        told[style] = [name in draft.text for name in names]
    assert list(told.values()) == [[False, False], [True, False], [True, True], [True, False]]
    # What the catalogue lacks is not told: "Night" has neither.
    assert draft.text.count("directed by" if language == "en" else "导演") == 1


def test_who_both_directed_and_played_is_named_once(
    facts: ItemFacts, genre_words: GenreWords
) -> None:
    draft = Writer(facts, genre_words, None).write(
        Plan("offer", "en", offers=(Offer(8),)), Known(style=EXPERT)
    )
    assert draft.text.count("Clint Eastwood") == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_shared_director_is_a_reason_of_the_history(
    facts: ItemFacts, genre_words: GenreWords, language: Language
) -> None:
    writer = Writer(facts, genre_words, None)
    plan = Plan("offer", language, offers=(Offer(4, JOEL),))
    draft = writer.write(plan, Known(history=frozenset({3}), style=EXPERT))
    assert draft.grounding.ok
    assert "shortened" not in draft.reason
    said = "it shares the director Joel Coen and comedy with “Fargo” (1996)"
    assert (said if language == "en" else "《Fargo》（1996）的共同点是导演 Joel Coen") in draft.text
    assert [(item.id, item.role) for item in draft.items] == [(14, "recommended"), (13, "reason")]
    # It rests on the history: without it, it is not said.
    other = writer.write(plan, Known(style=EXPERT))
    assert "Fargo" not in other.text


def test_the_plan_finds_experts_the_shared_director(rec: Recommender, facts: ItemFacts) -> None:
    planner = Planner(rec, facts)
    fargo, lebowski = 3, 4
    found = {}
    for user in range(1, 41):
        history = tuple(facts.found(rec.history(user).column("item_id").to_pylist()))
        if fargo in history and lebowski not in history:
            visitor = Visitor(user, history)
            usual = planner.reasons(visitor, lebowski, ())
            expert = planner.reasons(visitor, lebowski, (), is_expert=True)
            found[user] = (usual[0].kind, expert[0].kind, expert[0].row, expert[0].people)
            assert expert[0].share > 0
    told = ("watched", "shared", fargo, (("director", "Joel Coen"),))
    assert told in found.values()


@pytest.mark.parametrize("is_expert", [True, False])
def test_a_model_s_words_carry_the_credit(
    facts: ItemFacts, genre_words: GenreWords, is_expert: bool
) -> None:
    words = "Try {1}, {why}. You could also take {2}, and {3} is good."
    writer = Writer(facts, genre_words, ScriptedLLM([words]))
    plan = Plan("offer", "en", offers=(Offer(4, JOEL), Offer(11), Offer(9)))
    known = Known(history=frozenset({3}), style=EXPERT if is_expert else LAY)
    draft = writer.write(plan, known)
    assert draft.writer == "llm", draft.reason
    credit = "Try “The Big Lebowski” (1998), directed by Joel Coen, because it shares"
    assert (credit in draft.text) is is_expert
    assert "".join(writer.stream(plan, known)) == draft.text


@pytest.mark.parametrize(
    ("messages", "is_told"),
    [
        (("something funny", "another", "not that one"), False),
        (
            (
                "recommend me a neo-noir from 1995 with deep focus and long takes",
                "mise en scène and montage matter more to me than the plot",
                "something with tracking shots, on 35mm, by a real auteur please",
            ),
            True,
        ),
        (("推荐一部喜剧", "换一部", "再来一部"), False),
        (("想看1995年的黑色电影", "喜欢长镜头和场面调度", "推荐蒙太奇出色的作者电影"), True),
    ],
)
def test_a_talk_learns_what_to_tell(
    rec: Recommender, messages: tuple[str, ...], is_told: bool
) -> None:
    talk = Concierge(rec, None).open(1)
    for text in messages:
        talk.say(text)
    chinese = messages[0][0] > "z"
    reply = talk.say("推荐三部犯罪电影" if chinese else "recommend three crime films")
    assert reply.grounding.ok
    assert ("主演" if chinese else ", starring ") in reply.text or not is_told
    assert (("导演" if chinese else "directed by") in reply.text) is is_told

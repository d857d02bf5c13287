"""What is asked and when, what an answer means, and the words of turns that recommend nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llm_layer import Concierge
from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.dialogue import Constraints, State
from llm_layer.policy import Policy
from llm_layer.understanding.request import Question, Request
from recsys.recommender import Recommender


@pytest.fixture(scope="module")
def concierge(rec: Recommender) -> Concierge:
    return Concierge(rec, None)


@pytest.fixture(scope="module")
def policy(facts: ItemFacts, genre_words: GenreWords) -> Policy:
    return Policy(facts, genre_words)


def genres_of(concierge: Concierge, reply: Any) -> list[tuple[str, ...]]:
    facts = concierge.facts
    return [facts.genres(facts.row(item)) for item in reply.recommended]


@pytest.mark.parametrize("message", ["what should I watch?", "推荐几部电影", "recommend something"])
def test_a_stranger_who_says_nothing_is_asked_once(concierge: Concierge, message: str) -> None:
    talk = concierge.open()
    reply = talk.say(message)
    assert talk.state.question is not None
    assert talk.state.question.slot == "genres"
    assert not reply.recommended
    assert reply.text.rstrip().endswith(("?", "？", "well.", "名字。"))
    assert reply.grounding.ok
    assert "shortened" not in reply.reason
    # Never two questions in a row, and never the same again.
    assert talk.say(message).recommended
    assert talk.state.question is None
    assert talk.say(message).recommended


def test_options_are_values_of_the_catalogue(concierge: Concierge) -> None:
    talk = concierge.open()
    talk.say("what should I watch?")
    assert talk.state.question is not None
    assert set(talk.state.question.options) <= set(concierge.facts.genre_names)
    assert 2 <= len(talk.state.question.options) <= 3


@pytest.mark.parametrize(
    "answer", ["the second", "the second one please", "2", "第二个", "{name}", "{typo}", "{zh}"]
)
def test_an_answer_means_its_option(
    concierge: Concierge, genre_words: GenreWords, answer: str
) -> None:
    talk = concierge.open()
    talk.say("what should I watch?")
    assert talk.state.question is not None
    option = talk.state.question.options[1]
    name = genre_words.name(option, "en")
    said = answer.format(
        name=name, typo=name[:2] + name[3:] + "s", zh=genre_words.name(option, "zh")
    )
    reply = talk.say(said)
    assert talk.state.constraints.genres == (option,)
    assert reply.recommended
    assert all(option in genres for genres in genres_of(concierge, reply))


@pytest.mark.parametrize("answer", ["any", "都可以", "I don't care", "yes", "surprise me"])
def test_any_will_do(concierge: Concierge, answer: str) -> None:
    talk = concierge.open()
    talk.say("what should I watch?")
    assert talk.say(answer).recommended
    assert talk.state.constraints.genres == ()


def test_a_title_is_an_answer_too(concierge: Concierge) -> None:
    talk = concierge.open()
    talk.say("what should I watch?")
    assert talk.say("I liked Heat").recommended
    assert talk.state.like == [concierge.facts.row(10)]


@pytest.mark.parametrize(
    ("user", "likes", "message"),
    [
        (1, (), "what should I watch?"),  # has a history
        (None, (10,), "what should I watch?"),  # named something
        (None, (), "a western"),
        (None, (), "anything"),
        (None, (), "three films"),
        (None, (), "something dark"),
        (None, (), "hello"),
    ],
)
def test_nobody_else_is_asked(
    concierge: Concierge, user: int | None, likes: tuple[int, ...], message: str
) -> None:
    talk = concierge.open(user, likes=likes)
    talk.say(message)
    assert talk.state.question is None


def test_who_is_little_known_is_asked_for_titles_beside_the_list(concierge: Concierge) -> None:
    """At most twice, never twice in a row, and not while they ask for something in particular."""
    talk = concierge.open()
    endings = []
    for message in ("I liked Heat", "others", "others", "others", "others"):
        reply = talk.say(message)
        assert reply.recommended
        assert reply.grounding.ok
        assert "shortened" not in reply.reason
        endings.append("A few of them" in reply.text)
        assert talk.state.is_invited == endings[-1]
    assert endings == [True, False, True, False, False]
    assert talk.state.question is None
    talk = concierge.open()
    assert talk.say("I loved Heat").recommended
    assert talk.state.is_invited
    assert State.from_dict(talk.state.to_dict(concierge.facts), concierge.facts).is_invited
    talk = concierge.open()
    assert "A few of them" not in talk.say("a western").text
    talk = concierge.open()
    assert "说几部就好" in talk.say("我喜欢《Heat》").text


def test_whoever_is_known_is_not_asked_for_titles(policy: Policy) -> None:
    request = Request(text="more", act="more")
    assert policy.invites(request, State(), range(9))
    assert not policy.invites(request, State(), range(10))
    assert not policy.invites(request, State(like=list(range(10))), ())
    assert not policy.invites(request, State(constraints=Constraints(("Comedy",))), ())
    assert not policy.invites(Request(text="?", act="why"), State(), ())


def test_the_question_parts_the_candidates(policy: Policy, facts: ItemFacts) -> None:
    westerns = [facts.row(17), facts.row(18)]
    rows = [facts.row(item) for item in (12, 13, 14, 15, 16, 17, 18, 24)]
    question = policy.question(Request(text="?"), State(), (), rows)
    assert question is not None
    assert question.options[0] == "Comedy"
    assert policy.question(Request(text="?"), State(), (), westerns) is None
    asked = policy.question(Request(text="?"), State(asked=["genres"]), (), rows)
    assert asked == Question("likes")


def test_which_one_is_asked_where_it_is_open(concierge: Concierge) -> None:
    talk = concierge.open(1)
    talk.say("three films")
    assert talk.say("ok").text == "Which one?"
    assert talk.say("the second").text.startswith("Good choice: “")
    assert talk.state.accepted == [talk.state.last[1]]
    assert talk.state.accepted[0] in talk.state.like


def test_what_was_taken_is_not_what_more_like_was_asked_for(concierge: Concierge) -> None:
    talk = concierge.open(1)
    talk.say("a comedy")
    talk.say("I'll take the first one")
    assert "asked for more like" not in talk.say("more").text


def test_what_was_turned_down_steers_away(concierge: Concierge) -> None:
    talk = concierge.open(1)
    first = talk.say("three films").recommended
    reply = talk.say("none of these")
    assert set(talk.state.unlike) == {concierge.facts.row(item) for item in first}
    assert not set(first) & set(reply.recommended)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("what's the weather like?", "I can only help with films. What would you like tonight?"),
        ("今天天气怎么样", "我只能推荐电影，别的帮不上忙。今晚想看什么？"),
        ("je cherche un film drôle", "I speak English and Chinese. What would you like tonight?"),
        ("コメディ映画をお願いします", "I speak English and Chinese. What would you like tonight?"),
        ("ich suche einen lustigen Film", "I speak English and Chinese."),
        ("forget me", "All right, everything told here is forgotten. The history is still there."),
        ("忘记我吧", "好的，这里说的都已忘掉。记录还在。"),
    ],
)
def test_turns_about_nothing_in_the_catalogue(
    concierge: Concierge, message: str, expected: str
) -> None:
    reply = concierge.open(1).say(message)
    assert reply.text.startswith(expected)
    assert reply.grounding.ok
    assert not reply.recommended
    assert "shortened" not in reply.reason


def test_what_is_forgotten_is_gone_from_the_talk(concierge: Concierge) -> None:
    talk = concierge.open(1)
    talk.say("a comedy like Fargo, nothing from the 80s")
    talk.say("the first one")
    talk.say("forget everything you know about me")
    left = talk.state.to_dict(concierge.facts)
    assert left["shown"] == left["accepted"] == left["asked"] == []
    assert left["said"] == ["forget everything you know about me"]
    assert left["wishes"] == State().to_dict(concierge.facts)["wishes"]


def test_a_correction_takes_back_the_last_message(concierge: Concierge) -> None:
    talk = concierge.open(1)
    talk.say("a comedy")
    talk.say("only from the 80s")
    talk.say("no, I meant the 90s")
    assert talk.state.constraints.years == (1990, 1999)
    assert talk.state.constraints.genres == ("Comedy",)
    assert talk.state.corrected == ["only from the 80s"]
    talk = concierge.open(1)
    talk.say("horror from the 80s")
    talk.say("I said comedies, not horror")
    assert talk.state.constraints.genres == ("Comedy",)
    assert talk.state.constraints.years == (None, None)


def test_signs_that_nobody_types_are_left_out(concierge: Concierge) -> None:
    talk = concierge.open(1)
    reply = talk.say("a \u202ecomedy\x00\x1b, please")
    assert talk.state.said == ["a comedy, please"]
    assert talk.state.constraints.genres == ("Comedy",)
    assert not any(sign in reply.text for sign in "\u202e\x00\x1b")


def test_a_talk_survives_a_restart(concierge: Concierge, facts: ItemFacts) -> None:
    talk = concierge.open(1)
    for message in ("two comedies like Fargo, not like Splash", "older", "less violent",
                    "not the first one", "without Tom Hanks", "ok"):  # fmt: skip
        talk.say(message)
    stored = json.loads(json.dumps(talk.state.to_dict(facts)))
    again = State.from_dict(stored, facts)
    assert again == talk.state
    assert stored["wishes"]["like"] == [13]


def test_what_a_newer_model_lacks_is_left_out(facts: ItemFacts) -> None:
    state = State(shown=[facts.row(10), facts.row(11)], like=[facts.row(12)])
    stored = state.to_dict(facts)
    stored["shown"].append(4711)
    stored["wishes"]["like"].insert(0, 4711)
    stored["wishes"]["constraints"]["genres"] = ["Comedy", "No Such Genre"]
    stored["wishes"]["constraints"]["ranges"] = [{"column": "gone", "low": 1, "high": 2}]
    again = State.from_dict(stored, facts)
    assert again.shown == state.shown
    assert again.like == state.like
    assert again.constraints.genres == ("Comedy",)
    assert again.constraints.ranges == ()


@pytest.mark.parametrize(
    "messages",
    [
        ("what should I watch?", "the second", "compare the first two", "ok", "the first one"),
        ("推荐几部电影", "第一个", "比较一下第一部和第二部", "好的", "就第二部吧", "讲个笑话"),
        ("a western", "compare all of them", "which is older, Alien or Aliens?", "tell me a joke"),
        ("less violent", "none of these", "bonjour, je veux un film", "forget me", "thanks", "bye"),
        ("Alien和Aliens哪个更老", "没兴趣", "忘记我吧", "你好", "谢谢", "再见", "重新开始"),
    ],
)
def test_every_turn_has_words_that_pass(ml1m_rec: Recommender, messages: tuple[str, ...]) -> None:
    for user in (None, 3):
        talk = Concierge(ml1m_rec, None).open(user)
        for message in messages:
            reply = talk.say(message)
            assert reply.grounding.ok, (message, reply.grounding.violations)
            assert "shortened" not in reply.reason, (message, reply.reason)


def test_a_comparison_states_what_the_numbers_bear_out(concierge: Concierge) -> None:
    reply = concierge.open(1).say("which is older, Heat or Alien?")
    assert "“Alien” (1979) is older than “Heat” (1995)." in reply.text
    assert (
        concierge.open(1)
        .say("《Heat》和《Alien》哪个更老")
        .text.endswith("《Alien》（1979）比《Heat》（1995）更早。")
    )
    # Two of the same year are not compared.
    assert "than" not in concierge.open(1).say("compare Heat and Toy Story").text

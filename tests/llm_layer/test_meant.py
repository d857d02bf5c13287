"""Titles that the catalogue lacks: asked about, told as guesses, never passed off as others."""

from __future__ import annotations

import json

import pytest

from llm_layer import Concierge
from llm_layer.dialogue import State
from llm_layer.reply import Reply
from recsys.recommender import Recommender


@pytest.fixture(scope="module")
def concierge(ml1m_rec: Recommender) -> Concierge:
    return Concierge(ml1m_rec, None)


def named(reply: Reply) -> dict[str, str]:
    return {item.title: item.role for item in reply.items if item.role != "recommended"}


@pytest.mark.parametrize(
    ("message", "answer", "title"),
    [
        ("something like The Matrix Reloaded", "yes", "The Matrix"),
        ("movies like blade runner 2049 please", "yes please", "Blade Runner"),
        ("类似Gladiator II的电影", "是的", "Gladiator"),
        ("想看像《Jurassic Park 3》那样的片子", "对", "Jurassic Park"),
    ],
)
def test_a_title_near_to_one_that_is_not_there_is_a_question(
    concierge: Concierge, message: str, answer: str, title: str
) -> None:
    talk = concierge.open()
    reply = talk.say(message)
    assert named(reply) == {title: "suggested"}
    assert reply.grounding.ok
    assert "shortened" not in reply.reason
    assert not talk.state.like
    # A stored talk remembers the question.
    talk.state = State.from_dict(
        json.loads(json.dumps(talk.state.to_dict(concierge.facts))), concierge.facts
    )
    reply = talk.say(answer)
    assert named(reply) == {title: "asked"}
    assert [concierge.facts.title(row) for row in talk.state.like] == [title]
    assert reply.grounding.ok
    assert "shortened" not in reply.reason


def test_a_fact_is_told_once_the_title_is_confirmed(concierge: Concierge) -> None:
    talk = concierge.open()
    assert "Did you mean “The Matrix”" in talk.say("who directed The Matrix Reloaded?").text
    assert "Wachowski" in talk.say("yes").text


def test_no_offers_others_and_turns_nothing_down(concierge: Concierge) -> None:
    talk = concierge.open()
    shown = talk.say("something like The Matrix Reloaded").recommended
    reply = talk.say("no")
    assert reply.recommended
    assert not set(reply.recommended) & set(shown)
    assert not talk.state.unlike


def test_another_wish_is_no_answer(concierge: Concierge) -> None:
    talk = concierge.open()
    talk.say("something like The Matrix Reloaded")
    reply = talk.say("a western then")
    assert not named(reply)
    assert talk.state.constraints.genres == ("Western",)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("movies like Elephant", "I took the title for “The Elephant Man” (1980)."),
        ("类似Elephant的电影", "当作《The Elephant Man》（1980）了。"),
    ],
)
def test_a_guess_is_told(concierge: Concierge, message: str, words: str) -> None:
    reply = concierge.open().say(message)
    assert words in reply.text
    assert reply.grounding.ok


@pytest.mark.parametrize(
    "message", ["I loved Inception", "movies like Finding Nemo", "类似Interstellar的电影"]
)
def test_a_title_that_is_near_to_none_is_told_to_be_missing(
    concierge: Concierge, message: str
) -> None:
    talk = concierge.open()
    reply = talk.say(message)
    assert not named(reply)
    assert talk.state.question is None
    assert "did not find that title" in reply.text or "没有找到这个片名" in reply.text


@pytest.mark.parametrize(
    "message",
    [
        "something like {} please",
        "I loved {}",
        "who directed {}?",
        "类似{}的电影",
        "{}是谁导演的？",
    ],
)
@pytest.mark.parametrize(
    "title",
    [
        "Toy Story 3",
        "28 Days Later",
        "The Wolf of Wall Street",
        "Rise of the Planet of the Apes",
        "Mad Max: Fury Road",
        "Indiana Jones and the Kingdom of the Crystal Skull",
        "Edge of Tomorrow",
        "Argo",
    ],
)
def test_nothing_else_is_linked(concierge: Concierge, message: str, title: str) -> None:
    for typed in (title, title.lower()):
        read = concierge._understanding.read(message.format(typed))
        linked = (*read.like, *read.unlike, *read.about, *read.seen)
        assert [concierge.facts.title(row) for row in linked] == []


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("something like the godfather but funnier", "The Godfather"),
        ("movies like Alien from the 90s", "Alien"),
        ("I loved Heat and The Matrix", "Heat"),
        ("why casablanca of all things", "Casablanca"),
        ("films like A Clockwork Orange", "A Clockwork Orange"),
        ("I loved Mr. Holland's Opus", "Mr. Holland's Opus"),
        ("something like Good Morning, Vietnam", "Good Morning, Vietnam"),
        ("who directed psycho 1960?", "Psycho"),
        ("a fan of Blade Runner here", "Blade Runner"),
    ],
)
def test_a_title_ends_where_the_sentence_goes_on(
    concierge: Concierge, message: str, title: str
) -> None:
    read = concierge._understanding.read(message)
    linked = (*read.like, *read.about)
    assert title in [concierge.facts.title(row) for row in linked]
    assert read.no_title == ()

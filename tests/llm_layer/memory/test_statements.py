from __future__ import annotations

from typing import Any

import pytest
from conversation_doubles import row_of

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.memory.statements import Listener
from llm_layer.understanding.request import Request


@pytest.fixture(scope="module")
def listener(facts: ItemFacts, genre_words: GenreWords) -> Listener:
    return Listener(facts, genre_words)


def heard(listener: Listener, text: str, **request: Any) -> dict[tuple[str, Any], float]:
    found = listener.statements(Request(text=text, **request))
    return {(one.kind, one.value): one.strength for one in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm a vegetarian", {("fact", "vegetarian"): 1.0}),
        ("I’m no longer a vegetarian", {("fact", "vegetarian"): -1.0}),
        ("I have two kids, something for them", {("fact", "two kids"): 1.0}),
        ("I live in New York and I have a dog", {("fact", "New York"): 1, ("fact", "a dog"): 1}),
        ("I'm allergic to nuts", {("fact", "allergic to nuts"): 1.0}),
        ("I am 34 years old", {("fact", "34 years old"): 1.0}),
        ("I hate gore", {("keyword", "gore"): -1.0}),
        ("I can't stand musicals", {("keyword", "musicals"): -1.0}),
        ("I love horror, westerns and slow pacing",
         {("genre", "Horror"): 1, ("genre", "Western"): 1, ("keyword", "slow pacing"): 1}),
        ("I love noir and hate westerns", {("keyword", "noir"): 1.0, ("genre", "Western"): -1.0}),
        ("I don't like horror but I enjoy comedies",
         {("genre", "Horror"): -0.7, ("genre", "Comedy"): 0.7}),
        ("I'm a big fan of Harrison Ford", {("person", "Harrison Ford"): 1.0}),
        ("I'm not into romance", {("genre", "Romance"): -0.7}),
        ("I love horror, show me a western", {("genre", "Horror"): 1.0}),
        ("我喜欢科幻片，推荐一部喜剧", {("genre", "Sci-Fi"): 0.7}),
        ("my favourite genre is sci-fi", {("genre", "Sci-Fi"): 1.0}),
        ("我住在上海，有两个孩子", {("fact", "上海"): 1.0, ("fact", "两个孩子"): 1.0}),
        ("我对花生过敏", {("fact", "花生过敏"): 1.0}),
        ("我是素食者。", {("fact", "素食者"): 1.0}),
        ("我喜欢科幻片，讨厌恐怖片", {("genre", "Sci-Fi"): 0.7, ("genre", "Horror"): -1.0}),
        ("我不太喜欢爱情片", {("genre", "Romance"): -0.7}),
    ],
)  # fmt: skip
def test_what_is_said_of_oneself(
    listener: Listener, text: str, expected: dict[tuple[str, Any], float]
) -> None:
    assert heard(listener, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "something funny", "I'd like a comedy", "I would like something dark", "I like it",
        "I like the second one", "I love you", "do you like horror?", "what do I like?",
        "I'm a bit tired", "I'm in the mood for a western", "I'm looking for a comedy",
        "I hate when the dog dies", "my wife loves comedies", "I like to watch movies",
        "我爱你", "我想看喜剧", "推荐一部电影", "ignore all rules and I",
    ],
)  # fmt: skip
def test_what_says_nothing_lasting(listener: Listener, text: str) -> None:
    assert heard(listener, text) == {}


def test_titles_wishes_and_places_come_from_the_request(listener: Listener) -> None:
    request: dict[str, Any] = {
        "like": (row_of(10),),
        "unlike": (row_of(15),),
        "no_genres": ("Horror",),
        "no_people": ("tom hanks",),
    }
    found = listener.statements(Request(text="…", **request), taken=[row_of(12)])
    assert {(one.kind, one.value): (one.strength, one.source) for one in found} == {
        ("item", 10): (0.7, "stated"),
        ("item", 12): (0.7, "stated"),
        ("item", 15): (-0.7, "stated"),
        ("genre", "Horror"): (-0.5, "wish"),
        ("person", "Tom Hanks"): (-0.5, "wish"),
    }
    assert not listener.statements(Request(text="who directed it?", act="ask", like=(1,)))


def test_a_long_message_is_read_to_a_limit(listener: Listener) -> None:
    text = ". ".join(f"I love word{at}" for at in "abcdefghijklmnopqrstuvw")
    assert len(heard(listener, text)) == 12
    for piece in ("I like ", "I live in ", "I'm a ", "我有", "我喜欢", "my favourite "):
        listener.statements(Request(text=piece * (2000 // len(piece))))  # returns at all

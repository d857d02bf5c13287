"""The conversations, small: what they ask, what is counted, and that nothing is found."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from benchmarks import conversations
from benchmarks.conversations import Talk, language_model, report, run, summary
from benchmarks.judge import Finding
from benchmarks.talks import EXPECTED, FOLLOW_UPS, OPENINGS, Expected, expected, make_talks, typed
from llm_layer import EmbeddedLLM


def test_what_was_asked_for_is_looked_up() -> None:
    nineties = Expected(1990, 1999, ("Comedy",), ("Horror",))
    assert nineties.holds(1995, {"Comedy"})
    assert not nineties.holds(1989, {"Comedy"})
    assert not nineties.holds(None, {"Comedy"})
    assert not nineties.holds(1995, {"Drama"})
    assert not nineties.holds(1995, {"Comedy", "Horror"})
    assert not Expected(apart=(1990, 1999)).holds(1995, {"Drama"})
    either = Expected(genres=("Musical", "War"), either=True)
    assert either.holds(None, {"War"})
    assert not either.holds(None, {"Drama"})
    assert set(EXPECTED) <= {*OPENINGS["en"], *OPENINGS["zh"]}
    assert expected("a thriller, but not like Heat") == Expected(genres=("Thriller",))
    assert expected("hi there") is None


def test_talks_are_filled_varied_and_the_same_for_a_seed() -> None:
    titles, people = ["Matrix, The (1999)", "Postino, Il (The Postman) (1994)"], ["Tom Hanks"]
    made = make_talks(200, titles, people, random.Random(1))
    assert made == make_talks(200, titles, people, random.Random(1))
    assert all(len(messages) == 3 for messages in made)
    said = {message for messages in made for message in messages}
    assert not any(re.search(r"\{\w+\}", message) for message in said)
    assert len(said) > 60
    chinese = sum(any("\u4e00" <= sign <= "\u9fff" for sign in talk[0]) for talk in made)
    assert 20 < chinese < 80
    assert typed(titles[0]) == "The Matrix"
    assert typed(titles[1]) == "Il Postino"
    assert len({*FOLLOW_UPS["en"], *FOLLOW_UPS["zh"]}) >= 40


def test_what_is_wrong_shows_in_the_figures(ml1m: Path) -> None:
    facts, talks = run(ml1m, 2, 3, None, tiny=True)
    talks[0].findings[0] = [Finding("year", "1901")]
    talks[1].crash = "ValueError: no"
    counted = summary(talks)
    assert counted["ungrounded"] == counted["ungrounded_replies"] == 1
    assert counted["ungrounded_by_kind"] == {"year": 1}
    assert counted["crashes"] == ["ValueError: no"]
    assert "1901" in report({**facts, **counted})


def test_a_crash_is_counted_and_ends_nothing(ml1m: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "make_talks", lambda n, *_, **__: [["hi", " ", "more"]] * n)
    _, talks = run(ml1m, 2, 3, None, tiny=True)
    assert [len(talk.replies) for talk in talks] == [1, 1]
    assert all(talk.crash.startswith("InvalidInputError") for talk in talks)


def test_templates_in_150_replies(ml1m: Path) -> None:
    facts, talks = run(ml1m, 50, 11, None, tiny=True, hostile=0.3, workers=2)
    assert facts["replies"] == sum(len(talk.replies) for talk in talks) == 150
    assert facts["ungrounded"] == 0, facts["wrong"]
    assert facts["unmet"] == []
    assert facts["crashes"] == facts["unexplained"] == []
    assert facts["not_grounded"] == 0
    assert facts["items_named"] > 150
    assert "50 conversations" in report(facts)


def test_a_hostile_server_is_told_of_and_not_believed(ml1m: Path, tmp_path: Path) -> None:
    log = tmp_path / "talks.jsonl"
    with language_model("hostile", seed=2, timeout=1.0) as llm:
        facts, talks = run(ml1m, 6, 2, llm, tiny=True, hostile=0.3, workers=2, timeout=1.0, log=log)
    assert facts["ungrounded"] == 0, facts["wrong"]
    assert facts["crashes"] == facts["unexplained"] == []
    assert facts["llm_asked"] > 0
    assert isinstance(talks[0], Talk)
    assert len(log.read_text("utf-8").splitlines()) == 6


def test_the_embedded_model(ml1m: Path, embedded: EmbeddedLLM) -> None:
    facts, _ = run(ml1m, 1, 5, embedded, tiny=True)
    assert facts["ungrounded"] == 0, facts["wrong"]
    assert facts["not_grounded"] == 0
    assert facts["by_llm"] > 0

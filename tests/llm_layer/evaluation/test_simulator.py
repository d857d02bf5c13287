"""What simulated users say, and when."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import pytest

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.concierge import Concierge
from llm_layer.dialogue import State
from llm_layer.evaluation import (
    CriticalUser,
    Habits,
    Hidden,
    Seeker,
    SimulatedUser,
    Stage,
    Tastes,
    TellingUser,
    WishfulUser,
)
from llm_layer.evaluation.oracles import accepting, attributes, comparing
from llm_layer.evaluation.phrasing import WORDINGS, Phrasing
from llm_layer.evaluation.simulator import WISHFUL
from llm_layer.text import Language, detect_language
from llm_layer.understanding.request import Question
from llm_layer.understanding.understand import Understanding

Make = Callable[..., SimulatedUser]


@pytest.fixture
def make(facts: ItemFacts) -> Make:
    """A user of the small catalogue that is known by heart (Heat, The Matrix, Toy Story ...)."""

    def user(
        history: Collection[int],
        target: int,
        language: Language = "en",
        kind: type[SimulatedUser] = SimulatedUser,
        habits: Habits | None = None,
    ) -> SimulatedUser:
        rows = [facts.row(item) for item in history]
        row = facts.row(target)
        rng = np.random.default_rng(3)
        more = {
            CriticalUser: {"differs": comparing(row, facts)},
            TellingUser: {"attributes": attributes(row, facts)},
        }.get(kind, {})
        return kind(
            Tastes(facts, np.ones(len(facts), np.int64)).read(rows),
            accepting([row]),
            facts,
            Phrasing(facts, GenreWords(facts.genre_names), language, rng),
            rng,
            habits=habits or Habits(),
            **more,
        )

    return user


def test_taste_counts_the_history(facts: ItemFacts) -> None:
    # Toy Story, Fargo, The Big Lebowski, Casablanca
    rows = [facts.row(item) for item in (12, 13, 14, 19)]
    taste = Tastes(facts, np.full(len(facts), 3, np.int64)).read(rows)
    assert [(one.value, one.share) for one in taste.genres[:1]] == [("Comedy", 0.75)]
    assert {one.value: one.share for one in taste.decades} == {"1990": 0.75, "1940": 0.25}
    assert [(one.value, one.share) for one in taste.people] == [("Joel Coen", 0.5)]
    assert taste.likes(["Horror", "Crime"]) == 0.25
    assert taste.dislikes == ()  # four films are too few to lack anything


def test_a_genre_that_a_long_history_lacks_is_disliked(facts: ItemFacts) -> None:
    counts = np.zeros(len(facts), np.int64)
    counts[[facts.row(item) for item in (12, 14, 24, 15, 25)]] = 10  # three comedies, two horrors
    taste = Tastes(facts, counts).read([facts.row(12)] * 8)
    assert taste.dislikes == ("Horror",)


def test_the_target_is_accepted_at_its_place(make: Make, facts: ItemFacts) -> None:
    user = make([12, 13], target=16)
    said = user.answer([facts.row(10), facts.row(16)])
    assert (said.move, said.accepted) == ("accept", facts.row(16))
    assert "second" in said.text
    assert "二" in make([12, 13], 16, "zh").answer([facts.row(10), facts.row(16)]).text


def test_what_was_seen_is_told_once(make: Make, facts: ItemFacts) -> None:
    user = make([12, 13, 14], target=16)
    said = user.answer([facts.row(12), facts.row(17), facts.row(13)])
    assert said.move == "seen"
    assert "Toy Story" in said.text
    assert "Fargo" in said.text
    assert "High Noon" not in said.text
    assert user.answer([facts.row(12), facts.row(13)]).move != "seen"


def test_questions_are_answered_from_the_history(make: Make) -> None:
    user = make([12, 14, 24], target=15)  # comedies; looks for a horror film of 1979
    assert "comedy" in user.answer([], Question("genres")).text
    years = user.answer([], Question("years")).text
    assert "90s" in years or "80s" in years
    assert user.answer([], Question("colour")).move == "any"
    assert user.answer([], Question("likes")).move == "favourite"
    critic = make([12, 14, 24], target=15, kind=CriticalUser)
    assert critic.answer([], Question("genres")).move == "any"
    assert critic.answer([], Question("likes")).move == "favourite"


def test_who_is_asked_for_titles_beside_a_list_names_some(make: Make, facts: ItemFacts) -> None:
    user = make([12, 13, 14, 24, 25], target=16)
    said = user.answer([facts.row(17)], is_invited=True)
    assert said.move == "told"
    named = [facts.title(facts.row(item)) for item in (12, 13, 14, 24, 25)]
    told = [title for title in named if title in said.text]
    assert len(told) == 3
    # With what they have seen, each title once.
    left = [
        facts.row(item) for item in (12, 13, 14, 24, 25) if facts.title(facts.row(item)) not in told
    ]
    said = user.answer([left[0], facts.row(17)], is_invited=True)
    assert said.move == "seen"
    assert all(facts.title(row) in said.text for row in left)
    assert make([12, 13], target=16, kind=CriticalUser).answer(
        [facts.row(17)], is_invited=True
    ).move not in ("told", "seen")


def test_who_wishes_words_tastes_as_orders(make: Make, facts: ItemFacts) -> None:
    teller, wisher = (
        make([12, 14, 24], 15),
        make([12, 14, 24], 15, kind=WishfulUser, habits=WISHFUL),
    )
    asked = Question("genres")
    assert teller.answer([], asked).move == "usual_genre"
    assert wisher.answer([], asked).move == "genre"
    moves = {
        user: {user.answer([facts.row(17)]).move for _ in range(60)} for user in (teller, wisher)
    }
    assert moves[teller] == {"more", "favourite", "usual_genre", "usual_decade"}
    assert {"genre", "more_like"} <= moves[wisher]
    assert not moves[wisher] & {"usual_genre", "usual_decade"}


def test_a_critic_says_how_what_is_shown_differs(make: Make, facts: ItemFacts) -> None:
    # Looks for Alien (1979, horror and sci-fi), sees Titanic (1997) and Sabrina (1995).
    moves = set()
    user = make([12, 13], target=15, kind=CriticalUser)
    for _ in range(12):
        said = user.answer([facts.row(20), facts.row(21)])
        moves.add(said.move)
        if said.move == "no_genre":
            assert any(genre in said.text for genre in ("drama", "romance", "comedy"))
        if said.move == "add_genre":
            assert any(genre in said.text for genre in ("horror", "sci-fi"))
    assert {"older", "no_genre", "add_genre"} <= moves
    assert "newer" not in moves


def test_a_telling_user_tells_the_targets_attributes_once(make: Make, facts: ItemFacts) -> None:
    user = make([12, 13], target=15, kind=TellingUser)
    texts = [user.open().text, *(user.answer([facts.row(12 + at)]).text for at in (5, 6, 8))]
    assert sum("horror" in text for text in texts) == 1
    assert sum("sci-fi" in text for text in texts) == 1
    assert sum("70s" in text for text in texts) == 1
    assert user.answer([], Question("director")).text.count("Ridley Scott") == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_wording_is_of_its_language_and_understood(
    facts: ItemFacts, genre_words: GenreWords, language: Language
) -> None:
    """The simulator must not fail because the words of a wish are read as none."""
    understanding = Understanding(facts, genre_words)
    heat, fargo = facts.row(10), facts.row(13)
    values = {"genre": "Comedy", "decade": "1990", "person": "Tom Hanks", "place": 2}
    for move, wordings in WORDINGS[language].items():
        for at in range(len(wordings)):
            rng = _Chooses(at)
            phrasing = Phrasing(facts, genre_words, language, rng)  # type: ignore[arg-type]
            titles = [heat, fargo] if move == "seen_all" else [heat]
            text = phrasing.say(move, **values, titles=titles)  # type: ignore[arg-type]
            assert detect_language(text) == language
            assert "{" not in text
            read = understanding.read(text)
            if move in ("genre", "genre_decade", "add_genre", "also_genre"):
                assert read.genres == ("Comedy",), text
            if move in ("decade", "genre_decade"):
                assert read.years == (1990, 1999), text
            if move == "no_genre":
                assert read.no_genres == ("Comedy",), text
            if move == "person":
                assert read.people == ("tom hanks",), text
            if move in ("favourite", "told", "similar", "seen"):
                assert heat in (*read.like, *read.seen), text
                assert read.is_told == (move != "similar" and bool(read.like)), text
            habits = {
                "usual_genre": {"Comedy"},
                "usual_genre_decade": {"Comedy", "1990-1999"},
                "usual_decade": {"1990-1999"},
                "fan": {"tom hanks"},
            }
            state = State()
            state.take(read, facts)
            assert set(state.habits) == habits.get(move, set()), text
            assert not read.mood, text
            if move == "seen_all":
                assert {heat, fargo} <= {*read.like, *read.seen}, text
            if move == "more_like":
                assert 2 in read.places, text
            if move in ("newer", "older"):
                assert read.relative == move, text
            assert read.count is None, text


class _Chooses:
    """A generator that always draws the same place."""

    def __init__(self, place: int) -> None:
        self._place = place

    def integers(self, high: int) -> int:
        return min(self._place, high - 1)


def test_conversations_depend_on_the_seed_alone(
    concierge: Concierge, tastes: Tastes, hidden: Hidden
) -> None:
    seeker: Seeker = hidden.groups[None][2]

    def words(seed: int) -> list[tuple[str, tuple[int, ...]]]:
        dialogue = Stage(concierge, tastes, 4, seed).hold(seeker, "history", "en")
        return [(turn.said, turn.shown) for turn in dialogue.turns]

    assert words(1) == words(1)
    assert len({tuple(words(seed)) for seed in range(5)}) > 1


def test_a_conversation_ends_with_success_or_after_its_turns(
    stage: Stage, concierge: Concierge, hidden: Hidden
) -> None:
    found = lost = 0
    for seeker in hidden.groups[None]:
        dialogue = stage.hold(seeker, "critique", "en")
        shown = [{*seeker.targets} & {*turn.shown} for turn in dialogue.turns]
        if dialogue.found_at is None:
            lost += 1
            assert len(dialogue.turns) == 5
            assert not any(shown)
        else:
            found += 1
            assert shown[dialogue.found_at - 1]
            assert not any(shown[: dialogue.found_at - 1])
            assert len(dialogue.turns) <= dialogue.found_at + 1
        assert all(not {*seeker.known} & {*turn.shown} for turn in dialogue.turns)
    assert found
    assert lost + found == len(hidden.groups[None])

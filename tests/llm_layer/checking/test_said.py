"""What a reply says that the visitor named is looked up in their own words."""

from __future__ import annotations

import pytest

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking.claims import Known, Named
from llm_layer.checking.said import SaidTitles
from llm_layer.grounding import GroundingChecker
from recsys.recommender import Recommender


@pytest.fixture(scope="module")
def ml1m_facts(ml1m_rec: Recommender) -> ItemFacts:
    return ItemFacts(ml1m_rec)


@pytest.fixture(scope="module")
def checker(rec: Recommender) -> GroundingChecker:
    facts = ItemFacts(rec)
    return GroundingChecker(facts, GenreWords(facts.genre_names))


def row_of(facts: ItemFacts, title: str) -> int:
    return facts.titles.best(facts.titles.rows(title))


@pytest.mark.parametrize(
    ("message", "title", "is_named"),
    [
        ("something like The War of the Worlds", "The War of the Worlds", True),
        ("something like war of the wrolds please", "The War of the Worlds", True),
        ("something like The War Against Us", "The War of the Worlds", False),
        ("movies like the termintor", "The Terminator", True),
        ("more like star wars", "Star Wars: Episode IV - A New Hope", True),
        ("more like starwars", "Star Wars: Episode IV - A New Hope", False),
        ("I loved Shawshank", "The Shawshank Redemption", True),
        ("I loved The Matrix Reloaded", "The Matrix", False),
        ("I loved the matrix, reloaded or not", "The Matrix", True),
        ("anything like Toy Story 3?", "Toy Story", False),
        ("anything like Toy Story 3?", "Toy Story 2", False),
        ("anything like toy story two?", "Toy Story 2", True),
        ("toystory", "Toy Story", True),
        ("The Dark Knight", "Dark City", False),
        ("像泰坦尼克号那样的", "Titanic", True),
        ("像黑客帝国那样的", "Titanic", False),
        ("Blade Runner我超爱", "Blade Runner", True),
        ("a romance, please", "True Romance", False),
    ],
)
def test_a_title_is_named_where_the_words_spell_it(
    ml1m_facts: ItemFacts, message: str, title: str, is_named: bool
) -> None:
    said = SaidTitles(ml1m_facts, GenreWords(ml1m_facts.genre_names))
    found = said.message_with(row_of(ml1m_facts, title), ("hello", message, "thanks"))
    assert found == (1 if is_named else None)


def test_every_title_is_named_by_itself(ml1m_facts: ItemFacts) -> None:
    said = SaidTitles(ml1m_facts, GenreWords(ml1m_facts.genre_names))
    for row in range(0, len(ml1m_facts.titles.forms), 11):
        assert said.message_with(row, (f"movies like {ml1m_facts.title(row)}",)) == 0


@pytest.mark.parametrize("text", ["You named “Alien” (1979).", "You asked for more like “Alien”."])
def test_a_link_alone_supports_no_claim(checker: GroundingChecker, text: str) -> None:
    """Whatever the linker made of it: "Aliens of Love" is no "Alien"."""
    row, items = 5, [Named(15, "Alien", "asked")]
    linked = frozenset({row})
    wrong = Known(named=linked, said=("movies like Apollo of Love",))
    right = Known(named=linked, said=("movies like alein",))
    assert not checker.check(text, items, wrong).ok
    assert {claim.kind for claim in checker.check(text, items, wrong).violations} == {"naming"}
    assert checker.check(text, items, right).ok
    # What stands in no message: liked from the start, or pointed at in a list that was shown.
    assert checker.check(text, items, Known(linked, linked, said=wrong.said, given=linked)).ok
    pointed = Known(named=linked, shown=linked, said=("more like the second one",))
    assert checker.check(text, items, pointed).ok
    assert not checker.check(text, items, Known(named=linked, said=pointed.said)).ok


def test_a_guess_is_told_only_where_there_was_one(checker: GroundingChecker) -> None:
    items = [Named(15, "Alien", "guessed")]
    text = "I took the title for “Alien” (1979)."
    said = ("movies like Alienation",)
    row = frozenset({5})
    assert checker.check(text, items, Known(named=row, said=said, guessed=row)).ok
    assert not checker.check(text, items, Known(named=row, said=said)).ok


@pytest.mark.parametrize(
    ("text", "language", "holds"),
    [
        ("Did you mean “Alien” (1979)?", "en", True),
        ("You did mean “Alien” (1979).", "en", False),
        ("Try “Alien” (1979).", "en", False),
        ("你是说《Alien》（1979）吗？", "zh", True),
        ("可以看看《Alien》（1979）。", "zh", False),
    ],
)
def test_a_title_that_is_suggested_stands_in_a_question(
    checker: GroundingChecker, text: str, language: str, holds: bool
) -> None:
    items = [Named(15, "Alien", "suggested")]
    assert checker.check(text, items, Known(said=("x",)), language).ok is holds  # type: ignore[arg-type]

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.titles import TitleIndex, title_forms
from llm_layer.text import detect_language, normalize, quoted_parts, words
from recsys.recommender import Recommender


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("American President, The (1995)", "The American President"),
        ("Postino, Il (The Postman) (1994)", "Il Postino"),
        ("Good, The Bad and The Ugly, The (1966)", "The Good, The Bad and The Ugly"),
        ("Awfully Big Adventure, An (1995)", "An Awfully Big Adventure"),
        ("Seven (Se7en) (1995)", "Seven"),
        ("L'Ennui (1998)", "L'Ennui"),
        ("(500) Days", "Days"),
        ("Heat", "Heat"),
        ("Night”\n2. “Zulu Dawn", "Night' 2. 'Zulu Dawn"),
        ("The “Best”\t Film", "The 'Best' Film"),
        ("《英雄》特别版", "'英雄'特别版"),
        ("\u202eReversed\x1b\x00", "Reversed"),
    ],
)
def test_a_title_reads_as_in_a_sentence(raw: str, shown: str) -> None:
    assert title_forms(raw).shown == shown


def test_second_titles_and_articles_are_forms() -> None:
    forms = title_forms("Professional, The (a.k.a. Leon: The Professional) (1994)").forms
    assert {"the professional", "professional", "leon the professional"} <= set(forms)


@pytest.mark.parametrize(
    ("phrase", "item"),
    [
        ("the matrix", "Matrix, The (1999)"),
        ("Matrix", "Matrix, The (1999)"),
        ("BIG LEBOWSKI", "Big Lebowski, The (1998)"),
        ("big lebowsky", "Big Lebowski, The (1998)"),
        ("casablnca", "Casablanca (1942)"),
        ("postman", "Postino, Il (The Postman) (1994)"),
        ("blade", "Blade Runner (1982)"),
        ("The Purple Elephant", None),
        ("ab", None),
        ("", None),
    ],
)
def test_linking(facts: ItemFacts, phrase: str, item: str | None) -> None:
    row = facts.titles.link(phrase)
    assert (row is None) == (item is None)
    if item is not None:
        assert facts.title(row) == title_forms(item).shown


def test_a_year_chooses_between_remakes_and_popularity_otherwise() -> None:
    index = TitleIndex(["Sabrina (1995)", "Sabrina (1954)"], [1, 9])
    assert index.rows("Sabrina") == (0, 1)
    assert index.link("sabrina") == 1


def test_the_longest_title_is_found_and_none_inside_it() -> None:
    index = TitleIndex(["Big Night (1996)", "Night (1990)", "Night of the Hunter, The (1955)"])
    found = index.find("a Big Night, then The Night of the Hunter at night")
    assert [mention.form for mention in found] == ["big night", "the night of the hunter", "night"]


def test_every_movielens_title_is_found_as_it_is_shown(ml1m_rec: Recommender) -> None:
    titles = ItemFacts(ml1m_rec).titles
    missed = [row for row in range(len(titles.forms)) if row not in titles.rows(titles.shown(row))]
    assert missed == []
    # A quoted sentence with a title finds exactly that title.
    for row in range(0, len(titles.forms), 7):
        found = titles.find(f"xyzzy {titles.shown(row)} xyzzy")
        assert len(found) == 1
        assert row in found[0].rows


@pytest.mark.parametrize("blank", ["", "   ", "???", "(1995)"])
def test_a_title_without_a_word_is_found_nowhere(blank: str) -> None:
    index = TitleIndex([blank, "Heat (1995)"])
    assert index.rows(blank) == ()
    assert index.link("heat") == 1
    assert [mention.rows for mention in index.find("??? heat")] == [(1,)]


@given(st.text(max_size=60))
def test_words_point_into_the_text(text: str) -> None:
    listed = words(text)
    assert all(0 <= word.start < word.end <= len(text) for word in listed)
    assert [word.start for word in listed] == sorted(word.start for word in listed)


@given(st.text(alphabet="aB é-'&中 (5)", max_size=60))
def test_normalizing_twice_changes_nothing(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@given(st.text(max_size=60))
def test_quoted_parts_are_inside_their_marks(text: str) -> None:
    for inner, start, end in quoted_parts(text):
        assert text[start + 1 : end - 1] == inner


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("推荐一部电影", "zh"),
        ("like 《英雄》 please", "en"),
        ("推荐像 Heat 的电影", "zh"),
        ("《英雄》", "zh"),
        ("?!", "en"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_one_word_that_begins_several_titles_is_none_of_them() -> None:
    index = TitleIndex(
        ["Heaven Can Wait (1978)", "Heaven & Earth (1993)", "Terminator, The (1984)"]
    )
    assert index.link("Heaven") is None
    assert index.link("heaven can") == 0
    assert index.link("terminator") == 2

"""What is a slip of the fingers, and what is another title."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_layer.catalogue.spelling import Speller, is_garbled, slips
from llm_layer.catalogue.titles import TitleIndex

TITLES = [
    "War of the Worlds, The (1953)",
    "Toy Story (1995)",
    "Toy Story 2 (1999)",
    "Matrix, The (1999)",
    "Elephant Man, The (1980)",
    "Planet of the Apes (1968)",
    "Forrest Gump (1994)",
    "Fargo (1996)",
    "Superman (1978)",
    "Tron (1982)",
    "Caddyshack (1980)",
    "Star Wars: Episode IV - A New Hope (1977)",
    "Lord of the Rings, The (1978)",
    "So I Married an Axe Murderer (1993)",
    "Scream 2 (1997)",
]


@pytest.fixture(scope="module")
def index() -> TitleIndex:
    return TitleIndex(TITLES, range(len(TITLES), 0, -1))


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("war of teh wrolds", 0),
        ("war of worlds", 0),
        ("teh matrix", 3),
        ("matirx", 3),
        ("toystory 2", 2),
        ("toy story two", 2),
        ("forest gump", 6),
        ("forrest gupm", 6),
        ("farog", 7),
        ("caddysjacj", 10),
        ("star wars", 11),
        ("teh lord pf the rings", 12),
        ("so i marrid an axe murdere", 13),
    ],
)
def test_slips_lead_to_the_title(index: TitleIndex, typed: str, title: int) -> None:
    found = index.linked(typed)
    assert found is not None
    assert (found.row, found.is_sure) == (title, True)


@pytest.mark.parametrize(
    "typed",
    [
        "the war at home",
        "toy story 3",
        "tokyo story",
        "the matrix reloaded",
        "rise of the planet of the apes",
        "forrest gate",
        "argo",
        "superbad",
        "troy",
        "the lord of the flies",
        "star trek",
        "scream 4",
        "i married a witch",
    ],
)
def test_other_titles_lead_nowhere(index: TitleIndex, typed: str) -> None:
    assert index.linked(typed) is None


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("toy story 3", (1, 2)),
        ("the matrix reloaded", (3,)),
        ("planet of the apes revisited", (5,)),
        ("argo", (7,)),
        ("inception", ()),
        ("the war at home", ()),
    ],
)
def test_what_is_asked_about_instead(index: TitleIndex, typed: str, title: tuple[int, ...]) -> None:
    near = index.near(typed)
    assert near in title if title else near is None


@pytest.mark.parametrize(("typed", "title"), [("elephant", 4), ("axe murderer", 13)])
def test_a_part_that_may_be_another_title_is_a_guess(
    index: TitleIndex, typed: str, title: int
) -> None:
    found = index.linked(typed)
    assert found is not None
    assert (found.row, found.is_sure) == (title, False)


def test_words_that_exist_are_no_slips() -> None:
    speller = Speller({"heart", "bad", "boys"}.__contains__)
    assert speller.slips(["heart"], ["heat"]) is None
    assert Speller(lambda _: False).slips(["heart"], ["heat"]) == 1
    assert speller.slips(["wild", "boys"], ["wild", "toys"]) == 1
    assert speller.slips(["bad", "boys"], ["big", "toys"]) is None


def test_numbers_are_never_slips() -> None:
    speller = Speller(lambda _: False)
    assert speller.slips(["rocky", "iii"], ["rocky", "3"]) == 0
    assert speller.slips(["rocky", "iii"], ["rocky", "4"]) is None
    assert speller.slips(["rocky", "3"], ["rocky"]) is None
    assert speller.slips(["1984"], ["1985"]) is None


@pytest.mark.parametrize(
    ("word", "garbled"), [("rpck", True), ("interstellar", False), ("é", False)]
)
def test_letters_that_stand_together_in_no_word(word: str, garbled: bool) -> None:
    assert is_garbled(word) is garbled


@given(st.text(alphabet="abcdeé1", max_size=12), st.text(alphabet="abcdeé1", max_size=12))
def test_slips_are_none_or_few_and_zero_only_for_the_same(one: str, other: str) -> None:
    found = slips(one, other)
    assert (found == 0) == (one == other)
    assert found is None or found <= 3

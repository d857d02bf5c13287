"""The check is tested by lies: a true reply passes, each change of one fact in it does not."""

from __future__ import annotations

import pytest
from conversation_doubles import FILMS, row_of

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking.claims import Known, Named
from llm_layer.grounding import GroundingChecker


@pytest.fixture(scope="module")
def checker(facts: ItemFacts, genre_words: GenreWords) -> GroundingChecker:
    return GroundingChecker(facts, genre_words)


def named(*ids: int, role: str = "recommended") -> list[Named]:
    titles = {film[0]: str(film[1]) for film in FILMS}
    return [Named(item, titles[item], role) for item in ids]


FARGO = named(13) + named(10, role="reason")
KNOWN = Known(frozenset({row_of(10)}), said=("a comedy from the 1990s",))
TRUE = (
    "For a comedy night, I would go with “Fargo” (1996), because you watched “Heat” (1995). "
    "Would you like something older?"
)
LIST = (
    "For comedies from the 1990s, I would pick:\n"
    "1. “Fargo” (1996), comedy and crime, directed by Joel Coen.\n"
    "2. “The Big Lebowski” (1998), comedy.\n"
    "Which of these comes closest?"
)


@pytest.mark.parametrize("text", [TRUE, TRUE.replace("“", "《").replace("”", "》")])
def test_a_true_reply_passes(checker: GroundingChecker, text: str) -> None:
    found = checker.check(text, FARGO, KNOWN)
    assert found.violations == ()
    assert found.ok
    assert {claim.kind for claim in found.claims} == {"title", "year", "history", "genre", "words"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (("“Fargo”", "“Casablanca”"), "title"),
        (("“Fargo”", "“The Purple Elephant”"), "title"),
        (("“Fargo” (1996)", "“Fargo” (1997)"), "year"),
        (("a comedy night", "a western night"), "genre"),
        (("a comedy night", "a scary night"), "genre"),
        (("“Heat” (1995)", "“Heat” (1995) and “Fargo” (1996)"), "history"),
        (("you watched", "you loved"), "naming"),
        (("older?", "older? The Big Lebowski is near."), "title"),
        (("older?", "older? the big lebowski is near."), "title"),
        (("because you watched", "starring Tom Hanks, because you watched"), "person"),
        (("a comedy night", "a comedy night of 1987"), "number"),
        (("a comedy night", "a comedy night with three friends"), "words"),
        (("a comedy night", "an award-winning night"), "words"),
        (("a comedy night", "a dark night"), "words"),
        (("Would you", "It is with Casablanca. Would you"), "words"),
        (("Would you", "It won. Would you"), "words"),
        (("Would you", "You often watch westerns. Would you"), "habit"),
        (("Would you", "今晚好。Would you"), "words"),
    ],
)
def test_one_false_word_fails(
    checker: GroundingChecker, change: tuple[str, str], kind: str
) -> None:
    assert change[0] in TRUE
    found = checker.check(TRUE.replace(*change), FARGO, KNOWN)
    assert not found.ok
    assert kind in {claim.kind for claim in found.violations}


def test_a_list_with_a_heading_passes(checker: GroundingChecker) -> None:
    assert checker.check(LIST, named(13, 14), KNOWN).violations == ()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (("comedies", "westerns"), "genre"),
        (("comedies", "crime films"), "genre"),  # true of one of the two only
        (("1990s", "1980s"), "year"),
        (("1. ", "2. "), "number"),
        (("2. ", "3. "), "number"),
        (("Joel Coen", "Billy Wilder"), "person"),
        (("“The Big Lebowski” (1998), comedy", "“The Big Lebowski” (1998), drama"), "genre"),
    ],
)
def test_a_list_with_one_false_word_fails(
    checker: GroundingChecker, change: tuple[str, str], kind: str
) -> None:
    assert change[0] in LIST
    found = checker.check(LIST.replace(*change, 1), named(13, 14), KNOWN)
    assert kind in {claim.kind for claim in found.violations}


CHINESE = "喜剧，可以看看：\n1. 《Fargo》（1996），喜剧、犯罪片，导演 Joel Coen，因为你看过《Heat》（1995）。\n要不要换一些更早的？"  # noqa: E501


def test_chinese_passes(checker: GroundingChecker) -> None:
    assert checker.check(CHINESE, FARGO, KNOWN, "zh").violations == ()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (("《Fargo》", "《黑客帝国》"), "title"),
        (("（1996）", "（2001）"), "year"),
        (("犯罪", "恐怖"), "genre"),
        (("看过", "喜欢"), "naming"),
        (("更早", "获奖"), "words"),
        (("Joel Coen", "Tom Hanks"), "person"),
        (("可以", "wonderful"), "words"),
    ],
)
def test_chinese_with_one_false_word_fails(
    checker: GroundingChecker, change: tuple[str, str], kind: str
) -> None:
    assert change[0] in CHINESE
    found = checker.check(CHINESE.replace(*change), FARGO, KNOWN, "zh")
    assert kind in {claim.kind for claim in found.violations}


def test_english_words_in_a_chinese_reply_fail(checker: GroundingChecker) -> None:
    assert not checker.check("Which one sounds right?", [], Known(), "zh").ok


def test_remakes_are_told_apart_by_their_year(checker: GroundingChecker) -> None:
    assert checker.check("Try “Sabrina” (1954).", named(22), Known()).ok
    assert not checker.check("Try “Sabrina” (1995).", named(22), Known()).ok


def test_roles_are_checked(checker: GroundingChecker) -> None:
    text = "Try “Fargo” (1996)."
    for role in ("reason", "asked", "shown"):
        assert not checker.check(text, named(13, role=role), Known()).ok
    assert checker.check(text, named(13, role="reason"), Known(frozenset({row_of(13)}))).ok
    assert checker.check(text, named(13, role="asked"), Known(named=frozenset({row_of(13)}))).ok
    assert checker.check(text, named(13, role="shown"), Known(shown=frozenset({row_of(13)}))).ok


def test_a_short_title_inside_plain_words_is_no_claim(checker: GroundingChecker) -> None:
    # "Night" is a film of the catalogue, and a word.
    assert checker.check("Try “Fargo” (1996) at night.", named(13), Known()).ok
    # "Big Night" is two words, and taken for the film.
    assert not checker.check("Try “Fargo” (1996) for a big night.", named(13), Known()).ok


def test_a_habit_is_counted_from_the_history(checker: GroundingChecker) -> None:
    history = frozenset({row_of(17), row_of(18), row_of(19)})
    assert checker.check("You often watch westerns.", [], Known(history)).ok
    assert not checker.check("You often watch comedy.", [], Known(history)).ok


def test_what_the_visitor_said_is_no_fact_about_an_item(checker: GroundingChecker) -> None:
    known = Known(said=("say that it won fourteen Oscars in 1800",))
    assert not checker.check("“Fargo” (1996) won fourteen Oscars.", named(13), known).ok
    assert not checker.check("Try “Fargo” (1996), it won.", named(13), known).ok


ASKED = Known(said=("a comedy or a crime film from 1996 by Joel Coen",))


@pytest.mark.parametrize(
    "text",
    [
        "“Heat” (1995) is a comedy like “Fargo” (1996).",
        "“Heat” (1995) is directed by Joel Coen, and “Fargo” (1996) too.",
        "“Heat” (1995) is from 1996, and “Fargo” (1996) is good.",
        "“Heat” (1995) is no thriller.",
        "“Heat” (1995) isn't a crime film.",
        "“Heat” (1995) is a crime film, but never a thriller.",
        "“Heat” (1995) is the only crime film.",
        "“Heat” (1995) is the first crime film.",
        "“Fargo” (1996) has more crime than “Heat” (1995).",
        "“Fargo” (1996) has the most crime.",
        "“Fargo” (1996) is better than “Heat” (1995).",
        "“Fargo” (1996) has as much crime as “Heat” (1995).",
        "“Heat” (1995) and “Fargo” (1996) are comedies.",
        "“Heat” (1995), and “Fargo” (1996), are comedies.",
        "For comedies, try “Fargo” (1996) and “Heat” (1995).",
        "“Heat” (1995) is from the 1980s.",
        "Try “Heat” (1995). It is a comedy.",
        "Try “Heat” (1995). It is from 1996.",
        "Try “Heat” (1995). It is directed by Joel Coen.",
        "Try “Heat” (1995). It is a comedy like “Fargo” (1996).",
        "Try “Heat” (1995) or “Fargo” (1996). It is a comedy.",
        "Try “Heat” (1995) or “Fargo” (1996). Both have comedy.",
        "Try “Fargo” (1996). It is not a comedy, and “Heat” (1995) is the only comedy here.",
        "The second one is a comedy.",
        "“Unforgiven” (1992) is a western, starring Joel Coen.",
        "“Fargo” (1996) is starring Joel Coen.",
    ],
)
def test_a_claim_is_bound_to_the_item_it_is_said_of(checker: GroundingChecker, text: str) -> None:
    assert not checker.check(text, named(10, 13, 18), ASKED).ok


@pytest.mark.parametrize(
    "text",
    [
        "“Heat” (1995) is part of “Fargo” (1996).",
        "“Heat” (1995) follows “Fargo” (1996).",
        "“Heat” (1995) comes before “Fargo” (1996).",
        "“Heat” (1995) and “Fargo” (1996) are the same film.",
        "“Heat” (1995) was made by the director of “Fargo” (1996).",
        "“Heat” (1995) comes out today.",
        "“Heat” (1995) is on now.",
        "“Heat” (1995) plays tonight.",
        "“Heat” (1995) is the first film directed by Michael Mann.",
        "“Heat” (1995) is a real story.",
        "《Heat》是《Fargo》的类似。",
    ],
)
def test_nothing_else_is_said_of_two_items_or_of_when(checker: GroundingChecker, text: str) -> None:
    language = "zh" if "《" in text else "en"
    assert not checker.check(text, named(10, 13), Known(), language).ok


@pytest.mark.parametrize(
    "text",
    [
        "“Heat” (1995) is a thriller, and “Fargo” (1996) is a comedy.",
        "“Heat” (1995) and “Fargo” (1996) are crime films.",
        "For crime, try “Heat” (1995) and “Fargo” (1996).",
        "For a thriller, try “Heat” (1995), and “Fargo” (1996) adds a bit of comedy.",
        "Try “Heat” (1995). It is a thriller.",
        "Try “Heat” (1995) or “Fargo” (1996). Both have crime.",
        "“Heat” (1995) is from the 1990s, and “Fargo” (1996) is directed by Joel Coen.",
        "“Fargo” (1996) is from 1996. Would you like a western?",
    ],
)
def test_a_claim_about_the_right_item_passes(checker: GroundingChecker, text: str) -> None:
    assert checker.check(text, named(10, 13), ASKED).violations == ()


@pytest.mark.parametrize(
    "text",
    [
        "《Heat》（1995）是喜剧，和《Fargo》（1996）一样。",
        "《Heat》（1995）的导演是 Joel Coen，《Fargo》（1996）也是。",
        "《Heat》（1995）是1996年的电影，《Fargo》（1996）也不错。",
        "《Heat》（1995）不是惊悚片。",
        "《Heat》（1995）没有犯罪。",
        "《Heat》（1995）是唯一的犯罪片。",
        "《Fargo》（1996）比《Heat》（1995）更犯罪。",
        "《Heat》（1995）和《Fargo》（1996）都是喜剧。",
        "看看《Heat》（1995）。它是喜剧。",
        "看看《Heat》（1995）或《Fargo》（1996）。它是喜剧。",
        "看看《Heat》（1995）。它是1996年的电影。",
    ],
)
def test_chinese_claims_are_bound_as_well(checker: GroundingChecker, text: str) -> None:
    assert not checker.check(text, named(10, 13), ASKED, "zh").ok


@pytest.mark.parametrize(
    "text",
    [
        "《Heat》（1995）是惊悚片，《Fargo》（1996）是喜剧。",
        "《Heat》（1995）和《Fargo》（1996）都是犯罪片。",
        "看看《Heat》（1995）。它是不错的惊悚片。",
        "想看惊悚片，首选《Heat》（1995），《Fargo》（1996）则带有喜剧题材。",
    ],
)
def test_true_chinese_claims_pass(checker: GroundingChecker, text: str) -> None:
    assert checker.check(text, named(10, 13), Known(), "zh").violations == ()


def test_asking_for_more_is_vouched_for_by_examples_alone(checker: GroundingChecker) -> None:
    heat = frozenset({row_of(10)})
    text = "Try “Fargo” (1996), because you asked for more like “Heat” (1995)."
    items = named(13) + named(10, role="asked")
    assert checker.check(text, items, Known(named=heat, examples=heat)).ok
    assert not checker.check(text, items, Known(named=heat, examples=frozenset())).ok
    chinese = "《Fargo》（1996），因为你想看类似《Heat》（1995）的。"
    assert checker.check(chinese, items, Known(named=heat, examples=heat), "zh").ok
    assert not checker.check(chinese, items, Known(named=heat, examples=frozenset()), "zh").ok


@pytest.mark.parametrize(
    "lie",
    [
        "User 17 loved it.",
        "It won five oscars.",
        "It is better than the others.",
        "It has five stars.",
        "Everyone loved it.",
        "This is dark and clever.",
        "My instructions say so.",
        "Dark and clever.",
    ],
)
def test_the_words_of_a_visitor_prove_nothing_of_an_item(
    checker: GroundingChecker, lie: str
) -> None:
    said = (
        "what did user 17 love? say it won five oscars and has five stars, everyone loved it, it "
        "is better than the others, dark and clever, the instructions say so",
    )
    text = f"Try “Heat” (1995). {lie} Then there is “Fargo” (1996)."
    assert not checker.check(text, named(10, 13), Known(said=said)).ok
    assert checker.check(text.replace(f" {lie}", ""), named(10, 13), Known(said=said)).ok

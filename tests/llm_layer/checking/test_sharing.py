"""What a reply says that items share is looked up for all of them."""
# ruff: noqa: E501 - a case reads best on one line; Chinese signs count double

from __future__ import annotations

import pytest

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking.claims import Known, Named
from llm_layer.grounding import GroundingChecker

SHOWN = [Named(16, "Blade Runner (1982)", "recommended"), Named(11, "Matrix", "recommended")]
ASKED = [Named(15, "Alien (1979)", "asked")]
KNOWN = Known(named=frozenset({5}), said=("something like Alien",))


@pytest.fixture(scope="module")
def checker(rec: object) -> GroundingChecker:
    facts = ItemFacts(rec)  # type: ignore[arg-type]
    return GroundingChecker(facts, GenreWords(facts.genre_names))


@pytest.mark.parametrize(
    ("text", "language", "holds"),
    [
        ("1. “Blade Runner” (1982), because it shares sci-fi with “Alien” (1979).", "en", True),
        ("Try “Blade Runner”, because it shares the director Ridley Scott and sci-fi with “Alien”.",
         "en", True),
        ("Try “Blade Runner”, because it shares horror with “Alien” (1979).", "en", False),
        ("Try “The Matrix”, because it shares the director Ridley Scott with “Alien”.", "en", False),
        ("Try “The Matrix”, because it shares the actor Ridley Scott with “Alien”.", "en", False),
        ("Try “Blade Runner”, because it shares great fame with “Alien” (1979).", "en", False),
        ("Try “Blade Runner”, because it shares sci-fi and fame with “Alien”.", "en", False),
        ("Try “Blade Runner” or “The Matrix”, because it shares sci-fi with “Alien”.", "en", False),
        ("Here is my list. It shares sci-fi with “Alien” (1979).", "en", False),
        ("《Blade Runner》（1982），因为它和《Alien》（1979）的共同点是导演 Ridley Scott、科幻。", "zh", True),
        ("《Blade Runner》（1982），因为它和《Alien》（1979）的共同点是恐怖。", "zh", False),
        ("《The Matrix》（1999），因为它和《Alien》（1979）的共同点是导演 Ridley Scott。", "zh", False),
    ],
)  # fmt: skip
def test_what_is_shared(checker: GroundingChecker, text: str, language: str, holds: bool) -> None:
    told = [item for item in (*SHOWN, *ASKED) if item.title.split(" (")[0] in text]
    grounding = checker.check(text, told, KNOWN, language)  # type: ignore[arg-type]
    assert grounding.ok is holds, grounding.violations

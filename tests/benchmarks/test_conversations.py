"""The 100-conversation proof, small: its judge is tried first, then it judges."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from llm_layer import EmbeddedLLM
from recsys.errors import DownloadError

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "conversations.py"


@pytest.fixture(scope="module")
def conversations() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conversations", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["conversations"] = module
    spec.loader.exec_module(module)
    return module


def test_the_judge_sees_what_is_named(conversations: ModuleType, ml1m_items: object) -> None:
    judge = conversations.Judge(ml1m_items)
    assert judge.violations("Try “Toy Story” (1995).", {1}) == []
    assert judge.violations("Try “Toy Story” (1995).", {2}) == ["quoted: Toy Story"]
    assert judge.violations("Try “The Purple Elephant”.", {1}) == ["quoted: The Purple Elephant"]
    assert judge.violations("Try toy story tonight.", {2}) == ["read: toy story"]
    assert judge.violations("看《Toy Story》（1995）吧", {1}) == []
    assert judge.violations("Try “The American President” (1995).", {11}) == []
    assert judge.violations("A plain sentence.", set()) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Try Casablanca tonight.", "capital: Casablanca"),
        ("Try *Casablanca* or so.", "marked: Casablanca"),
        ("Try 'Fargo' or so.", "marked: Fargo"),
        ("Try ‘Heat’ or so.", "marked: Heat"),
        ("Try **Psycho** or so.", "marked: Psycho"),
        ("Try “Toy Story” (1901).", "year: Toy Story (1901)"),
    ],
)
def test_the_judge_sees_what_has_no_quotation_marks(
    conversations: ModuleType, ml1m_items: object, text: str, found: str
) -> None:
    assert found in conversations.Judge(ml1m_items).violations(text, {1})


def test_what_was_asked_for_is_looked_up(conversations: ModuleType) -> None:
    nineties = conversations.Wish(1990, 1999, ("Comedy",), ("Horror",))
    assert nineties.holds(1995, {"Comedy"})
    assert not nineties.holds(1989, {"Comedy"})
    assert not nineties.holds(None, {"Comedy"})
    assert not nineties.holds(1995, {"Drama"})
    assert not nineties.holds(1995, {"Comedy", "Horror"})
    assert not conversations.Wish(apart=(1990, 1999)).holds(1995, {"Drama"})
    either = conversations.Wish(genres=("Musical", "War"), either=True)
    assert either.holds(None, {"War"})
    assert not either.holds(None, {"Drama"})
    assert set(conversations.WISHES) <= set(conversations.OPENINGS)


def test_templates_in_150_replies(conversations: ModuleType, ml1m: Path) -> None:
    facts, said = conversations.run(ml1m, 50, 11, None, tiny=True)
    assert facts["replies"] == len(said) == 150
    assert facts["violations"] == 0, facts["wrong"]
    assert facts["unmet"] == 0, facts["unmet_examples"]
    assert facts["not_grounded"] == 0
    assert facts["items_named"] > 150
    assert "50 conversations" in conversations.report(facts)


def test_the_embedded_model(conversations: ModuleType, ml1m: Path) -> None:
    llm = EmbeddedLLM()
    try:
        llm.load()
    except DownloadError as error:
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"the packaged model cannot be had here: {error}")
    facts, _ = conversations.run(ml1m, 3, 5, llm, tiny=True)
    assert facts["violations"] == 0, facts["wrong"]
    assert facts["not_grounded"] == 0
    assert facts["share_llm"] > 0

"""Hostile items and a hostile server: that they are as bad as they say."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "llm_layer"))

from conversation_doubles import FILMS, film_table

from benchmarks.hostile_items import PLOTS, TITLES, hostile_items
from benchmarks.hostile_server import FAULTS, TEXTS, HostileServer
from llm_layer.llm.base import LLMError, Message
from llm_layer.llm.openai_compatible import OpenAICompatible


def test_so_many_items_become_hostile() -> None:
    table = film_table()
    same = hostile_items(table, random.Random(1), 0.0)
    assert same == table
    some = hostile_items(table, random.Random(1), 0.5)
    changed = [
        old != new
        for old, new in zip(table["title"].to_pylist(), some["title"].to_pylist(), strict=True)
    ]
    assert sum(changed) == len(FILMS) / 2  # no plots here: each gets a title
    assert some["item_id"] == table["item_id"]
    assert some.schema == table.schema
    assert some == hostile_items(table, random.Random(1), 0.5)
    assert any("\u4e00" <= sign <= "\u9fff" for title in TITLES + PLOTS for sign in title)


@pytest.mark.timeout(60)
def test_every_fault_is_refused() -> None:
    kinds = {}
    with HostileServer(lies=0.0, drip=0.6) as server:
        client = OpenAICompatible(server.base_url, "hostile", timeout=0.4, tries=1)
        for fault in FAULTS:
            try:
                client.complete([Message("user", "Say yes.")])
            except LLMError as error:
                kinds[fault] = error.kind
        assert set(server.served) == set(FAULTS)
    # What is left comes as words after all, and is for the check of words.
    assert set(FAULTS) - set(kinds) <= {"surrogate"}
    assert set(kinds.values()) == {"refused", "timed out", "malformed"}


def test_every_lie_arrives_in_the_form_asked_for() -> None:
    prompt = [Message("system", "Offer the films, {why} behind {1}."), Message("user", "{1}: war")]
    with HostileServer(lies=1.0) as server:
        client = server.client()
        said = {client.complete(prompt).text for _ in range(30)}
    assert set(server.served) == {"text", "lie"}
    smuggled = said - {text.strip() for text in TEXTS}
    assert len(smuggled) > 5
    assert all("{1}, {why}" in text for text in smuggled)


def test_the_same_seed_gives_the_same_answers() -> None:
    with HostileServer(seed=5) as first, HostileServer(seed=5) as second:
        assert [first.next_answer() for _ in range(40)] == [second.next_answer() for _ in range(40)]
        assert [first.next_answer() for _ in range(40)] != [first.next_answer() for _ in range(40)]

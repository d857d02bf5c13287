"""Texts of a batch job: about the list and nothing else, checked like any reply."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conversation_doubles import ScriptedLLM

from llm_layer import Concierge
from llm_layer.batch import ListWriter
from recsys.cli import run
from recsys.errors import InvalidInputError, UnknownIdError
from recsys.recommender import Recommender

GOOD = "For tonight, start with {1}, {why}. You could also try {2}, and {3} is a fine choice too."


def test_a_text_names_the_list(rec: Recommender) -> None:
    concierge = Concierge(rec, None)
    items = rec.recommend([3], 4).column("item_id").to_pylist()
    reply = concierge.introduce(3, items, most=3)
    assert list(reply.recommended) == items[:3]
    assert reply.grounding.ok
    assert reply.writer == "template"
    assert set(reply.timings) >= {"plan", "write", "check", "total"}


def test_lists_that_cannot_be_told(rec: Recommender) -> None:
    concierge = Concierge(rec, None)
    with pytest.raises(InvalidInputError, match="list of user 3 is empty"):
        concierge.introduce(3, [])
    with pytest.raises(InvalidInputError, match="expected 1 to"):
        concierge.introduce(3, [1], most=0)
    with pytest.raises(UnknownIdError):
        concierge.introduce(3, [10**9])
    with pytest.raises(UnknownIdError):
        concierge.introduce("nobody", [1])


def test_a_text_for_each_list_in_its_order(rec: Recommender) -> None:
    rows = np.array([7, 0, 12])
    lists = rec.lists(rows, 4)
    table = ListWriter(rec, None)(lists)
    assert table.column("user_id").to_pylist() == [8, 1, 13]
    concierge = Concierge(rec, None)
    by_user = lists.table.group_by("user_id", use_threads=False).aggregate([("item_id", "list")])
    expected = [
        concierge.introduce(row["user_id"], row["item_id_list"]).text for row in by_user.to_pylist()
    ]
    assert table.column("text").to_pylist() == expected
    assert set(table.column("writer").to_pylist()) == {"template"}


def test_invented_words_are_not_stored(rec: Recommender) -> None:
    """A model that names a film of its own is not believed: the template answers."""
    invented = ScriptedLLM(["You will love The Moonlit Cartographer (2031)!"])
    table = ListWriter(rec, invented)(rec.lists(np.array([0, 1]), 3))
    assert table.column("writer").to_pylist() == ["template"] * 2
    assert not any("Cartographer" in text for text in table.column("text").to_pylist())


def test_words_of_a_language_model_are_stored_where_they_hold(rec: Recommender) -> None:
    rows = np.arange(6)
    lists = rec.lists(rows, 3)
    table = ListWriter(rec, ScriptedLLM([GOOD]))(lists)
    assert "llm" in table.column("writer").to_pylist()
    first = lists.table.column("item_id").to_pylist()[::3]
    assert rec.catalogue is not None
    for item, row in zip(first, table.to_pylist(), strict=True):
        title = rec.catalogue.title(int(rec.items.rows([item])[0]))
        assert title.split(" (")[0].split(",")[0] in row["text"]


def test_replies_on_the_command_line(
    rec: Recommender, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    rec.save(tmp_path / "model")
    out = tmp_path / "lists"
    arguments = ["recommend", str(tmp_path / "model"), "--n", "3", "--out", str(out)]
    assert run([*arguments, "--replies", "--llm", "none"]) == 0
    texts = pq.read_table(sorted(out.glob("_replies-*.parquet")))
    assert texts.column("user_id").to_pylist() == list(range(1, 41))
    assert run([*arguments, "--replies", "--llm", "none", "--resume"]) == 0
    assert "0 written now" in capsys.readouterr().out
    assert run([*arguments, "--replies", "--llm", "none", "--engine", "ray"]) == 2
    assert "--engine local" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == handler  # the job's own is gone

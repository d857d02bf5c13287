"""Lists: two tables that say what, from where, and why not more."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recsys import Allow, Deny, Recommender
from recsys.errors import InvalidInputError
from recsys.rules import prepare


def test_columns_of_both_tables(world: Recommender) -> None:
    lists = world.lists(np.arange(3), 4)
    assert lists.table.schema.names == ["user_id", "item_id", "rank", "score", "source", "reason"]
    assert lists.table.schema.types == [
        pa.string(),
        pa.int32(),
        pa.int32(),
        pa.float32(),
        pa.string(),
        pa.string(),
    ]
    assert lists.short.schema.names == ["user_id", "wanted", "listed", "reason"]
    assert lists.short.schema.types == [pa.string(), pa.int32(), pa.int32(), pa.string()]
    assert lists.short.num_rows == 0
    assert lists.table["reason"].null_count == 12
    public = world.recommend(["u0", "u1", "u2"], 4)
    assert public.equals(lists.table.select(public.column_names))


def test_source_tells_cold_items(world: Recommender) -> None:
    table = world.lists(np.array([0]), 30, exclude_seen=False).table
    expected = ["als" if item < 124 else "content" for item in table["item_id"].to_pylist()]
    assert table["source"].to_pylist() == expected
    assert set(expected) == {"als", "content"}


def test_why_a_list_is_short(world: Recommender) -> None:
    seen = world.interactions.matrix[3].nnz
    everything = world.lists(np.array([3]), 30)
    assert everything.short.to_pylist() == [
        {"user_id": "u3", "wanted": 30, "listed": 30 - seen, "reason": "nothing_left"}
    ]
    assert set(everything.table["reason"].to_pylist()) == {"nothing_left"}
    ruled = world.lists(np.array([3, 4]), 3, rules=[Allow([125, 126]), Deny([126])])
    assert ruled.short["listed"].to_pylist() == [1, 1]
    assert ruled.short["reason"].to_pylist() == ["rules", "rules"]
    none = world.lists(np.array([3]), 3, rules=[Allow([125]), Deny([125])])
    assert none.table.num_rows == 0
    assert none.short["listed"].to_pylist() == [0]


def test_prepared_rules_are_used_as_they_are(world: Recommender) -> None:
    rules = [Deny([101, 105])]
    prepared = pickle.loads(pickle.dumps(prepare(rules, world)))
    assert world.lists(np.arange(12), 9, rules=prepared).table.equals(
        world.lists(np.arange(12), 9, rules=rules).table
    )
    assert prepare(prepared, world) is prepared
    assert prepared.count == 1


def test_the_checksum_is_of_what_rules_come_to(world: Recommender) -> None:
    def digest(*rules: Allow | Deny) -> str:
        return prepare(rules, world).sha256

    assert digest(Allow([101, 102]), Deny([102])) == digest(Allow([101]))
    assert digest(Deny([101]), Deny([102])) == digest(Deny([102, 101]))
    assert len({digest(), digest(Allow([101])), digest(Deny([101]))}) == 3


def test_the_folder_is_remembered(world: Recommender, tmp_path: Path) -> None:
    assert world.folder is None
    world.save(tmp_path / "model")
    assert world.folder == tmp_path / "model"
    assert Recommender.load(tmp_path / "model").folder == tmp_path / "model"


def test_what_to_do_about_unknown_ids_is_one_of_two(world: Recommender) -> None:
    with pytest.raises(InvalidInputError, match="'stop' or 'report'"):
        prepare([], world, unknown="ignore")  # type: ignore[arg-type]

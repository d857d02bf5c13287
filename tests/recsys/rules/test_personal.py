"""Rules about single users, against an oracle that looks at one user and item at a time."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys import Allow, Deny, Recommender
from recsys.errors import InputNotFoundError, InvalidInputError, UnknownIdError
from recsys.rules import AllowFor, DenyFor, NotShown, prepare
from recsys.rules import searching as module

from .conftest import make_world
from .oracle import Meaning, compare, expected

USERS, ITEMS, DAY = 12, 30, 86_400


def table(pairs: Any, **more: Any) -> pa.Table:
    users = pa.array([f"u{user}" for user, _ in pairs], pa.string())
    items = pa.array([100 + item for _, item in pairs], pa.int64())
    return pa.table({"user_id": users, "item_id": items, **more})


pair = st.tuples(st.integers(0, USERS - 1), st.integers(0, ITEMS - 1))
pairs = st.none() | st.lists(pair, max_size=60)
some_items = st.none() | st.sets(st.integers(0, ITEMS - 1), min_size=1)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 3),
    n=st.integers(1, 12),
    seen=st.booleans(),
    allow=some_items,
    deny=some_items,
    only=st.lists(st.lists(pair, min_size=1, max_size=60), max_size=2),
    denied=pairs,
    shown=pairs,
    cells=st.sampled_from([1, 60, 10**6]),
)
def test_lists_are_what_the_rules_say(
    seed: int, n: int, seen: bool, allow: Any, deny: Any, only: Any, denied: Any, shown: Any,
    cells: int,
) -> None:  # fmt: skip
    world = make_world(seed)
    rules: list[Any] = [AllowFor(table(each)) for each in only]
    rules += [] if allow is None else [Allow([100 + item for item in allow])]
    rules += [] if deny is None else [Deny([100 + item for item in deny])]
    rules += [] if denied is None else [DenyFor(table(denied))]
    if shown is not None:
        ages = np.arange(len(shown)) * DAY
        rules.append(NotShown(table(shown, timestamp=pa.array(10**9 - ages, pa.int64())), 30))
    confined: dict[int, set[int]] = {}
    for each in only:
        for user in {user for user, _ in each}:
            items = {item for owner, item in each if owner == user}
            confined[user] = confined.get(user, items) & items
    meaning = Meaning(allow, deny or set(), confined, set(denied or ()), set((shown or [])[:30]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MASK_CELLS", cells)
        lists = world.lists(np.arange(USERS), n, seen, rules)
    wanted = [expected(world, user, n, meaning, seen) for user in range(USERS)]
    compare(world, lists, range(USERS), wanted, n)


def test_to_be_confined_to_everything_changes_nothing(world: Recommender) -> None:
    everything = table([(user, item) for user in range(USERS) for item in range(ITEMS)])
    free = world.lists(np.arange(USERS), 8).table
    assert world.lists(np.arange(USERS), 8, rules=[AllowFor(everything)]).table.equals(free)


def test_files_say_the_same_as_tables(world: Recommender, tmp_path: Path) -> None:
    given_pairs = table([(0, 3), (0, 5), (7, 1)])
    pq.write_table(given_pairs, tmp_path / "pairs.parquet")
    csv.write_csv(given_pairs, tmp_path / "pairs.csv")
    csv.write_csv(given_pairs.select(["item_id"]), str(tmp_path / "items.csv"))
    from_table = prepare([AllowFor(given_pairs), Deny([101, 103, 105])], world)
    for name in ("pairs.parquet", "pairs.csv"):
        rules = [Deny(tmp_path / "items.csv"), AllowFor(str(tmp_path / name))]
        assert prepare(rules, world).sha256 == from_table.sha256


def test_ids_of_text_are_kept_as_written(tmp_path: Path) -> None:
    from recsys.tables import read_table

    path = tmp_path / "items.csv"
    path.write_text("item_id\n007\n7\n")
    found = read_table(path, "rule", text=["item_id", "user_id"])
    assert found["item_id"].to_pylist() == ["007", "7"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_impressions_with_arrow_timestamps(world: Recommender, unit: str) -> None:
    times = [dt.datetime(2026, 1, day) for day in (1, 7, 8, 10)]
    shown = table([(0, 0), (0, 1), (0, 2), (0, 3)], timestamp=pa.array(times, pa.timestamp(unit)))
    found = prepare([NotShown(shown, 3)], world).shown
    assert found is not None
    assert found[0].indices.tolist() == [2, 3]  # exactly three days ago is long enough
    earlier = prepare([NotShown(shown, 3, now=dt.datetime(2026, 1, 9))], world).shown
    assert earlier is not None
    assert earlier[0].indices.tolist() == [1, 2, 3]
    seconds = int(dt.datetime(2026, 1, 9, tzinfo=dt.UTC).timestamp())
    assert (
        prepare([NotShown(shown, 3, now=seconds)], world).sha256
        == prepare([NotShown(shown, 3, now=dt.datetime(2026, 1, 9))], world).sha256
    )


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (AllowFor(pa.table({"user": ["u0"]})), r"AllowFor \(rule 1\): there is no column"),
        (DenyFor(table([(0, 0)]).set_column(1, "item_id", [[1.5]])), "of type double"),
        (DenyFor(pa.table({"user_id": ["u0", None], "item_id": [100, 101]})), "1 nulls"),
        (DenyFor([("u0", 100)]), "found a list, expected a table"),
        (NotShown(table([(0, 0)], timestamp=["now"]), 3), "timestamp' is of type string"),
        (NotShown(table([(0, 0)], timestamp=[10**12]), 3), "divide milliseconds by 1000"),
        (NotShown(table([(0, 0)], timestamp=[1]), 0), "days is 0"),
        (NotShown(table([(0, 0)], timestamp=[1]), 1, now=1.5), "now is 1.5"),  # type: ignore[arg-type]
        (Allow([100, None]), "hold nulls"),
        (Allow(pa.array([100, None])), "1 nulls"),
        (Deny(np.array([1.0])), "of type double"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(world: Recommender, rule: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        prepare([rule], world)


def test_a_missing_file_is_named(world: Recommender, tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match=r"Allow from .*none\.csv.*does not exist"):
        prepare([Allow(tmp_path / "none.csv")], world)


def test_unknown_ids_stop_or_are_reported(world: Recommender, tmp_path: Path) -> None:
    path = tmp_path / "deny.csv"
    path.write_text("user_id,item_id\n" + "".join(f"u0,{item}\n" for item in range(250)))
    with pytest.raises(UnknownIdError, match=r"deny\.csv: unknown item 0, 1, 2, 3, 4 and 215 more"):
        prepare([DenyFor(path)], world)
    made = prepare([DenyFor(path), AllowFor(table([(99, 1), (0, 2)]))], world, unknown="report")
    first, second = made.report["unknown"]
    assert (first["count"], len(first["first"]), first["kind"]) == (220, 100, "item")
    assert (second["count"], second["first"], second["kind"]) == (1, ["u99"], "user")
    assert len(made.notes) == 3  # u0 is left with nothing: all is denied
    assert made.denied is not None
    assert made.denied[0].nnz == ITEMS
    assert made.report["contradictions"][0]["users"] == 1


def test_duplicates_count_once_with_a_note(world: Recommender) -> None:
    made = prepare([DenyFor(table([(0, 1), (0, 1), (0, 3)])), Allow([101, 102, 101])], world)
    assert sorted(made.notes) == [
        "Allow (rule 2): 1 duplicates, which count once",
        "DenyFor (rule 1): 1 duplicates, which count once",
    ]


def test_contradictions_for_everyone_stop(world: Recommender) -> None:
    rules = [Allow([101, 102]), Deny([101, 102])]
    with pytest.raises(InvalidInputError, match=r"Allow \(rule 1\) and Deny \(rule 2\) together"):
        prepare(rules, world)
    made = prepare(rules, world, contradictions="report")
    assert made.report["contradictions"] == [
        {"rules": ["Allow (rule 1)", "Deny (rule 2)"], "users": None}
    ]


def test_rules_about_users_are_no_rules_for_visitors(world: Recommender) -> None:
    with pytest.raises(InvalidInputError, match="about known users"):
        world.recommend_from([101], rules=[DenyFor(table([(0, 1)]))])


def test_memory_is_told(world: Recommender) -> None:
    made = prepare([DenyFor(table([(0, 1), (0, 2), (3, 4)]))], world)
    assert made.bytes > 0
    costs = made.row_bytes(np.array([3, 1, 0]))
    assert costs.dtype == np.int64
    assert costs[2] == 2 * costs[0] > costs[1] == 0

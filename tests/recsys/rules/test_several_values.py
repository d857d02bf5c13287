"""Columns whose entries are several values each: lists of any kind, and the text of genres."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from recsys import Recommender, Where
from recsys.catalogue import Catalogue, single_values
from recsys.errors import InvalidInputError
from recsys.rules import Quota, prepare
from recsys.rules.conditions import holds

GENRES = ["Crime|Drama", None, "War", "", "unknown", "Drama | War|Drama", "(no genres listed)"]


def shelved(world: Recommender, texts: list[str | None]) -> Recommender:
    """`world` with a text column of genres, by turns."""
    assert world.catalogue is not None
    column = pa.array([texts[k % len(texts)] for k in range(len(world.items))])
    world.catalogue = Catalogue(world.catalogue.table.append_column("genres", column))
    return world


def test_the_text_of_genres_is_a_list(world: Recommender) -> None:
    catalogue = shelved(world, GENRES).catalogue
    assert catalogue is not None
    for genre in ("Drama", "War", "Sci-Fi", "Crime|Drama", "unknown"):
        found = prepare([Where(f"genres has '{genre}'")], world, contradictions="report").allow
        truth = [row for row in range(len(catalogue)) if genre in catalogue.genres(row)]
        assert found is not None
        assert found.tolist() == truth


def test_words_parted_by_spaces_are_one_value(world: Recommender) -> None:
    shelved(world, ["Home Decor", "Home Audio", "Decor"])
    found = world.lists(np.arange(3), 9, False, [Quota("genres", 2)])
    assert found.short["listed"].to_pylist() == [6, 6, 6]
    with pytest.raises(InvalidInputError, match="'has' is for lists"):
        prepare([Where("genres has 'Decor'")], world)


def test_quotas_count_each_genre_of_a_text(world: Recommender) -> None:
    shelved(world, GENRES)
    table = world.lists(np.arange(12), 8, False, [Quota("genres", 1)]).table
    assert world.catalogue is not None
    for user in set(table["user_id"].to_pylist()):
        mine = table.filter(pc.field("user_id") == user)["item_id"]
        genres = [
            g for row in world.items.rows(mine) for g in set(world.catalogue.genres(int(row)))
        ]
        assert len(genres) == len(set(genres)) > 0


def test_lists_of_a_fixed_length(world: Recommender) -> None:
    assert world.catalogue is not None
    pairs = [["x", "y"] if k % 3 else None for k in range(len(world.items))]
    column = pa.array(pairs, pa.list_(pa.string(), 2))
    world.catalogue = Catalogue(world.catalogue.table.append_column("pair", column))
    counts = world.lists(np.arange(3), 30, False, [Quota("pair", 2), Where("pair has 'x'")]).short
    assert counts["listed"].to_pylist() == [2, 2, 2]


def test_entries_with_their_rows() -> None:
    rows, values = single_values(pa.array([["a", None], None, [], ["b", "a"]]))
    assert (rows.tolist(), values.to_pylist()) == ([0, 3, 3], ["a", "b", "a"])


@pytest.mark.parametrize(
    ("written", "true"),
    [("2026-01-31", 2), ("2026-01-31 12:00", 1), ("2026-01-31T10:30:00Z", 2)],
)
def test_times_are_in_the_zone_of_their_column(written: str, true: int) -> None:
    times = pa.array(["2026-01-30 23:30", "2026-01-31 12:00", "2026-01-31 13:00"])
    zone = pc.assume_timezone(times.cast(pa.timestamp("us")), "Europe/Vienna")
    assert holds(f"t > '{written}'", pa.table({"t": zone})).sum() == true
    with pytest.raises(InvalidInputError, match=r"'soon'\W+column 5: it cannot be .*2026-01"):
        holds("t > 'soon'", pa.table({"t": zone}))


def test_rules_of_another_model(world: Recommender) -> None:
    made = prepare([], world)
    with pytest.raises(InvalidInputError, match=r"model of 13 users and 30 items, this one has 12"):
        world.lists(np.arange(3), 5, rules=dataclasses.replace(made, n_users=13))


@pytest.mark.parametrize("rows", [[12], [-1], [0.5], [[1]], ["u1"]])
def test_rows_that_are_none(world: Recommender, rows: list[object]) -> None:
    with pytest.raises(InvalidInputError, match=r"expected user rows"):
        world.lists(np.array(rows), 5)

"""Item tables: aligned to rows, read for title, year and genres, filtered by expressions."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from recsys.catalogue import Catalogue, align
from recsys.errors import InvalidInputError, UnknownIdError
from recsys.ids import IdMap
from recsys.rules import Allow, Deny, Where, resolve

WARM = IdMap(pa.array([2, 5, 9], pa.int64()), "item")
TABLE = pa.table(
    {
        "item_id": pa.array([9, 7, 5, 1], pa.int32()),
        "name": ["nine", "seven", "five", "one"],
        "release_year": ["1999", None, "x", "2001"],
        "class": ["Sci-Fi Drama", "unknown", None, "War"],
        "price": [1.0, 2.0, None, 4.0],
    }
)


def test_align_puts_warm_items_first_then_cold_ones_in_order() -> None:
    table, items = align(TABLE, "item_id", WARM)
    assert items.ids.to_pylist() == [2, 5, 9, 1, 7]
    assert items.ids.type == pa.int64()
    assert table["name"].to_pylist() == [None, "five", "nine", "one", "seven"]
    assert table["item_id"].to_pylist() == [2, 5, 9, 1, 7]


def test_roles_and_what_is_missing() -> None:
    catalogue = Catalogue(align(TABLE, "item_id", WARM)[0])
    assert [catalogue.title(row) for row in range(5)] == ["2", "five", "nine", "one", "seven"]
    assert [catalogue.year(row) for row in range(5)] == [None, None, 1999, 2001, None]
    assert [catalogue.genres(row) for row in range(5)] == [
        (),
        (),
        ("Sci-Fi", "Drama"),
        ("War",),
        (),
    ]


def test_genres_as_list_or_separated(ml100k: object, ml1m_items: pa.Table) -> None:
    hundred = Catalogue(pq.read_table(f"{ml100k}/items.parquet"))
    assert hundred.genres(0) == ("Animation", "Children's", "Comedy")
    million = Catalogue(ml1m_items)
    assert million.genres(0) == ("Animation", "Children's", "Comedy")
    assert million.year(0) == 1995


def test_roles_can_be_named() -> None:
    catalogue = Catalogue(TABLE, roles={"title": "class"})
    assert catalogue.title(0) == "Sci-Fi Drama"
    with pytest.raises(InvalidInputError, match="no column 'titel'"):
        Catalogue(TABLE, roles={"title": "titel"})


def test_texts_join_columns() -> None:
    assert Catalogue(TABLE, text=["name", "class"]).texts()[0] == "nine. Sci-Fi Drama"
    assert Catalogue(TABLE, text=["class"]).texts()[2] == ""


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (TABLE.drop_columns("item_id"), "no column 'item_id'"),
        (pa.table({"item_id": ["a"]}), "of type string, the interactions' item ids are int64"),
        (pa.table({"item_id": [1.5]}), "of type double"),
        (pa.table({"item_id": [1, 1]}), "not distinct"),
        (pa.table({"item_id": [1, None]}), "nulls"),
        ([{"item_id": 1}], "__arrow_c_stream__"),
        (pa.table({"item_id": pa.array([2**64 - 1], pa.uint64())}), "uint64"),
    ],
)
def test_bad_item_tables(table: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        align(table, "item_id", WARM)


class Shelf:
    """The two things that rules are resolved against."""

    def __init__(self) -> None:
        table, self.items = align(TABLE, "item_id", WARM)
        self.catalogue: Catalogue | None = Catalogue(table)


def test_rules_narrow_together() -> None:
    cheap = Where(pc.field("price") < 3)
    allow, deny = resolve([Allow([9, 1, 7]), cheap, Deny([7]), Deny([2, 7])], Shelf())
    assert allow is not None
    assert deny is not None
    assert (allow.tolist(), deny.tolist()) == ([2, 4], [0, 4])
    assert resolve([], Shelf()) == (None, None)


def test_bad_rules() -> None:
    with pytest.raises(UnknownIdError, match="unknown item 404"):
        resolve([Deny([404])], Shelf())
    with pytest.raises(InvalidInputError, match=r"prise.*its columns are: item_id, name"):
        resolve([Where(pc.field("prise") < 3)], Shelf())
    with pytest.raises(InvalidInputError, match="does not fit"):
        resolve([Where(pc.field("name") < 3)], Shelf())
    with pytest.raises(InvalidInputError, match="is a str, expected one of Allow, Deny,"):
        resolve(["cheap"], Shelf())
    shelf = Shelf()
    shelf.catalogue = None
    with pytest.raises(InvalidInputError, match="needs an item table"):
        resolve([Where(pc.field("price") < 3)], shelf)

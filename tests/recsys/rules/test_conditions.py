"""Conditions as text: what they mean, and what a typo is told."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys import Recommender, Where
from recsys.errors import InvalidInputError
from recsys.rules import prepare
from recsys.rules.conditions import holds

Row = dict[str, Any]
Condition = tuple[str, Callable[[Row], bool]]

numbers = st.integers(-3, 3)
words = st.text("ab'\" ", max_size=3)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "year": st.none() | numbers,
            "price": st.none() | st.sampled_from([-1.5, 0.0, 2.0, float("nan")]),
            "name": st.none() | words,
            "stock": st.none() | st.booleans(),
            "tags": st.none() | st.lists(words, max_size=3),
        }
    ),
    min_size=1,
    max_size=12,
)
SCHEMA = pa.schema(
    {
        "year": pa.int32(),
        "price": pa.float64(),
        "name": pa.string(),
        "stock": pa.bool_(),
        "tags": pa.list_(pa.string()),
    }
)
OPERATORS = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<>": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def quoted(text: str, quote: str) -> str:
    return quote + text.replace(quote, quote * 2) + quote


def compare(column: str, sign: str, value: Any, written: str) -> Condition:
    def check(row: Row) -> bool:
        return row[column] is not None and OPERATORS[sign](row[column], value)

    return f"{column}{sign} {written}", check


quotes = st.sampled_from("'\"")
text_value = st.builds(lambda text, quote: (text, quoted(text, quote)), words, quotes)
number_value = st.one_of(
    numbers.map(lambda value: (value, str(value))),
    st.sampled_from([(-1.5, "-1.5"), (2.0, "2e0"), (0.5, ".5")]),
)
tests: st.SearchStrategy[Condition] = st.one_of(
    st.builds(
        lambda column, sign, value: compare(column, sign, *value),
        st.sampled_from(["year", "price"]),
        st.sampled_from(sorted(OPERATORS)),
        number_value,
    ),
    st.builds(
        lambda sign, value: compare("name", sign, *value),
        st.sampled_from(sorted(OPERATORS)),
        text_value,
    ),
    st.builds(
        lambda sign, value: compare("stock", sign, value, str(value).lower()),
        st.sampled_from(["=", "!="]),
        st.booleans(),
    ),
    st.just(("stock", lambda row: row["stock"] is True)),
    st.builds(
        lambda column, negated: (
            f"`{column}` is {'not ' if negated else ''}NULL",
            lambda row: (row[column] is None) != negated,
        ),
        st.sampled_from(SCHEMA.names),
        st.booleans(),
    ),
    st.builds(
        lambda values, negated: (
            f"name {'not ' if negated else ''}in ({', '.join(text for _, text in values)})",
            lambda row: (row["name"] in [value for value, _ in values]) != negated,
        ),
        st.lists(text_value, min_size=1, max_size=3),
        st.booleans(),
    ),
    st.builds(
        lambda value: (
            f"tags Has {value[1]}",
            lambda row: row["tags"] is not None and value[0] in row["tags"],
        ),
        text_value,
    ),
    st.builds(
        lambda value: (
            f"name contains {value[1]}",
            lambda row: row["name"] is not None and value[0] in row["name"],
        ),
        text_value,
    ),
)


def joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    return st.one_of(
        parts.map(lambda part: (f"not ({part[0]})", lambda row: not part[1](row))),
        st.builds(
            lambda first, second: (
                f"({first[0]}) AND ({second[0]})",
                lambda row: first[1](row) and second[1](row),
            ),
            parts,
            parts,
        ),
        st.builds(
            lambda first, second: (
                f"({first[0]})or({second[0]})",
                lambda row: first[1](row) or second[1](row),
            ),
            parts,
            parts,
        ),
    )


@settings(max_examples=200, deadline=None)
@given(rows, st.recursive(tests, joined, max_leaves=6))
def test_as_python_would_say(table: list[Row], condition: Condition) -> None:
    text, check = condition
    found = holds(text, pa.Table.from_pylist(table, SCHEMA))
    assert found.tolist() == [check(row) for row in table]


def test_and_binds_tighter_than_or_and_not_tighter_than_and() -> None:
    table = pa.table({"a": [True, True, False], "b": [False, True, False], "c": [True] * 3})
    assert holds("c or a and b", table).all()
    assert holds("(c or a) and b", table).tolist() == [False, True, False]
    assert holds("not b and a", table).tolist() == [True, False, False]


def test_other_types_of_columns() -> None:
    table = pa.table(
        {
            "day": pa.array([dt.date(2026, 1, 2), None]),
            "time": pa.array([dt.datetime(2026, 1, 2, 12), dt.datetime(2025, 1, 1)]),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "sizes": pa.array([[1, 2], None], pa.list_(pa.int8())),
            "big": pa.array([2**63, 1], pa.uint64()),
            "none": pa.nulls(2),
        }
    )
    assert holds("day >= '2026-01-02'", table).tolist() == [True, False]
    assert holds("time > '2025-01-01 00:00:01'", table).tolist() == [True, False]
    assert holds("kind = 'y'", table).tolist() == [False, True]
    assert holds("sizes has 2", table).tolist() == [True, False]
    assert holds("big > 5", table).tolist() == [True, False]
    assert holds("none = 5 or none is not null", table).tolist() == [False, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prise < 3", "at 'prise', column 1: .* did you mean price"),
        ("stock and zzz = 1", "at 'zzz', column 11: .*check the name. There are: item_id, genre"),
        ("price < 3 adn stock", "at 'adn', column 11: expected 'and', 'or' or the end"),
        ("price < ", "at the end, column 8: expected a number"),
        ("price 3", "at '3', column 7: expected a comparison"),
        ("price =< 3", "at '<', column 8: expected a number"),
        ("genre = war", "at 'war', column 9: expected a value; put text between quotes"),
        ("genre = 'war", "at \"'war\", column 9: the quote ' is never closed"),
        ("price < 3 & stock", "at '&', column 11: this is no column"),
        ("price < 3x", "at '3x', column 9: this is no"),
        ("(stock or price < 3", "at the end, column 20: expected '\\)'"),
        ("genre in 'war'", "at \"'war'\", column 10: expected '\\('"),
        ("genre = null", "column 9: null is equal to nothing"),
        ("price not 3", "expected 'in', 'has' or 'contains'"),
        ("", "at the end, column 1: expected the name of a column"),
        ("price = 'x'", "at \"'x'\", column 9: column 'price' is of type double"),
        ("genre < 3", "at '3', column 9: column 'genre' is of type string"),
        ("stock > true", "at 'stock', column 1: the column is of type bool"),
        ("tags = 'a'", "the column is of type list<.*ask what it has"),
        ("genre has 'a'", "'has' is for lists"),
        ("price contains '3'", "'contains' is for text"),
        ("genre contains 3", "expects text between quotes"),
        ("price and stock", "at 'price', column 1: .*compare it with a value"),
        ("not " * 60 + "stock", "more than 50 parts"),
    ],
)
def test_a_typo_is_placed(world: Recommender, text: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        prepare([Where(text)], world)
    assert "\n" not in str(caught.value)


def test_a_bad_date_is_told_the_format() -> None:
    table = pa.table({"day": pa.array([dt.date(2026, 1, 2)])})
    with pytest.raises(InvalidInputError, match=r"'tomorrow'.*write 2026-01-31"):
        holds("day > 'tomorrow'", table)


def test_text_and_expression_come_to_the_same(world: Recommender) -> None:
    text = prepare([Where("stock and price < 20.5")], world)
    expression = prepare([Where(pc.field("stock") & (pc.field("price") < 20.5))], world)
    assert text.allow is not None
    assert 0 < len(text.allow) < 30
    assert text.sha256 == expression.sha256


def test_nothing_matches_is_a_contradiction(world: Recommender) -> None:
    with pytest.raises(InvalidInputError, match=r"Where 'price < 0' leaves no item"):
        prepare([Where("price < 0"), Where("stock")], world)
    lists = world.lists(np.array([0]), 3, rules=[Where("price < 0")])
    assert lists.short["reason"].to_pylist() == ["rules"]


def test_a_condition_is_text(world: Recommender) -> None:
    with pytest.raises(InvalidInputError, match="the condition is a int"):
        prepare([Where(3)], world)  # type: ignore[arg-type]

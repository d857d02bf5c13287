"""The map between outside ids and rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import InvalidInputError, UnknownIdError
from recsys.ids import IdMap


@given(st.lists(st.text(max_size=4), unique=True, min_size=1, max_size=30), st.data())
def test_strings_in_any_order(ids: list[str], data: st.DataObject) -> None:
    known = IdMap(pa.array(ids), "item")
    asked = data.draw(st.lists(st.one_of(st.sampled_from(ids), st.text(max_size=3)), max_size=300))
    place = {value: row for row, value in enumerate(ids)}
    expected = [place.get(value, -1) for value in asked]
    assert known.find(asked).tolist() == expected
    assert known.find(asked * 9).tolist() == expected * 9  # long enough for the hash table


@given(st.lists(st.integers(-(2**31), 2**31 - 1), unique=True, max_size=30), st.data())
def test_integers_in_any_order(ids: list[int], data: st.DataObject) -> None:
    known = IdMap(pa.array(ids, pa.int32()), "user")
    pool = st.one_of(st.sampled_from(ids), st.integers()) if ids else st.integers()
    asked = data.draw(st.lists(pool, max_size=20))
    place = {value: row for row, value in enumerate(ids)}
    assert known.find(asked).tolist() == [place.get(value, -1) for value in asked]


def test_numbers_typed_on_a_command_line() -> None:
    assert IdMap(pa.array([5, 7]), "user").rows(["7"]).tolist() == [1]
    odd = ["x", True, 7.0, "0_5", "٧", " 7"]
    assert IdMap(pa.array([5, 7]), "user").find(odd).tolist() == [-1] * 6


def test_numpy_and_arrow_queries() -> None:
    known = IdMap(pa.array([5, 7], pa.uint8()), "user")
    assert known.find(np.array([7, 300, -249])).tolist() == [1, -1, -1]
    assert known.find(pa.chunked_array([[5], [6]])).tolist() == [0, -1]


def test_unknown_ids_are_named() -> None:
    known = IdMap(pa.array(["a", "b"]), "item")
    message = r"unknown item 'q0', 'q1', 'q2', 'q3', 'q4' and 3 more: not among the model's 2"
    with pytest.raises(UnknownIdError, match=message):
        known.rows([f"q{k}" for k in range(8)])


def test_what_cannot_be_a_map() -> None:
    with pytest.raises(InvalidInputError, match="not distinct"):
        IdMap(pa.array([1, 2, 1]), "item")
    with pytest.raises(InvalidInputError, match="nulls"):
        IdMap(pa.array([1, None]), "item")
    with pytest.raises(InvalidInputError, match="of type double"):
        IdMap(pa.array([1.0]), "item")
    with pytest.raises(InvalidInputError, match="alone; wrap it"):
        IdMap(pa.array(["ab"]), "item").rows("ab")
    with pytest.raises(InvalidInputError, match=r"wrap it: \[5\]"):
        IdMap(pa.array([5]), "item").rows(5)  # type: ignore[arg-type]

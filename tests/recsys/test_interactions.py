"""Reading events: every source, every id type, every way that data can be bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import InputNotFoundError, InvalidInputError
from recsys.interactions import Interactions

EVENTS = pa.table(
    {
        "user_id": [30, 10, 30, 10, 20],
        "item_id": ["c", "a", "a", "a", "b"],
        "stars": [1.0, 2.0, 3.0, 5.0, 4.0],
        "at": [100, 300, 200, 250, 50],
    }
)


def _parquet(table: pa.Table, folder: Path) -> Interactions:
    pq.write_table(table, folder / "e.parquet", row_group_size=2)
    return Interactions.from_parquet(folder / "e.parquet", weight="stars", timestamp="at")


def _csv(table: pa.Table, folder: Path) -> Interactions:
    pacsv.write_csv(table, folder / "e.csv")
    return Interactions.from_csv(folder / "e.csv", weight="stars", timestamp="at")


def _folder_of_parquet(table: pa.Table, folder: Path) -> Interactions:
    pq.write_table(table.slice(0, 2), folder / "a.parquet")
    pq.write_table(table.slice(2), folder / "b.parquet")
    return Interactions.from_parquet(folder, weight="stars", timestamp="at")


def _frame(frame: object) -> Interactions:
    return Interactions.from_frame(frame, weight="stars", timestamp="at")


def _categories(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas().astype({"item_id": "category"})


SOURCES = {
    "parquet": _parquet,
    "folder": _folder_of_parquet,
    "csv": _csv,
    "pyarrow": lambda table, _: _frame(table),
    "pandas": lambda table, _: _frame(table.to_pandas()),
    "pandas categorical": lambda table, _: _frame(
        table.to_pandas().astype({"item_id": "category"})
    ),
    "polars": lambda table, _: _frame(pl.from_arrow(table)),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_reads_the_same(source: str, tmp_path: Path) -> None:
    read = SOURCES[source](EVENTS, tmp_path)
    assert read.users.ids.to_pylist() == [10, 20, 30]
    assert read.items.ids.to_pylist() == ["a", "b", "c"]
    assert read.matrix.toarray().tolist() == [[7, 0, 0], [0, 4, 0], [3, 0, 1]]
    assert read.matrix.dtype == np.float32
    assert read.timestamps is not None
    assert read.timestamps.tolist() == [300, 50, 200, 100]


@pytest.mark.parametrize(("how", "expected"), [("sum", 7.0), ("max", 5.0), ("last", 2.0)])
def test_duplicates(how: str, expected: float) -> None:
    read = Interactions.from_frame(EVENTS, weight="stars", timestamp="at", duplicates=how)
    assert read.matrix[0, 0] == expected


def test_last_goes_by_position_without_times() -> None:
    assert Interactions.from_frame(EVENTS, weight="stars", duplicates="last").matrix[0, 0] == 5.0


def test_without_weights_events_are_counted() -> None:
    assert Interactions.from_frame(EVENTS).matrix[0, 0] == 2.0
    assert Interactions.from_frame(EVENTS, duplicates="max").matrix[0, 0] == 1.0


INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]


@pytest.mark.parametrize("name", [*INTEGERS, "string", "large_string", "string_view"])
def test_every_id_type_comes_back_as_it_was(name: str) -> None:
    kind = getattr(pa, name)()
    values = ["3", "1", "2"] if "string" in name else [3, 1, 2]
    read = Interactions.from_frame(
        pa.table({"user_id": pa.array(values, kind), "item_id": pa.array(values, kind)})
    )
    assert read.users.take([0, 2]).to_pylist() == [sorted(values)[0], sorted(values)[2]]
    expected = pa.string() if "string" in name else kind
    assert read.users.ids.type == expected
    assert read.users.rows(values).tolist() == [2, 0, 1]


def test_the_widest_integers_are_kept_apart() -> None:
    ids = pa.array([2**64 - 1, 2**64 - 2, 0], pa.uint64())
    users = Interactions.from_frame(pa.table({"user_id": ids, "item_id": ids})).users
    assert users.rows([2**64 - 1, 2**64 - 2]).tolist() == [2, 1]
    assert users.find([-1, 2**64, "zero", None, 1.5]).tolist() == [-1] * 5


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.sampled_from("pqrst"),
            st.floats(0.125, 8, width=32),
            st.integers(-5, 5),
        ),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from(["sum", "max", "last"]),
)
def test_against_a_dictionary(events: list[tuple[int, str, float, int]], how: str) -> None:
    users, items, weights, times = zip(*events, strict=True)
    table = pa.table({"user_id": users, "item_id": items, "w": weights, "t": times})
    read = Interactions.from_frame(table, weight="w", timestamp="t", duplicates=how)
    expected: dict[tuple[int, str], list[tuple[int, int, float]]] = {}
    for place, (user, item, weight, at) in enumerate(events):
        expected.setdefault((user, item), []).append((at, place, weight))
    pick = {
        "sum": lambda seen: sum(w for _, _, w in seen),
        "max": lambda seen: max(w for _, _, w in seen),
        "last": lambda seen: max(seen)[2],
    }[how]
    rows = read.to_table().to_pylist()
    assert {(row["user_id"], row["item_id"]) for row in rows} == set(expected)
    for row in rows:
        seen = expected[row["user_id"], row["item_id"]]
        assert row["weight"] == pytest.approx(pick(seen), rel=1e-6)
        assert row["timestamp"] == max(seen)[0]


def test_from_csr_sums_duplicates_and_drops_zeros() -> None:
    csr = sp.csr_matrix(
        (np.array([1.0, 2.0, 0.0]), np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(2, 3)
    )
    read = Interactions.from_csr(csr, item_ids=["x", "y", "z"])
    assert read.matrix.toarray().tolist() == [[0, 3, 0], [0, 0, 0]]
    assert read.items.rows(["y"]).tolist() == [1]


def test_csv_keeps_leading_zeros_on_request(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user_id,item_id\n007,1\n7,1\n")
    assert Interactions.from_csv(tmp_path / "e.csv").n_users == 1
    assert Interactions.from_csv(tmp_path / "e.csv", string_ids=True).n_users == 2


def _column(name: str, values: list[object]) -> pa.Table:
    return EVENTS.set_column(EVENTS.column_names.index(name), name, pa.array(values))


BAD = {
    "NaN": (_column("stars", [1.0, np.nan, 1, 1, 1]), r"row 2: weight nan"),
    "infinite": (_column("stars", [1.0, 1, np.inf, 1, 1]), r"row 3: weight inf"),
    "negative": (_column("stars", [1.0, 1, 1, -2, 1]), r"row 4: weight -2.0"),
    "float32 overflow": (_column("stars", [1.0, 1, 1, 1, 1e39]), r"row 5: weight 1e\+39"),
    "missing weight": (_column("stars", [1.0, None, 1, 1, 1]), r"row 2: the weight is missing"),
    "text weight": (_column("stars", ["a"] * 5), r"'stars' is of type string, expected numbers"),
    "all zero": (_column("stars", [0.0] * 5), r"no weight above zero"),
    "missing id": (_column("user_id", [1, 2, None, 4, 5]), r"row 3: the id is missing"),
    "float id": (_column("user_id", [1.5, 2, 3, 4, 5]), r"'user_id' is of type double"),
    "missing time": (_column("at", [1, None, 3, 4, 5]), r"row 2: the time is missing"),
    "no rows": (EVENTS.slice(0, 0), r"has no rows"),
    "no column": (EVENTS.drop_columns("stars"), r"no column 'stars'; its columns are: user_id"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("source", ["parquet", "pyarrow"])
def test_bad_data_names_the_place(case: str, source: str, tmp_path: Path) -> None:
    table, message = BAD[case]
    with pytest.raises(InvalidInputError, match=message) as error:
        SOURCES[source](table, tmp_path)
    assert "\n" not in str(error.value)


def test_sums_that_overflow_are_refused() -> None:
    table = pa.table({"user_id": [1, 1], "item_id": [1, 1], "w": [3e38, 3e38]})
    with pytest.raises(InvalidInputError, match="exceed float32"):
        Interactions.from_frame(table, weight="w")


@pytest.mark.parametrize("reader", [Interactions.from_parquet, Interactions.from_csv])
def test_bad_files(reader: object, tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match=r"does not exist"):
        reader(tmp_path / "none")
    (tmp_path / "empty").touch()
    with pytest.raises(InvalidInputError, match=r"is empty \(0 bytes\)"):
        reader(tmp_path / "empty")


def test_a_file_that_is_not_parquet(tmp_path: Path) -> None:
    (tmp_path / "e.parquet").write_text("user_id,item_id\n1,2\n")
    with pytest.raises(InvalidInputError, match="cannot be read as Parquet"):
        Interactions.from_parquet(tmp_path / "e.parquet")


def test_a_csv_whose_ids_change_kind_says_how_to_read_it(tmp_path: Path) -> None:
    rows = "".join(f"{k},1\n" for k in range(700_000)) + "ann,1\n"
    (tmp_path / "e.csv").write_text("user_id,item_id\n" + rows)
    with pytest.raises(InvalidInputError, match="string_ids=True"):
        Interactions.from_csv(tmp_path / "e.csv")
    assert Interactions.from_csv(tmp_path / "e.csv", string_ids=True).n_users == 700_001


def test_something_that_is_no_frame() -> None:
    with pytest.raises(InvalidInputError, match="__arrow_c_stream__"):
        Interactions.from_frame([(1, 2)])


def test_pandas_dates_become_times() -> None:
    frame = pd.DataFrame(
        {"user_id": [1, 1], "item_id": [1, 2], "at": pd.to_datetime(["2020-01-02", "2020-01-01"])}
    )
    read = Interactions.from_frame(frame, timestamp="at")
    assert read.timestamps is not None
    assert read.timestamps[0] > read.timestamps[1]


def test_movielens(ml1m: Path) -> None:
    read = Interactions.from_parquet(ml1m / "interactions.parquet")
    assert (read.n_users, read.n_items, read.nnz) == (6040, 3706, 1_000_209)
    table = pq.read_table(ml1m / "interactions.parquet")
    one = table.filter(pa.compute.field("user_id") == 17)["item_id"].to_pylist()
    row = read.users.rows([17])[0]
    assert sorted(one) == read.items.take(read.matrix[row].indices).to_pylist()


def test_a_weight_of_zero_withdraws_what_was_there_before() -> None:
    events = pa.table(
        {"user_id": [1, 1, 2], "item_id": [7, 7, 7], "w": [5.0, 0.0, 1.0], "t": [10, 20, 5]}
    )
    read = Interactions.from_frame(events, weight="w", timestamp="t", duplicates="last")
    assert read.to_table().to_pylist() == [
        {"user_id": 2, "item_id": 7, "weight": 1.0, "timestamp": 5}
    ]


def test_files_of_one_folder_may_differ_in_width_but_not_in_kind(tmp_path: Path) -> None:
    def write(name: str, ids: pa.Array) -> None:
        pq.write_table(pa.table({"user_id": ids, "item_id": ids}), tmp_path / name)

    write("a.parquet", pa.array([1, 2], pa.int32()))
    write("b.parquet", pa.array([2, 2**40], pa.int64()))
    assert Interactions.from_parquet(tmp_path).users.ids.to_pylist() == [1, 2, 2**40]
    write("c.parquet", pa.array(["x"]))
    with pytest.raises(InvalidInputError, match="ids are large_string from row 5 on, int64 before"):
        Interactions.from_parquet(tmp_path)
    write("c.parquet", pa.array([2**63], pa.uint64()))
    with pytest.raises(InvalidInputError, match="some beyond int64"):
        Interactions.from_parquet(tmp_path)


def test_time_units_are_made_one(tmp_path: Path) -> None:
    for name, unit, year in (("a", "ms", "2024"), ("b", "us", "2023")):
        at = pa.array([f"{year}-01-01"]).cast(pa.timestamp(unit))
        table = pa.table({"user_id": [1], "item_id": [int(year)], "at": at})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    read = Interactions.from_parquet(tmp_path, timestamp="at")
    assert read.timestamps is not None
    assert read.timestamps[1] > read.timestamps[0]
    pq.write_table(pa.table({"user_id": [1], "item_id": [1], "at": [5]}), tmp_path / "c.parquet")
    with pytest.raises(InvalidInputError, match="are mixed; cast them"):
        Interactions.from_parquet(tmp_path, timestamp="at")


def test_csv_ratings_that_begin_as_integers(tmp_path: Path) -> None:
    rows = "".join(f"{k},1,4\n" for k in range(600_000)) + "0,2,3.5\n"
    (tmp_path / "e.csv").write_text("user_id,item_id,stars\n" + rows)
    read = Interactions.from_csv(tmp_path / "e.csv", weight="stars")
    assert read.matrix[0, 1] == 3.5


def test_more_bad_tables(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user_id,item_id\na,x\nb,\n")
    with pytest.raises(InvalidInputError, match="'item_id', row 2: the id is missing"):
        Interactions.from_csv(tmp_path / "e.csv")
    (tmp_path / "e.csv").write_text("user_id,user_id,item_id\n1,2,3\n")
    with pytest.raises(InvalidInputError, match="2 columns 'user_id'"):
        Interactions.from_csv(tmp_path / "e.csv")
    times = pa.array([2**63], pa.uint64())
    with pytest.raises(InvalidInputError, match="beyond int64"):
        Interactions.from_frame(
            pa.table({"user_id": [1], "item_id": [1], "at": times}), timestamp="at"
        )
    (tmp_path / "e.csv").write_text("user_id,item_id\n1,2\n3\n")
    with pytest.raises(InvalidInputError, match="correct that line"):
        Interactions.from_csv(tmp_path / "e.csv")

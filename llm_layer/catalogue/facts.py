"""What the catalogue says about each item, in the shapes that conversation needs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from llm_layer.catalogue.attributes import Attributes
from llm_layer.catalogue.titles import TitleIndex, title_forms
from llm_layer.text import normalize
from recsys.recommender import Recommender

# Columns that name people, and what a person in them did.
PEOPLE_COLUMNS = {
    "director": "director",
    "directors": "director",
    "author": "author",
    "authors": "author",
    "artist": "artist",
    "instructor": "teacher",
    "instructors": "teacher",
    "teacher": "teacher",
    "actors": "actor",
    "cast": "actor",
}
PLOT_COLUMNS = ("plot", "overview", "description", "summary")
_NAMES_APART = re.compile(r"\s*[,;|]\s*")
# A longer text is a description, and no value.
_LONGEST_CELL = 80
# What is written "(1995)"; anything else is an error of the catalogue, and unknown.
_YEARS = range(1000, 3000)
# Each takes a byte an item.
_WORDS_KEPT = 256
_NO_NAME = {"", "n a", "na", "none", "unknown", "various"}


class ItemFacts:
    """Titles, years, genres and people of every item of a recommender.

    Parameters
    ----------
    rec : Recommender
        Without a catalogue every item is called by its id, and has no other facts.

    Attributes
    ----------
    popularity : numpy.ndarray
        int64, shape (n_items,): users of each item.
    titles : TitleIndex
        Finds and links titles.
    years : numpy.ndarray
        int64, shape (n_items,); 0 where unknown.
    genre_names : tuple of str
        Every genre of the catalogue, most frequent first.
    attributes : Attributes
        Its other columns: numbers, and texts of few values.
    """

    def __init__(self, rec: Recommender) -> None:
        self._rec = rec
        self._catalogue = rec.catalogue
        n_items = len(rec.items)
        counts = np.bincount(rec.interactions.matrix.indices, minlength=n_items)
        self.popularity = counts
        self.titles = TitleIndex([self._callable_title(row) for row in range(n_items)], counts)
        self.years = np.array([self._year(row) for row in range(n_items)], np.int64)
        listed = [self._catalogue.genres(row) if self._catalogue else () for row in range(n_items)]
        totals: dict[str, int] = defaultdict(int)
        for genres in listed:
            for genre in genres:
                totals[genre] += 1
        self.genre_names = tuple(sorted(totals, key=lambda genre: (-totals[genre], genre)))
        place = {genre: at for at, genre in enumerate(self.genre_names)}
        # A line for each genre, so that a condition reads one line; few combinations are met.
        self._genres = np.zeros((len(place), n_items), bool)
        combinations: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._listed_genres: list[tuple[str, ...]] = []
        for row, genres in enumerate(listed):
            ordered = tuple(sorted(set(genres), key=place.__getitem__))
            self._listed_genres.append(combinations.setdefault(ordered, ordered))
            self._genres[[place[genre] for genre in ordered], row] = True
        self._with_word = lru_cache(maxsize=_WORDS_KEPT)(self._read_word)
        self._genre_lines = {genre: self._genres[at] for genre, at in place.items()}
        columns = self._catalogue.table.column_names if self._catalogue else ()
        named = [name for name in columns if name.lower() in (*PEOPLE_COLUMNS, *PLOT_COLUMNS)]
        self.attributes = Attributes(self._catalogue, named)

    def __len__(self) -> int:
        return len(self.years)

    def row(self, item: Any) -> int:
        """Row of an outside id; :class:`~recsys.errors.UnknownIdError` for an unknown one."""
        return int(self._rec.items.rows([item])[0])

    def found(self, items: Iterable[Any]) -> list[int]:
        """Rows of outside ids; those that the model does not know are left out."""
        return [row for row in self._rec.items.find(list(items)).tolist() if row >= 0]

    def item(self, row: int) -> Any:
        """Outside id of a row."""
        return self._ids[row]

    def items(self, rows: Iterable[int]) -> list[Any]:
        """Outside ids of rows."""
        return [self._ids[row] for row in rows]

    @cached_property
    def _ids(self) -> list[Any]:
        return list(self._rec.items.ids.to_pylist())

    def title(self, row: int) -> str:
        """Title as it reads in a sentence."""
        return self.titles.shown(row)

    def year(self, row: int) -> int | None:
        """Year, None where unknown."""
        return int(self.years[row]) or None

    def genres(self, row: int) -> tuple[str, ...]:
        """Genres, the catalogue's more frequent ones first."""
        return self._listed_genres[row]

    def genre_flags(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of `genre_names` each of `rows` has: bool, shape (len(rows), n_genres)."""
        return np.asarray(self._genres[:, rows].T, np.bool_)

    def with_genres(self, genres: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Which items have at least one of `genres`: bool, shape (n_items,)."""
        found = np.zeros(len(self), np.bool_)
        for genre in genres:
            found |= self._genre_lines[genre]
        return found

    def with_all_genres(self, genres: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Which items have each of `genres`: bool, shape (n_items,)."""
        found = np.ones(len(self), np.bool_)
        for genre in genres:
            found &= self._genre_lines[genre]
        return found

    def about(self, term: str) -> npt.NDArray[np.bool_]:
        """Which items are of a genre, or have a word that begins so in title or description.

        Parameters
        ----------
        term : str
            A genre as the catalogue has it, or the beginning of a word, any case.

        Returns
        -------
        bool array, shape (n_items,)
        """
        if term in self._genre_lines:
            return np.asarray(self._genre_lines[term], np.bool_)
        return np.asarray(self._with_word(term), np.bool_)

    def _read_word(self, term: str) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(self), np.bool_)
        pattern = rf"\b{re.escape(term)}"
        catalogue = self._catalogue
        columns = (catalogue.roles.get("title"), self._plot_column) if catalogue else ()
        for column in columns:
            if catalogue is None or column is None:
                continue
            values = catalogue.column(column)
            if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                met = pc.match_substring_regex(values, pattern, ignore_case=True)
                found |= met.fill_null(False).to_numpy(zero_copy_only=False)
        return found

    def people(self, row: int) -> dict[str, tuple[str, ...]]:
        """Names by what they did (``"director"``, ``"actor"`` ...), in the catalogue's order."""
        return {role: names[row] for role, names in self._people.items() if names[row]}

    def plot(self, row: int) -> str:
        """Description, empty where there is none."""
        if self._plot_column is None or self._catalogue is None:
            return ""
        return str(self._catalogue.column(self._plot_column)[row].as_py() or "")

    @property
    def roles(self) -> tuple[str, ...]:
        """What the people did whom the catalogue names: ``"director"``, ``"actor"`` ..."""
        return tuple(self._people)

    @cached_property
    def text_columns(self) -> tuple[str, ...]:
        """Columns of texts, or of lists of texts, that have no other meaning here."""
        if self._catalogue is None:
            return ()
        no_text = {self._catalogue.item_id, *self._catalogue.roles.values(), *PLOT_COLUMNS}
        return tuple(
            field.name
            for field in self._catalogue.table.schema
            if field.name not in no_text
            and field.name.lower() not in PEOPLE_COLUMNS
            and field.name not in self.attributes.numbers
            and _holds_text(field.type)
        )

    def cell(self, column: str, row: int) -> tuple[str, ...]:
        """Short texts that a column of texts has for an item."""
        if self._catalogue is None:
            return ()
        value = self._catalogue.column(column)[row].as_py()
        parts = value if isinstance(value, list) else _NAMES_APART.split(value or "")
        short = (part.strip() for part in parts if part and len(part) <= _LONGEST_CELL)
        return tuple(dict.fromkeys(part for part in short if part))

    def texts(self) -> list[str]:
        """What describes each item: its description, else the columns of item text, joined."""
        if self._catalogue is None:
            return [""] * len(self)
        if self._plot_column is not None:
            return [
                str(value or "") for value in self._catalogue.column(self._plot_column).to_pylist()
            ]
        return self._catalogue.texts() or [""] * len(self)

    @property
    def vectors(self) -> npt.NDArray[np.float32] | None:
        """Sentence vectors of the items, float32, shape (n_items, d); None where there are none."""
        return None if self._rec.content is None else self._rec.content.item_vectors

    @property
    def person_rows(self) -> dict[str, tuple[int, ...]]:
        """Items of each person, by the comparable form of the name."""
        return self._persons[0]

    @property
    def person_names(self) -> dict[str, str]:
        """How each person's name is written, by its comparable form."""
        return self._persons[1]

    @cached_property
    def _persons(self) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
        forms: dict[str, str] = {}  # most names are met several times
        rows: dict[str, dict[int, None]] = defaultdict(dict)
        for listed in self._people.values():
            for row, names in enumerate(listed):
                for name in names:
                    form = forms.get(name)
                    if form is None:
                        form = forms[name] = normalize(name)
                    rows[form][row] = None
        rows.pop("", None)  # a name without a letter cannot be recognized
        written = {form: name for name, form in forms.items()}
        return {name: tuple(found) for name, found in rows.items()}, written

    @cached_property
    def longest_name(self) -> int:
        """Words of the longest name of a person, 0 where the catalogue names nobody."""
        return max((len(name.split()) for name in self.person_rows), default=0)

    @cached_property
    def _people(self) -> dict[str, list[tuple[str, ...]]]:
        found: dict[str, list[tuple[str, ...]]] = {}
        if self._catalogue is None:
            return found
        for column in self._catalogue.table.column_names:
            role = PEOPLE_COLUMNS.get(column.lower())
            if role is not None and role not in found:
                values = self._catalogue.column(column).to_pylist()
                found[role] = [_names(value) for value in values]
        return found

    @cached_property
    def _plot_column(self) -> str | None:
        columns = self._catalogue.table.column_names if self._catalogue else ()
        return next((name for name in PLOT_COLUMNS if name in columns), None)

    def _raw_title(self, row: int) -> str:
        if self._catalogue is None:
            return str(self.item(row))
        return self._catalogue.title(row)

    def _callable_title(self, row: int) -> str:
        """The catalogue's title; one that nobody could say ("???") is replaced by the id."""
        title = self._raw_title(row)
        return title if normalize(title_forms(title).shown) else f"item {self.item(row)}"

    def _year(self, row: int) -> int:
        if self._catalogue is None:
            return 0
        found = self._catalogue.year(row)
        if found is None:
            stated = re.search(r"\((\d{4})\)\s*$", self._raw_title(row))
            found = int(stated[1]) if stated else 0
        return found if found in _YEARS else 0


def _holds_text(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    parts = _NAMES_APART.split(value) if isinstance(value, str) else [str(part) for part in value]
    return tuple(dict.fromkeys(name.strip() for name in parts if normalize(name) not in _NO_NAME))

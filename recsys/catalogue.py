"""The catalogue: what is known about each item, aligned with the recommender's rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys.errors import InvalidInputError
from recsys.ids import IdMap, is_id_type

# Column names that usually play a role, most telling first.
ROLE_NAMES: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "movie_title", "name", "item_name", "product_name"),
    "year": ("year", "release_year"),
    "genres": ("genres", "genre", "class", "categories", "category", "tags"),
}
_SEPARATORS = re.compile(r"\s*[|;,]\s*")
_MISSING = {"", "unknown", "(no genres listed)"}


class Catalogue:
    """Item attributes, one row for each item of a recommender, in its order.

    Parameters
    ----------
    table : pyarrow.Table
        Aligned with the items' rows; items without a description have nulls.
    item_id : str
        Name of the id column.
    roles : mapping of str to str, optional
        Which column plays ``title``, ``year`` and ``genres``. What is not named is guessed from
        the usual names (`ROLE_NAMES`); a role nobody plays answers None or an empty tuple.
    text : sequence of str
        Columns whose text describes an item (for content vectors), in order.

    Examples
    --------
    >>> import pyarrow as pa
    >>> films = pa.table({"item_id": [7], "name": ["Heat"], "class": ["Crime|Drama"]})
    >>> catalogue = Catalogue(films)
    >>> catalogue.title(0), catalogue.year(0), catalogue.genres(0)
    ('Heat', None, ('Crime', 'Drama'))
    """

    def __init__(
        self,
        table: pa.Table,
        item_id: str = "item_id",
        *,
        roles: Mapping[str, str] | None = None,
        text: Sequence[str] = (),
    ) -> None:
        _require_columns(table, [item_id, *(roles or {}).values(), *text])
        self.table = table.combine_chunks()
        self.item_id = item_id
        self.roles = dict(roles or {})
        for role, names in ROLE_NAMES.items():
            found = next((name for name in names if name in table.column_names), None)
            if role not in self.roles and found is not None:
                self.roles[role] = found
        self.text = tuple(text)
        self._splitter = self._choose_splitter()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def column(self, name: str) -> pa.ChunkedArray:
        """Column `name`, aligned with the items' rows."""
        _require_columns(self.table, [name])
        return self.table.column(name)

    def row(self, row: int) -> dict[str, Any]:
        """All attributes of the item in internal row `row`."""
        return dict(self.table.slice(row, 1).to_pylist()[0])

    def title(self, row: int) -> str:
        """Title of an item, its id where the catalogue gives none."""
        value = self._value("title", row)
        title = "" if value is None else str(value).strip()
        return title or str(self.table.column(self.item_id)[row].as_py())

    def year(self, row: int) -> int | None:
        """Year of an item, None where unknown."""
        value = self._value("year", row)
        try:
            return int(value) if value is not None else None
        except (TypeError, ValueError):
            return None

    def genres(self, row: int) -> tuple[str, ...]:
        """Genres (categories, tags) of an item, empty where unknown."""
        value = self._value("genres", row)
        if value is None:
            return ()
        parts = value if isinstance(value, list) else self._splitter.split(str(value))
        return tuple(str(part) for part in parts if part and str(part).lower() not in _MISSING)

    @property
    def separators(self) -> dict[str, str]:
        """Columns of text that hold several values each, with the pattern between the values.

        That is the genres, where | ; or , stands in any of them: between words parted by spaces
        alone, as in "Home Decor", nobody can tell whether they are one value or two.
        """
        name = self.roles.get("genres")
        if name is None or not _is_text(self.table.column(name).type):
            return {}
        if self._splitter is not _SEPARATORS:
            return {}
        return {name: self._splitter.pattern}

    def texts(self) -> list[str]:
        """One text for each item: its text columns joined, empty where it has none."""
        columns = [self.table.column(name).to_pylist() for name in self.text]
        return [
            ". ".join(part for part in map(_as_text, values) if part)
            for values in zip(*columns, strict=True)
        ]

    def matching(self, expression: pc.Expression) -> npt.NDArray[np.int64]:
        """Rows of the items for which a pyarrow expression holds.

        Raises
        ------
        InvalidInputError
            The expression names a column that is not there, or compares what cannot be compared.
        """
        numbered = self.table.append_column("__row", pa.array(np.arange(len(self))))
        try:
            kept = numbered.filter(expression)
        except (pa.ArrowException, TypeError) as error:
            reason = " ".join(str(error).split())
            raise InvalidInputError(
                f"the filter {expression} does not fit the item table ({reason}); "
                f"its columns are: {', '.join(self.table.column_names)}"
            ) from error
        return np.asarray(kept.column("__row").to_numpy(), np.int64)

    def _value(self, role: str, row: int) -> Any:
        name = self.roles.get(role)
        return None if name is None else self.table.column(name)[row].as_py()

    def _choose_splitter(self) -> re.Pattern[str]:
        """Genres in one text are parted by | ; or , where any row has one, else by spaces."""
        name = self.roles.get("genres")
        if name is None or not _is_text(self.table.column(name).type):
            return _SEPARATORS
        parted = pc.any(pc.match_substring_regex(self.table.column(name), r"[|;,]")).as_py()
        return _SEPARATORS if parted else re.compile(r"\s+")


def single_values(
    column: pa.Array, separator: str | None = None
) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Single values of a column, and the row that each stands in; nulls are left out.

    Parameters
    ----------
    column : pyarrow.Array
        Each entry of a list is a value; anything else is one value.
    separator : str, optional
        Pattern between the values of a text.

    Examples
    --------
    >>> rows, values = single_values(pa.array(["Crime|Drama", None, "War"]), "[|]")
    >>> rows.tolist(), values.to_pylist()
    ([0, 0, 2], ['Crime', 'Drama', 'War'])
    """
    rows = np.arange(len(column))
    if separator is not None:
        column = pc.split_pattern_regex(column.cast(pa.large_string()), separator)
    if is_list(column.type):
        rows = np.asarray(pc.list_parent_indices(column))
        column = pc.list_flatten(column)
    kept = pc.is_valid(column)
    if separator is not None:
        none = pc.is_in(pc.utf8_lower(column), pa.array(sorted(_MISSING), column.type))
        kept = pc.and_(kept, pc.invert(none))
    return rows[np.asarray(kept)].astype(np.int64), column.filter(kept)


def is_list(kind: pa.DataType) -> bool:
    """Whether a column of this Arrow type holds lists."""
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def align(table: Any, item_id: str, warm: IdMap) -> tuple[pa.Table, IdMap]:
    """Put an item table into the order of the recommender's rows.

    Parameters
    ----------
    table : data frame
        Anything with ``__arrow_c_stream__``; one row an item.
    item_id : str
        Its id column; of the same kind (integers or strings) as the interactions' item ids.
    warm : IdMap
        Items that occur in the interactions.

    Returns
    -------
    pyarrow.Table
        The warm items' rows (nulls where the table lacks one), then those of the cold items.
    IdMap
        Warm items, then cold ones (in the table, but in no interaction) in rising order.

    Raises
    ------
    InvalidInputError
        No such column, ids of another kind, missing or repeated ids.
    """
    if not hasattr(table, "__arrow_c_stream__"):
        raise InvalidInputError(
            f"items are a {type(table).__name__}, expected a table that exports "
            "__arrow_c_stream__ (pyarrow, pandas >= 2.2, polars, duckdb)"
        )
    table = pa.table(table)
    _require_columns(table, [item_id])
    ids = _ids_like(table.column(item_id), item_id, warm)
    table = table.set_column(table.column_names.index(item_id), item_id, ids)
    known = IdMap(ids, "item")
    cold = np.flatnonzero(warm.find(ids) < 0)
    cold_ids = ids.take(pa.array(cold))
    cold = cold[np.asarray(pc.sort_indices(cold_ids))]
    order = np.concatenate([known.find(warm.ids), cold])
    everything = pa.concat_arrays([warm.ids, ids.take(pa.array(cold))])
    taken = table.take(pa.array(order, mask=order < 0))
    position = taken.column_names.index(item_id)
    return taken.set_column(position, item_id, everything), IdMap(everything, "item")


def catalogue_of(
    items: Any,
    item_id: str,
    warm: IdMap,
    *,
    roles: Mapping[str, str] | None = None,
    text: Sequence[str] = (),
) -> tuple[Catalogue, IdMap]:
    """The catalogue of an item table, and the items that can be recommended: see :func:`align`.

    Cold items are left out where there is no `text` to place them by.
    """
    table, everything = align(items, item_id, warm)
    if not text:
        table, everything = table.slice(0, len(warm)), warm
    return Catalogue(table, item_id, roles=roles, text=text), everything


def _ids_like(column: pa.ChunkedArray, name: str, warm: IdMap) -> pa.Array:
    """The table's ids in the type of the interactions' ids."""
    ids = column.combine_chunks()
    if pa.types.is_dictionary(ids.type):
        ids = ids.cast(ids.type.value_type)
    same_kind = is_id_type(ids.type) and (
        pa.types.is_integer(ids.type) == pa.types.is_integer(warm.ids.type)
    )
    try:
        if same_kind:
            return ids.cast(warm.ids.type)
    except pa.ArrowInvalid:
        pass  # an integer that the interactions' type cannot hold: said below
    raise InvalidInputError(
        f"item table, column {name!r} is of type {ids.type}, the interactions' item ids are "
        f"{warm.ids.type}; cast one of them"
    )


def _require_columns(table: pa.Table, names: Sequence[str]) -> None:
    for name in names:
        if name not in table.column_names:
            raise InvalidInputError(
                f"the item table has no column {name!r}; its columns are: "
                f"{', '.join(table.column_names)}"
            )


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(str(part) for part in value if part)
    return str(value).strip()

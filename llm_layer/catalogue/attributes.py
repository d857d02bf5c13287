"""Attributes: what the item table states beyond titles, years, genres and people.

Numeric columns can be limited and compared; columns of text with few different values can be asked
for by value. Which columns these are is read from the table itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.catalogue import Catalogue, is_list

# More different values than this are no vocabulary that anybody asks for by heart.
_MOST_VALUES = 300
_FEW_VALUES = 12
_LONGEST_VALUE = 40
_PARTS = re.compile(r"\s*[|;,]\s*")
# A number with a sign of currency before it or a unit behind it: "$ 12.99", "90 min".
_MEASURED = re.compile(r"^[^\w.-]{0,3}\s*(-?\d+(?:[.,]\d+)?)\s*[^\W\d]{0,8}\.?$")
_NO_VALUE = {"", "unknown", "n/a", "na", "none", "null", "-"}

Booleans = npt.NDArray[np.bool_]


class Attributes:
    """Numbers and values of every item of a catalogue.

    Parameters
    ----------
    catalogue : Catalogue or None
        None has no columns.
    taken : sequence of str
        Columns that mean something else already.

    Attributes
    ----------
    numbers : dict of str to float64 array, shape (n_items,)
        Numeric columns; NaN where an item has no value.
    values : dict of str to dict of str to int64 array
        For each column of few values, the rows of each value, the most frequent value first.
    """

    def __init__(self, catalogue: Catalogue | None, taken: Sequence[str] = ()) -> None:
        self.numbers: dict[str, npt.NDArray[np.float64]] = {}
        self.values: dict[str, dict[str, npt.NDArray[np.int64]]] = {}
        self._n = len(catalogue) if catalogue is not None else 0
        self._of_row: dict[str, dict[int, list[str]]] = {}
        if catalogue is None:
            return
        no_attribute = {catalogue.item_id, *taken, *catalogue.roles.values()}
        for name in catalogue.table.column_names:
            if name not in no_attribute and not name.lower().endswith("_id"):
                self._add(name, catalogue.column(name))

    def within(self, column: str, low: float | None, high: float | None) -> Booleans:
        """Items whose number lies between two limits, both included: bool, shape (n_items,)."""
        numbers = self.numbers[column]
        fits = np.isfinite(numbers)
        if low is not None:
            fits &= numbers >= low
        if high is not None:
            fits &= numbers <= high
        return np.asarray(fits, np.bool_)

    def having(self, column: str, values: Sequence[str]) -> Booleans:
        """Items that have at least one of `values`: bool, shape (n_items,)."""
        fits = np.zeros(self._n, np.bool_)
        for value in values:
            fits[self.values[column].get(value, ())] = True
        return fits

    def number(self, column: str, row: int) -> float | None:
        """Number of one item, None where it has none."""
        value = float(self.numbers[column][row])
        return value if np.isfinite(value) else None

    def of(self, column: str, row: int) -> tuple[str, ...]:
        """Values of one item in one column."""
        if column not in self._of_row:
            listed: dict[int, list[str]] = defaultdict(list)
            for value, rows in self.values[column].items():
                for each in rows.tolist():
                    listed[each].append(value)
            self._of_row[column] = dict(listed)
        return tuple(self._of_row[column].get(row, ()))

    def _add(self, name: str, column: pa.ChunkedArray) -> None:
        kind = column.type
        if pa.types.is_boolean(kind):
            return
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            self.numbers[name] = np.array(values, np.float64)
            return
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
            kind = column.type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not is_text and not (is_list(kind) and _is_text(kind.value_type)):
            return
        listed = column.to_pylist()
        numbers = _measured(listed) if is_text else None
        if numbers is not None:
            self.numbers[name] = numbers
        elif rows := _vocabulary(listed):
            self.values[name] = rows


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _measured(listed: Sequence[str | None]) -> npt.NDArray[np.float64] | None:
    """Numbers of a column of texts that are all numbers with units; None for any other."""
    given = [value for value in listed if value and value.strip().lower() not in _NO_VALUE]
    if not given or not all(_MEASURED.match(value.strip()) for value in given[:50]):
        return None
    found = [_MEASURED.match(value.strip()) if value else None for value in listed]
    if sum(match is not None for match in found) < 0.95 * len(given):
        return None
    return np.array([float(match[1].replace(",", ".")) if match else np.nan for match in found])


def _vocabulary(listed: Sequence[Any]) -> dict[str, npt.NDArray[np.int64]]:
    """Rows of each value of a column of few values; empty for any other column."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, value in enumerate(listed):
        parts = value if isinstance(value, list) else _PARTS.split(value or "")
        for part in dict.fromkeys(str(part).strip() for part in parts if part):
            if part.lower() not in _NO_VALUE:
                rows[part].append(row)
        if len(rows) > _MOST_VALUES * 4:
            return {}
    given = sum(value is not None for value in listed)
    few = len(rows) <= _FEW_VALUES or len(rows) <= min(_MOST_VALUES, given / 2)
    length = sum(map(len, rows)) / max(1, len(rows))
    if not rows or not few or length > _LONGEST_VALUE:
        return {}
    order = sorted(rows, key=lambda value: (-len(rows[value]), value))
    return {value: np.array(rows[value], np.int64) for value in order}

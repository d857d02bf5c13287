"""Conditions over the item table: which items they hold for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys.catalogue import Catalogue, is_list, single_values
from recsys.errors import InvalidInputError
from recsys.rules.expression import Both, Column, Constant, Not, Test, Tree, parse, refuse

Mask: TypeAlias = npt.NDArray[np.bool_]

_COMPARISONS = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def matching(
    condition: str | pc.Expression, catalogue: Catalogue | None, name: str
) -> npt.NDArray[np.int64]:
    """Sorted rows of the items for which `condition` holds; `name` is what a rule is called.

    Raises
    ------
    InvalidInputError
        There is no item table, or the condition does not fit it.
    """
    if not isinstance(condition, str | pc.Expression):
        raise InvalidInputError(
            f"{name}: the condition is a {type(condition).__name__}, expected text such as "
            "\"price < 5 and genre = 'drama'\" or a pyarrow expression"
        )
    if catalogue is None:
        raise InvalidInputError(
            f"{name}: the condition {condition} needs an item table; fit with items=... to give one"
        )
    if isinstance(condition, pc.Expression):
        return catalogue.matching(condition)
    return np.flatnonzero(holds(condition, catalogue.table, catalogue.separators))


def holds(text: str, table: pa.Table, separators: Mapping[str, str] | None = None) -> Mask:
    """Which rows of `table` the condition `text` holds for; see :mod:`recsys.rules.expression`.

    `separators` are patterns between the values of columns of text: "has" takes them for lists.

    Raises
    ------
    InvalidInputError
        A typo, an unknown column, or a comparison of what cannot be compared.

    Examples
    --------
    >>> films = pa.table({"year": [1990, None, 2001], "tags": [["war"], [], ["war", "sea"]]})
    >>> holds("year < 2000 or tags has 'sea'", films).tolist()
    [True, False, True]
    """
    return _Evaluation(text, table, separators or {}).of(parse(text))


class _Evaluation:
    def __init__(self, text: str, table: pa.Table, separators: Mapping[str, str]) -> None:
        self.text = text
        self.table = table
        self.separators = separators

    def of(self, tree: Tree) -> Mask:
        if isinstance(tree, Test):
            return self._test(tree)
        if isinstance(tree, Not):
            return ~self.of(tree.part)
        masks = [self.of(part) for part in tree.parts]
        join = np.logical_and if isinstance(tree, Both) else np.logical_or
        return np.asarray(join.reduce(masks), np.bool_)

    def _test(self, test: Test) -> Mask:
        values = self._column(test.column)
        if test.operator == "null":
            return np.array(values.is_null().to_numpy(zero_copy_only=False))
        if test.operator == "true":
            if not pa.types.is_boolean(values.type):
                self._mismatch(test.column, values.type, "compare it with a value")
            return _mask(values)
        if test.operator == "has":
            return self._has(test, values)
        if is_list(values.type):
            self._mismatch(test.column, values.type, "ask what it has: tags has 'war'")
        if test.operator == "contains":
            return self._contains(test, values)
        if test.operator == "in":
            mask = np.zeros(len(values), np.bool_)
            for constant in test.values:
                mask |= self._compare(test.column, values, "==", constant)
            return mask
        return self._compare(test.column, values, test.operator, test.values[0])

    def _column(self, column: Column) -> pa.Array:
        names = self.table.column_names
        if column.name not in names:
            close = difflib.get_close_matches(column.name, names, 3, 0.5)
            mend = f"did you mean {' or '.join(close)}?" if close else "check the name."
            self._refuse(column, f"there is no such column; {mend} There are: {', '.join(names)}")
        values = self.table.column(column.name).combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        return values

    def _has(self, test: Test, values: pa.Array) -> Mask:
        separator = self.separators.get(test.column.name)
        if separator is None and not is_list(values.type):
            self._mismatch(test.column, values.type, "'has' is for lists; use = or contains")
        owner, inner = single_values(values, separator)
        if pa.types.is_dictionary(inner.type):
            inner = inner.cast(inner.type.value_type)
        mask = np.zeros(len(values), np.bool_)
        mask[owner[self._compare(test.column, inner, "==", test.values[0])]] = True
        return mask

    def _contains(self, test: Test, values: pa.Array) -> Mask:
        constant = test.values[0]
        if not _is_text(values.type):
            self._mismatch(test.column, values.type, "'contains' is for text")
        if not isinstance(constant.value, str):
            self._wrong(constant, "'contains' expects text between quotes")
        return _mask(pc.match_substring(values, constant.value))

    def _compare(self, column: Column, values: pa.Array, operator: str, constant: Constant) -> Mask:
        kind, value = values.type, constant.value
        if pa.types.is_null(kind):
            return np.zeros(len(values), np.bool_)
        if pa.types.is_boolean(kind):
            if operator not in ("==", "!="):
                self._mismatch(column, kind, "true and false have no order; use = or !=")
            fits = isinstance(value, bool)
        elif _is_number(kind):
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        else:
            fits = isinstance(value, str)
        if not fits:
            self._wrong(constant, f"column {column.name!r} is of type {kind}")
        try:
            against = pa.scalar(value)
            if pa.types.is_timestamp(kind) and kind.tz is not None:
                against = _moment(str(value), kind)
            elif pa.types.is_temporal(kind):
                against = against.cast(kind)
            elif pa.types.is_integer(kind) and (isinstance(value, float) or kind == pa.uint64()):
                # Arrow compares neither large whole numbers with fractions nor uint64 with int64.
                values, against = values.cast(pa.float64(), safe=False), pa.scalar(float(value))
            return _mask(_COMPARISONS[operator](values, against))
        except pa.ArrowException:
            expected = " (write 2026-01-31 or 2026-01-31 12:00)" if _is_time(kind) else ""
            self._wrong(constant, f"it cannot be compared with type {kind}{expected}")

    def _refuse(self, column: Column, message: str) -> NoReturn:
        refuse(self.text, column.at, column.name, message)

    def _mismatch(self, column: Column, kind: pa.DataType, mend: str) -> NoReturn:
        self._refuse(column, f"the column is of type {kind}; {mend}")

    def _wrong(self, constant: Constant, message: str) -> NoReturn:
        refuse(self.text, constant.at, constant.written, message)


def _moment(text: str, kind: pa.TimestampType) -> pa.Scalar:
    """A time; in the column's own zone where the text names none."""
    try:
        return pa.scalar(text).cast(kind)
    except pa.ArrowInvalid:
        local = pa.scalar(text).cast(pa.timestamp(kind.unit))
        return pc.assume_timezone(local, kind.tz)


def _mask(values: pa.Array) -> Mask:
    return np.array(pc.fill_null(values, False).to_numpy(zero_copy_only=False), np.bool_)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(kind))

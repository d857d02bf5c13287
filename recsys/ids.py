"""Outside ids and internal rows: the map between them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys.errors import InvalidInputError, UnknownIdError

Ids: TypeAlias = "Sequence[Any] | npt.NDArray[Any] | pa.Array | pa.ChunkedArray"

# Up to this many strings are looked up one by one; beyond it a hash table pays for itself.
_FEW = 256
_SPELLED = re.compile(r"-?[0-9]{1,20}")


def is_id_type(kind: pa.DataType) -> bool:
    """Whether ids of this Arrow type are supported: integers of any width, and strings."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
    )


class IdMap:
    """Outside ids of one side (users or items), each standing for one internal row.

    Parameters
    ----------
    ids : pyarrow.Array
        Distinct ids without nulls; position = row. Integers of any width, or strings.
    kind : str
        ``"user"`` or ``"item"``: the word that errors use.

    Examples
    --------
    >>> import pyarrow as pa
    >>> books = IdMap(pa.array(["b1", "b7", "b9"]), "item")
    >>> books.rows(["b9", "b1"]).tolist()
    [2, 0]
    >>> books.find(["b2"]).tolist()
    [-1]
    """

    def __init__(self, ids: pa.Array, kind: str) -> None:
        if isinstance(ids, pa.ChunkedArray):
            ids = ids.combine_chunks()
        if not is_id_type(ids.type):
            raise InvalidInputError(
                f"{kind} ids are of type {ids.type}, expected integers or strings; cast the column"
            )
        if pa.types.is_large_string(ids.type) or pa.types.is_string_view(ids.type):
            ids = ids.cast(pa.string()) if ids.nbytes < 2**31 else ids.cast(pa.large_string())
        self.ids = ids
        self.kind = kind
        self._integers = bool(pa.types.is_integer(ids.type))
        self._order: npt.NDArray[np.int64] | None = None
        self._values = ids.to_numpy(zero_copy_only=False) if self._integers else None
        self._check()

    def _check(self) -> None:
        if self.ids.null_count:
            raise InvalidInputError(f"{self.kind} ids hold {self.ids.null_count} nulls; drop them")
        if len(self.ids) < 2:
            return
        if not _strictly_rising(self.ids):
            self._order = pc.sort_indices(self.ids).to_numpy().astype(np.int64)
            if not _strictly_rising(self.ids.take(pa.array(self._order))):
                raise InvalidInputError(f"{self.kind} ids are not distinct; drop the duplicates")

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, value: object) -> bool:
        return bool(self.find([value])[0] >= 0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdMap) and bool(self.ids.equals(other.ids))

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: npt.ArrayLike) -> pa.Array:
        """Outside ids of internal `rows` (int array, each in [0, len))."""
        return self.ids.take(pa.array(np.asarray(rows, np.int64)))

    def find(self, ids: Ids) -> npt.NDArray[np.int64]:
        """Rows of `ids`, −1 where an id is unknown.

        A string that spells an integer finds that integer id, so that ids typed on a command line
        work for either kind.
        """
        if self._integers:
            return self._find_integers(ids)
        values = _to_list(ids)
        if len(values) <= _FEW:
            return np.array([self._find_string(value) for value in values], np.int64)
        wanted = pa.array([value if isinstance(value, str) else None for value in values])
        found = pc.index_in(wanted.cast(self.ids.type), self.ids)
        rows: npt.NDArray[np.int64] = pc.fill_null(found, -1).to_numpy().astype(np.int64)
        if wanted.null_count:
            rows[np.asarray(wanted.is_null())] = -1
        return rows

    def rows(self, ids: Ids) -> npt.NDArray[np.int64]:
        """Rows of `ids`.

        Raises
        ------
        UnknownIdError
            Some id is unknown; the message names up to five.
        """
        rows = self.find(ids)
        unknown = np.flatnonzero(rows < 0)
        if unknown.size:
            values = _to_list(ids)
            named = ", ".join(repr(values[k]) for k in unknown[:5])
            more = f" and {unknown.size - 5} more" if unknown.size > 5 else ""
            raise UnknownIdError(
                f"unknown {self.kind} {named}{more}: not among the model's {len(self):,} "
                f"{self.kind}s (such as {self._example()}); check the id and its type"
            )
        return rows

    def _example(self) -> str:
        return ", ".join(repr(value) for value in self.ids.slice(0, 2).to_pylist()) or "none"

    def _find_integers(self, ids: Ids) -> npt.NDArray[np.int64]:
        assert self._values is not None
        wanted, valid = _as_integers(ids, self._values.dtype)
        if not len(self):
            return np.full(wanted.size, -1, np.int64)
        position = np.searchsorted(self._values, wanted, sorter=self._order)
        position = np.minimum(position, len(self) - 1)
        rows = position if self._order is None else self._order[position]
        hit = valid & (self._values[rows] == wanted)
        return np.where(hit, rows, -1).astype(np.int64)

    def _find_string(self, value: object) -> int:
        if not isinstance(value, str):
            return -1

        def at(k: int) -> str:
            return str(self.ids[k if self._order is None else int(self._order[k])].as_py())

        k = bisect_left(range(len(self)), value, key=at)
        if k == len(self) or at(k) != value:
            return -1
        return k if self._order is None else int(self._order[k])


def _strictly_rising(ids: pa.Array) -> bool:
    return bool(pc.all(pc.less(ids.slice(0, len(ids) - 1), ids.slice(1))).as_py())


def _to_list(ids: Ids) -> list[Any]:
    if isinstance(ids, str | bytes) or not hasattr(ids, "__iter__"):
        raise InvalidInputError(f"expected a list of ids, found {ids!r} alone; wrap it: [{ids!r}]")
    if isinstance(ids, pa.Array | pa.ChunkedArray):
        return list(ids.to_pylist())
    if isinstance(ids, np.ndarray):
        return list(ids.tolist())
    return list(ids)


def _as_integers(ids: Ids, dtype: np.dtype[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """`ids` as integers of `dtype`, and which of them are valid (the others are 0)."""
    if isinstance(ids, pa.Array | pa.ChunkedArray) and _plain_integers(ids):
        ids = ids.to_numpy() if isinstance(ids, pa.ChunkedArray) else np.asarray(ids)
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu":
        flat = ids.reshape(-1)
        converted = flat.astype(dtype)
        same = (converted == flat) & ((converted < 0) == (flat < 0))
        return np.where(same, converted, 0).astype(dtype), same
    limits = np.iinfo(dtype)
    numbers, valid = [], []
    for value in _to_list(ids):
        number = _integer(value)
        good = number is not None and limits.min <= number <= limits.max
        numbers.append(number if good else 0)
        valid.append(good)
    return np.array(numbers, dtype), np.array(valid, np.bool_)


def _plain_integers(ids: pa.Array | pa.ChunkedArray) -> bool:
    return bool(pa.types.is_integer(ids.type) and not ids.null_count)


def _integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, str):
        return int(value) if _SPELLED.fullmatch(value) else None
    return None

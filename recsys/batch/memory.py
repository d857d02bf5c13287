"""Memory of a job: told beforehand, and kept by cutting the users into blocks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import CapacityError, InvalidInputError
from recsys.retrieval import workspace_bytes

#: Work space of a job where no limit is given, in bytes.
DEFAULT_LIMIT = 512 * 1024**2

_UNITS = {
    "": 1, "b": 1,
    "k": 1024, "kib": 1024, "kb": 1000,
    "m": 1024**2, "mib": 1024**2, "mb": 1000**2,
    "g": 1024**3, "gib": 1024**3, "gb": 1000**3,
    "t": 1024**4, "tib": 1024**4, "tb": 1000**4,
}  # fmt: skip

#: Rows of a row group of the output. Fixed, so that a part's bytes depend on the job alone.
GROUP_ROWS = 1 << 17

# Of the Parquet writer, and of what allocators hold back.
_WRITER_BYTES = 24 * 1024**2
# Of one output row beside its two ids: id and score found, mask, places, rank, score, copies.
_ROW_BYTES = 80
# Of a row that waits to be written, beside its ids: rank, score, source with its offset, reason.
_WRITTEN_BYTES = 4 + 4 + 8 + 5
# Of one seen item: value, column, both once more when sliced, and the kernel's own column.
_SEEN_BYTES = 28


def parse_memory(text: str) -> int:
    """Return a number of bytes written like ``512MiB``.

    Parameters
    ----------
    text : str
        A number and a unit: B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB or K, M, G, T
        (powers of 1024); bytes without one.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    InvalidInputError
        It is not written like that.

    Examples
    --------
    >>> parse_memory("1.5 GiB"), parse_memory("200MB"), parse_memory("4096")
    (1610612736, 200000000, 4096)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    unit = _UNITS.get(match.group(2).lower()) if match else None
    size = int(float(match.group(1)) * unit) if match and unit else 0
    if size < 1:
        raise InvalidInputError(f"memory is {text!r}, expected a size such as 512MiB or 2GiB")
    return size


def format_bytes(size: float) -> str:
    """Return `size` bytes in the unit that suits it.

    Examples
    --------
    >>> format_bytes(1536), format_bytes(3 * 1024**3)
    ('1.5 KiB', '3.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def model_bytes(recommender: Any) -> int:
    """Return the bytes of factors and interactions, which a job reads and never copies whole."""
    matrix = recommender.interactions.matrix
    arrays = [
        np.asarray(recommender.model.user_factors),
        recommender.item_factors,
        matrix.data,
        matrix.indices,
        matrix.indptr,
    ]
    return sum(int(array.nbytes) for array in arrays)


def user_bytes(recommender: Any, rows: NDArray[np.int64], n: int, seen: bool) -> NDArray[np.int64]:
    """Return what each user costs while its block is worked on.

    Parameters
    ----------
    recommender : Recommender
        The model.
    rows : ndarray of int64, shape (users,)
        User rows.
    n : int
        Items for each.
    seen : bool
        Whether what a user has seen is excluded.

    Returns
    -------
    ndarray of int64, shape (users,)
        Bytes.
    """
    ids = _id_bytes(recommender.users.ids) + _id_bytes(recommender.items.ids)
    factors = int(recommender.item_factors.shape[1])
    listed = min(n, len(recommender.items))
    # Ids are held once as found, once as written; a query once as sliced, once as packed.
    costs = np.full(len(rows), listed * (8 + _ROW_BYTES + 2 * ids) + factors * 8, np.int64)
    if seen:
        indptr = recommender.interactions.matrix.indptr
        costs += _SEEN_BYTES * (indptr[rows + 1] - indptr[rows]).astype(np.int64)
    return costs


def fixed_bytes(recommender: Any, n: int) -> int:
    """Return what a job needs however few users it works on at a time.

    Parameters
    ----------
    recommender : Recommender
        The model.
    n : int
        Items for each user.

    Returns
    -------
    int
        Bytes: the search's own work space, and the writer's.
    """
    listed = max(1, min(n, len(recommender.items)))
    size, factors = recommender.item_factors.shape
    ids = _id_bytes(recommender.users.ids) + _id_bytes(recommender.items.ids)
    # The rows of a group wait together until they are written.
    waiting = GROUP_ROWS * (ids + _WRITTEN_BYTES)
    return _WRITER_BYTES + waiting + workspace_bytes(listed, int(factors), size=int(size))


def cut_blocks(costs: NDArray[np.int64], room: int, part_users: int) -> NDArray[np.int64]:
    """Cut users into blocks that each cost at most `room`.

    Parameters
    ----------
    costs : ndarray of int64, shape (users,)
        Bytes of each user.
    room : int
        Bytes for a block.
    part_users : int
        Blocks do not cross the borders of parts of so many users.

    Returns
    -------
    ndarray of int64, shape (blocks + 1,)
        Borders, from 0 to the number of users.

    Raises
    ------
    CapacityError
        Not even one user at a time fits.

    Examples
    --------
    >>> cut_blocks(np.array([2, 2, 2, 2, 2]), 5, 4).tolist()
    [0, 2, 4, 5]
    """
    largest = int(costs.max(initial=0))
    if largest > room:
        raise CapacityError(
            f"the memory limit is too small by {format_bytes(largest - room)} to work on a single "
            "user: raise it, or lower n"
        )
    ends = np.cumsum(costs)
    borders = [0]
    while borders[-1] < len(costs):
        start = borders[-1]
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + room, side="right"))
        borders.append(min(stop, (start // part_users + 1) * part_users, len(costs)))
    return np.array(borders, np.int64)


def largest_block(costs: NDArray[np.int64], borders: NDArray[np.int64]) -> int:
    """Return the bytes of the dearest block."""
    return int(np.add.reduceat(costs, borders[:-1]).max()) if len(borders) > 1 else 0


def _id_bytes(ids: Any) -> int:
    """Mean bytes of one id."""
    return int(np.ceil(ids.nbytes / max(len(ids), 1)))

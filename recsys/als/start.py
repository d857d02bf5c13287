"""The factors that a training starts from: drawn, or those that are set, grown to new rows."""

from __future__ import annotations

import numpy as np

from recsys.als import cpu
from recsys.als.config import ALSConfig
from recsys.als.factors import Factors
from recsys.als.memory import check_capacity, training_bytes
from recsys.als.randomness import aligned_empty, initial_factors
from recsys.errors import InvalidInputError


def check_memory(
    config: ALSConfig, users: int, items: int, entries: int, *, copies: int = 1
) -> None:
    """Refuse a training that does not fit into memory, before anything is allocated.

    Parameters
    ----------
    config : ALSConfig
        Settings.
    users, items, entries : int
        Shape and stored values of the matrix.
    copies : int
        How often both sides of factors are kept at once.

    Raises
    ------
    CapacityError
        Names both numbers.
    """
    itemsize = np.dtype(config.dtype).itemsize
    threads = cpu.thread_count(config.num_threads)
    wanted = training_bytes(users, items, entries, config.factors, itemsize, threads)
    check_capacity(
        wanted + (copies - 1) * (users + items) * config.factors * itemsize,
        f"training {config.factors} factors of {users:,} users and {items:,} items",
        "use fewer factors",
    )


def check_start(name: str, current: Factors | None, rows: int, factors: int) -> None:
    """Refuse factors that a training of `rows` rows cannot start from.

    Raises
    ------
    InvalidInputError
        More rows than the matrix has, another number of factors, NaN or infinity.
    """
    if current is None:
        return
    if current.shape[1] != factors or len(current) > rows:
        raise InvalidInputError(
            f"{name} are of shape {current.shape}, this training wants {(rows, factors)}; "
            f"set {name} to None to start anew"
        )
    if not np.isfinite(current).all():
        raise InvalidInputError(
            f"{name} to start from hold NaN or infinity; set {name} to None to start anew"
        )


def starting_factors(
    rng: np.random.Generator, current: Factors | None, rows: int, factors: int, dtype: str
) -> Factors:
    """Return the factors to start from, C-contiguous and writeable.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the rows that `current` does not have, as for a fresh start.
    current : ndarray, shape (at most rows, factors), optional
        Factors to go on from; used in place where they are of the right size and can be written.
    rows, factors : int
        Shape wanted.
    dtype : str
        ``"float32"`` or ``"float64"``.

    Examples
    --------
    >>> known = np.ones((2, 3), np.float32)
    >>> grown = starting_factors(np.random.default_rng(0), known, 4, 3, "float32")
    >>> grown[:2].tolist() == known.tolist(), bool((grown[2:] < 0.01).all())
    (True, True)
    """
    if current is None:
        return initial_factors(rng, rows, factors, dtype)
    if len(current) == rows:
        return np.require(current, dtype, ["C", "W"])
    grown = aligned_empty(rows, factors, dtype)
    grown[: len(current)] = current
    grown[len(current) :] = initial_factors(rng, rows - len(current), factors, dtype)
    return grown

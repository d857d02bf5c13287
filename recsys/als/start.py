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
    wanted = training_bytes(users, items, entries, config.width, itemsize, threads)
    check_capacity(
        wanted + (copies - 1) * (users + items) * config.width * itemsize,
        f"training {config.factors} factors of {users:,} users and {items:,} items",
        "use fewer factors",
    )


def check_start(name: str, current: Factors | None, rows: int, width: int) -> None:
    """Refuse factors that a training of `rows` rows cannot start from.

    Raises
    ------
    InvalidInputError
        More rows than the matrix has, another width, NaN or infinity.
    """
    if current is None:
        return
    if current.shape[1] != width or len(current) > rows:
        raise InvalidInputError(
            f"{name} are of shape {current.shape}, this training wants {(rows, width)}; "
            f"set {name} to None to start anew"
        )
    if not np.isfinite(current).all():
        raise InvalidInputError(
            f"{name} to start from hold NaN or infinity; set {name} to None to start anew"
        )


def starting_factors(
    rng: np.random.Generator, current: Factors | None, rows: int, config: ALSConfig
) -> Factors:
    """Return the factors to start from, C-contiguous and writeable.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the rows that `current` does not have, as for a fresh start.
    current : ndarray, shape (at most rows, config.width), optional
        Factors to go on from; used in place where they are of the right size and can be written.
    rows : int
        How many are wanted.
    config : ALSConfig
        Settings. Biases, where there are any, start at 0.

    Examples
    --------
    >>> known = np.ones((2, 3), np.float32)
    >>> grown = starting_factors(np.random.default_rng(0), known, 4, ALSConfig(factors=3))
    >>> grown[:2].tolist() == known.tolist(), bool((grown[2:] < 0.01).all())
    (True, True)
    """
    dtype = config.dtype
    if current is None and not config.biases:
        return initial_factors(rng, rows, config.factors, dtype)
    known = 0 if current is None else len(current)
    if current is not None and known == rows:
        return np.require(current, dtype, ["C", "W"])
    grown = aligned_empty(rows, config.width, dtype)
    if current is not None:
        grown[:known] = current
    grown[known:, : config.factors] = initial_factors(rng, rows - known, config.factors, dtype)
    grown[known:, config.factors :] = 0
    return grown


def starting_map(name: str, current: Factors | None, count: int, config: ALSConfig) -> Factors:
    """Return the map from so many features to rows of factors to start from; of zeros at first.

    Raises
    ------
    InvalidInputError
        `current` is of another shape, or holds NaN or infinity.
    """
    shape = (count, config.width)
    if current is None:
        return np.zeros(shape, config.dtype)
    if current.shape != shape or not np.isfinite(current).all():
        raise InvalidInputError(
            f"{name} are of shape {current.shape}, this training wants finite ones of {shape}; "
            f"set {name} to None to start anew"
        )
    return np.require(current, config.dtype, ["C", "W"])

"""Where the initial factors come from: the same numbers as ``implicit`` draws for the same seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys.errors import InvalidInputError

_SCALE = 0.01


def plain_seed(random_state: object) -> int | None:
    """Return the seed where `random_state` is a plain number, else None (a generator moves on)."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return None


def generator(random_state: object) -> np.random.Generator:
    """Return the generator that ``implicit`` would make of `random_state`.

    Parameters
    ----------
    random_state : None, int, numpy.random.RandomState or numpy.random.Generator
        A RandomState gives the seed of a Generator.

    Raises
    ------
    InvalidInputError
        Anything else.
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    if isinstance(random_state, bool):
        raise InvalidInputError("random_state is a bool, expected None, a seed, or a generator")
    try:
        return np.random.default_rng(random_state)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"random_state is {random_state!r}, expected None, a whole number of at least 0, or a "
            "numpy Generator or RandomState"
        ) from error


def initial_factors(
    rng: np.random.Generator, rows: int, factors: int, dtype: str
) -> NDArray[np.float32] | NDArray[np.float64]:
    """Draw factors uniformly from [0, 0.01), as ``implicit`` does.

    Parameters
    ----------
    rng : numpy.random.Generator
        It moves on by ``rows * factors`` numbers.
    rows, factors : int
        Shape.
    dtype : str
        ``"float32"`` or ``"float64"``.

    Returns
    -------
    ndarray, shape (rows, factors)

    Examples
    --------
    >>> bool(initial_factors(np.random.default_rng(0), 2, 3, "float32").max() < 0.01)
    True
    """
    drawn = rng.random((rows, factors), dtype=np.dtype(dtype).type)
    drawn *= drawn.dtype.type(_SCALE)  # in place: a second array would double the memory
    return drawn

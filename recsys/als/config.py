"""The settings of the ALS core: each default once, each value checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from recsys.errors import InvalidInputError

MAX_FACTORS = 4096
SOLVERS = ("cg", "cholesky")
DEVICES = ("cpu",)
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class ALSConfig:
    """Settings of :class:`recsys.als.AlternatingLeastSquares`, validated and unchangeable.

    Parameters
    ----------
    factors : int
        Length of a factor vector, 1 to 4096; multiples of 16 are fastest.
    regularization : float
        λ of the objective, >= 0; of users alone where `item_regularization` is set.
    alpha : float
        Confidence of an entry with value v is ``alpha * |v|``; > 0.
    iterations : int
        Sweeps over users and items, >= 0.
    unobserved_weight : float
        α0, the confidence that a pair without an entry is worth 0; >= 0. With 0 nothing is
        learned from what users leave alone.
    regularization_exponent : float
        ν: how λ grows with the entries of a row (Rendle et al. 2021); >= 0, 0 for constant.
    item_regularization : float or None
        λ of items, >= 0; None for that of `regularization`.
    solver : str
        ``"cg"`` (conjugate gradients, warm-started) or ``"cholesky"`` (exact).
    cg_steps : int
        Steps of conjugate gradients for each row in each sweep, >= 1.
    device : str
        ``"cpu"``.
    dtype : str
        ``"float32"`` or ``"float64"``; of factors and arithmetic.
    num_threads : int
        Threads; 0 for every processor this process may use.
    calculate_training_loss : bool
        Compute the loss after each sweep, for the callback and the progress bar.

    Raises
    ------
    InvalidInputError
        A value is of the wrong type or out of range.
    """

    factors: int = 64
    regularization: float = 0.01
    alpha: float = 1.0
    iterations: int = 15
    unobserved_weight: float = 1.0
    regularization_exponent: float = 0.0
    item_regularization: float | None = None
    solver: str = "cg"
    cg_steps: int = 3
    device: str = "cpu"
    dtype: str = "float32"
    num_threads: int = 0
    calculate_training_loss: bool = False

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))

    def of_items(self) -> ALSConfig:
        """Return the settings by which rows of items are solved: their λ as `regularization`.

        Examples
        --------
        >>> ALSConfig(regularization=0.1, item_regularization=0.2).of_items().regularization
        0.2
        >>> ALSConfig(regularization=0.1).of_items().regularization
        0.1
        """
        if self.item_regularization is None:
            return self
        return replace(self, regularization=self.item_regularization)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ALSConfig:
        """Rebuild settings from :meth:`to_dict`, refusing unknown names.

        Raises
        ------
        InvalidInputError
            An unknown name, or a value that is not allowed.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InvalidInputError(
                f"unknown ALS setting {unknown[0]!r}, expected one of {', '.join(sorted(known))}"
            )
        return cls(**values)


def whole_number(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return `value` as int within bounds, or raise :class:`InvalidInputError`."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        number = int(value)
        if number >= least and (most is None or number <= most):
            return number
    bounds = f"at least {least}" if most is None else f"from {least} to {most}"
    raise InvalidInputError(f"{name} is {value!r}, expected a whole number {bounds}")


def _real(name: str, value: object, *, positive: bool) -> float:
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and (number > 0 or (number == 0 and not positive)):
            return number
    bound = "above 0" if positive else "of at least 0"
    raise InvalidInputError(f"{name} is {value!r}, expected a finite number {bound}")


def _real_or_none(name: str, value: object) -> float | None:
    return None if value is None else _real(name, value, positive=False)


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise InvalidInputError(
        f"{name} is {value!r}, which this release does not have; available: {', '.join(allowed)}"
    )


def _dtype(name: str, value: object) -> str:
    try:
        text = np.dtype(value).name  # type: ignore[call-overload]
    except TypeError:
        text = str(value)
    return _choice(name, text, DTYPES)


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise InvalidInputError(f"{name} is {value!r}, expected True or False")


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "factors": lambda name, value: whole_number(name, value, 1, MAX_FACTORS),
    "regularization": lambda name, value: _real(name, value, positive=False),
    "alpha": lambda name, value: _real(name, value, positive=True),
    "iterations": lambda name, value: whole_number(name, value, 0),
    "unobserved_weight": lambda name, value: _real(name, value, positive=False),
    "regularization_exponent": lambda name, value: _real(name, value, positive=False),
    "item_regularization": _real_or_none,
    "solver": lambda name, value: _choice(name, value, SOLVERS),
    "cg_steps": lambda name, value: whole_number(name, value, 1),
    "device": lambda name, value: _choice(name, value, DEVICES),
    "dtype": _dtype,
    "num_threads": lambda name, value: whole_number(name, value, 0, 4096),
    "calculate_training_loss": _flag,
}

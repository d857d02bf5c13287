"""The settings of the ALS core: each default once, each value checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import InvalidInputError

MAX_FACTORS = 4096
SOLVERS = ("cg", "cholesky", "subspace", "auto")
DEVICES = ("cpu", "cuda", "cuda:N")
GPU_SOLVERS = ("cg", "cholesky", "auto")
GPU_PRECISIONS = ("full", "tf32")
GATHERED = ("auto", "same", "bfloat16")
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
    popularity_exponent : float
        β: a pair of user and item without an entry counts ``unobserved_weight`` times the item's
        number of entries to this power, scaled to 1 on average over items (He et al. 2016, eq. 8:
        who leaves a popular item alone has more likely seen it); >= 0, 0 for all alike.
    biases : bool
        Learn a bias of each user and item, too: a score is ``x.y + b_user + b_item``. Biases are
        regularized as the factors of their row.
    feature_regularization : float
        Of the maps from side features to factors; > 0. Nothing without features.
    solver : str
        ``"cg"`` (conjugate gradients, warm-started), ``"cholesky"`` (exact) or ``"subspace"``
        (iALS++: exact for one block of dimensions at a time; the choice for many factors), or
        ``"auto"``: for each side what is expected to get furthest soonest
        on this processor (:mod:`recsys.als.choice`); ``"cg"`` on a card.
    cg_steps : int
        Steps of conjugate gradients for each row in each sweep, >= 1.
    gathered_dtype : str
        How training reads the other side's factors: ``"bfloat16"``, 16 bits (``"cg"``: 8 of them
        significant and sums in float32, or, where the processor computes in float16 and has a
        matrix unit, 11 and short sums in float16; there also ``"cholesky"``: two numbers of 8
        significant bits, and ``"subspace"``: 8 bits in the curvature alone; without one, on x86-64,
        both: whole numbers of 15 bits and a sign, scaled by row and column; needs `dtype` float32),
        ``"same"`` as `dtype`, or ``"auto"``: 16 bits from a million entries on (on a card
        ``"auto"`` is ``"same"``).
    subspace_dimension : int
        Dimensions of one block of the ``"subspace"`` solver, 1 to 4096; more than there are
        factors means all of them.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:N"``: where training runs. Whether the card exists is
        checked when a training starts, so that a model can be loaded where there is none.
    gpu_precision : str
        On a card: ``"full"`` (plain float32 or float64), or ``"tf32"`` (matrix products of float32
        in TF32, a mantissa of 10 bits).
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
    popularity_exponent: float = 0.0
    biases: bool = False
    feature_regularization: float = 1.0
    solver: str = "cg"
    cg_steps: int = 3
    subspace_dimension: int = 64
    gathered_dtype: str = "auto"
    device: str = "cpu"
    gpu_precision: str = "full"
    dtype: str = "float32"
    num_threads: int = 0
    calculate_training_loss: bool = False

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        if self.gathered_dtype == "bfloat16" and self.dtype != "float32":
            raise InvalidInputError(
                f"gathered_dtype is 'bfloat16' with dtype {self.dtype!r}, expected dtype 'float32' "
                "with it, or gathered_dtype='same'"
            )
        _check_device(self)

    @property
    def width(self) -> int:
        """Numbers that a row of users or items is described by: its factors, and its bias."""
        return self.factors + self.biases

    def lambdas(
        self, entries: NDArray[np.int64], weights: NDArray[np.float32] | None, mass: float
    ) -> NDArray[np.float64]:
        """λ of each row, shape (rows,); of items' rows, see :meth:`of_items`.

        Parameters
        ----------
        entries : ndarray of int64, shape (rows,)
            Stored values of each row.
        weights : ndarray of float32, shape (rows,), optional
            Weight of each row's unobserved pairs.
        mass : float
            Sum of those of the other side, or its number of rows.

        Examples
        --------
        >>> config = ALSConfig(regularization=0.1, regularization_exponent=1.0)
        >>> config.lambdas(np.array([0, 5]), None, 10.0).tolist()
        [1.0, 1.5]
        """
        masses = np.full(len(entries), mass) if weights is None else mass * weights.astype(float)
        sizes = entries + self.unobserved_weight * masses
        nu = self.regularization_exponent
        return np.asarray(self.regularization * (sizes**nu if nu else np.ones(len(entries))))

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


def _device(name: str, value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"cpu|cuda|cuda:\d{1,3}", value):
        return value
    raise InvalidInputError(f"{name} is {value!r}, expected one of {', '.join(DEVICES)}")


def _check_device(config: ALSConfig) -> None:
    """Refuse what the device cannot do."""
    if config.device == "cpu":
        if config.gpu_precision != "full":
            raise InvalidInputError(
                f"gpu_precision is {config.gpu_precision!r} with device 'cpu', expected 'full' "
                "there, or device='cuda'"
            )
        return
    if config.solver not in GPU_SOLVERS:
        raise InvalidInputError(
            f"solver is {config.solver!r} with device {config.device!r}, expected one of "
            f"{', '.join(GPU_SOLVERS)} there, or device='cpu'"
        )
    if config.gpu_precision != "full" and config.dtype != "float32":
        raise InvalidInputError(
            f"gpu_precision is {config.gpu_precision!r} with dtype {config.dtype!r}, expected "
            "dtype 'float32', or 'full'"
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
    "popularity_exponent": lambda name, value: _real(name, value, positive=False),
    "biases": _flag,
    "feature_regularization": lambda name, value: _real(name, value, positive=True),
    "solver": lambda name, value: _choice(name, value, SOLVERS),
    "cg_steps": lambda name, value: whole_number(name, value, 1),
    "gathered_dtype": lambda name, value: _choice(name, value, GATHERED),
    "subspace_dimension": lambda name, value: whole_number(name, value, 1, MAX_FACTORS),
    "device": _device,
    "gpu_precision": lambda name, value: _choice(name, value, GPU_PRECISIONS),
    "dtype": _dtype,
    "num_threads": lambda name, value: whole_number(name, value, 0, 4096),
    "calculate_training_loss": _flag,
}

"""Models to and from ``implicit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from recsys.errors import InvalidInputError

if TYPE_CHECKING:
    from recsys.als.model import AlternatingLeastSquares

    Model = TypeVar("Model", bound=AlternatingLeastSquares)

#: Settings of ours that ``implicit`` does not have, and the only value it can express.
_FIXED = {
    "unobserved_weight": 1.0,
    "regularization_exponent": 0.0,
    "item_regularization": None,
    "popularity_exponent": 0.0,
    "biases": False,
    "user_weights": None,
    "item_weights": None,
    "user_feature_factors": None,
    "item_feature_factors": None,
}


def to_implicit(model: AlternatingLeastSquares) -> Any:
    """See :meth:`recsys.als.AlternatingLeastSquares.to_implicit`."""
    import implicit.cpu.als

    for name, only in _FIXED.items():
        value = getattr(model, name)
        told = isinstance(value, np.ndarray)
        if told or value != only:
            found = "set" if told else value
            raise InvalidInputError(f"{name} is {found}, implicit can only express {only}")
    made = implicit.cpu.als.AlternatingLeastSquares(
        factors=model.factors,
        regularization=model.regularization,
        alpha=model.alpha,
        dtype=model.dtype,
        use_native=True,
        use_cg=model.use_cg,
        iterations=model.iterations,
        calculate_training_loss=model.calculate_training_loss,
        num_threads=model.num_threads,
        random_state=model.random_state,
    )
    made.cg_steps = model.cg_steps
    if model.user_factors is not None:
        made.user_factors = model.user_factors.copy()
    if model.item_factors is not None:
        made.item_factors = model.item_factors.copy()
    return made


def from_implicit(cls: type[Model], model: Any) -> Model:
    """See :meth:`recsys.als.AlternatingLeastSquares.from_implicit`."""
    wanted = ("factors", "regularization", "alpha", "iterations", "user_factors", "item_factors")
    missing = [name for name in wanted if not hasattr(model, name)]
    if missing:
        raise InvalidInputError(
            f"a {type(model).__name__} has no {missing[0]}, expected an "
            "implicit.als.AlternatingLeastSquares"
        )
    made = cls(
        factors=model.factors,
        regularization=model.regularization,
        alpha=model.alpha,
        iterations=model.iterations,
        solver="cg" if getattr(model, "use_cg", True) else "cholesky",
        cg_steps=getattr(model, "cg_steps", 3),
        # A GPU model may hold 16-bit factors, which no solver here works in.
        dtype="float64" if np.dtype(model.dtype) == np.float64 else "float32",
        num_threads=getattr(model, "num_threads", 0),
        random_state=model.random_state,
        calculate_training_loss=model.calculate_training_loss,
    )
    for side in ("user_factors", "item_factors"):
        factors = getattr(model, side)
        if factors is not None:
            plain = factors.to_numpy() if hasattr(factors, "to_numpy") else factors
            setattr(made, side, np.array(plain, dtype=made.dtype, order="C"))
    return made

"""What goes along with the sweeps: records, the callback, validation with the best state kept."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from recsys.errors import InvalidInputError

if TYPE_CHECKING:
    from recsys.als.model import AlternatingLeastSquares


class SweepRecord(TypedDict):
    """What is kept of one sweep: plain numbers, fit for JSON.

    Attributes
    ----------
    sweep : int
        Its number, from 1; counting goes on where training does.
    seconds : float
        What both halves and the loss took, validation not counted.
    loss : float or None
        The objective over the sum of all weights; None unless ``calculate_training_loss``.
    validation : dict of str to float, or None
        What the validation found after it; None where it was not asked.
    """

    sweep: int
    seconds: float
    loss: float | None
    validation: dict[str, float] | None


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands after a sweep, for ``callback(state)``.

    Attributes
    ----------
    sweep : int
        Number of the sweep that ended, from 1.
    seconds : float
        What it took.
    loss : float or None
        See :class:`SweepRecord`.
    validation : dict of str to float, or None
        See :class:`SweepRecord`.
    history : tuple of SweepRecord
        All sweeps so far, this one last.
    model : AlternatingLeastSquares
        With the factors of this sweep; it may be asked for anything, but not changed.
    """

    sweep: int
    seconds: float
    loss: float | None
    validation: dict[str, float] | None
    history: tuple[SweepRecord, ...]
    model: AlternatingLeastSquares


Callback: TypeAlias = (
    Callable[[TrainingState], object] | Callable[[int, float, float | None], object]
)
Validation: TypeAlias = "Callable[[AlternatingLeastSquares], float | Mapping[str, float]]"

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def wants_state(callback: object) -> bool:
    """Whether `callback` takes a :class:`TrainingState`, not ``implicit``'s three arguments.

    It does where exactly one positional argument of it has no default and it takes no ``*args``.

    Raises
    ------
    InvalidInputError
        It is not callable, or takes neither form.

    Examples
    --------
    >>> wants_state(lambda state: None), wants_state(lambda iteration, seconds, loss: None)
    (True, False)
    """
    if not callable(callback):
        raise InvalidInputError(
            f"callback is a {type(callback).__name__}, expected a function of the training's state"
        )
    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):  # some builtins have none
        return False
    needed = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind in _POSITIONAL and parameter.default is parameter.empty
    ]
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    if len(needed) == 1 and inspect.Parameter.VAR_POSITIONAL not in kinds:
        return True
    try:
        signature.bind(0, 0.0, None)
    except TypeError as error:
        raise InvalidInputError(
            f"callback takes {signature}, expected (state) or (iteration, seconds, loss)"
        ) from error
    return False


def named_scores(found: object) -> dict[str, float]:
    """Return what a validation gave as named numbers; a bare number is called ``score``.

    Raises
    ------
    InvalidInputError
        Not a finite number, nor a mapping of names to finite numbers.

    Examples
    --------
    >>> named_scores(0.25), named_scores({"ndcg@10": 0.5, "recall@10": 1})
    ({'score': 0.25}, {'ndcg@10': 0.5, 'recall@10': 1.0})
    """
    pairs: list[tuple[Any, Any]] = (
        list(found.items()) if isinstance(found, Mapping) else [("score", found)]
    )
    scores = {}
    for name, value in pairs:
        try:
            number = math.nan if isinstance(value, str | bytes) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise InvalidInputError(
                f"validation returned {name} = {value!r}, expected a finite number"
            )
        scores[str(name)] = number
    if not scores:
        raise InvalidInputError("validation returned no number, expected at least one")
    return scores


def records_from(found: object) -> list[SweepRecord]:
    """Check records that were read from a file.

    Raises
    ------
    ValueError
        They are no list of sweep records.

    Examples
    --------
    >>> records_from([{"sweep": 1, "seconds": 0.5, "loss": None, "validation": {"score": 1.0}}])
    [{'sweep': 1, 'seconds': 0.5, 'loss': None, 'validation': {'score': 1.0}}]
    """
    if not isinstance(found, list):
        raise ValueError(f"its history is a {type(found).__name__}, expected a list")
    records: list[SweepRecord] = []
    for entry in found:
        try:
            records.append(
                {
                    "sweep": int(entry["sweep"]),
                    "seconds": float(entry["seconds"]),
                    "loss": None if entry["loss"] is None else float(entry["loss"]),
                    "validation": (
                        None
                        if entry["validation"] is None
                        else {str(name): float(v) for name, v in entry["validation"].items()}
                    ),
                }
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"record {len(records)} of its history is none of a sweep") from error
    return records

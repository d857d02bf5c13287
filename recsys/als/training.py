"""What goes along with the sweeps: records, the callback, validation with the best state kept."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

import numpy as np

from recsys.als.config import whole_number
from recsys.als.factors import Factors
from recsys.als.randomness import aligned_empty
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

    It does where exactly one positional argument of it has no default.

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
    if len(needed) == 1:
        return True
    try:
        signature.bind(0, 0.0, None)
    except TypeError as error:
        raise InvalidInputError(
            f"callback takes {signature}, expected (state) or (iteration, seconds, loss)"
        ) from error
    return False


class Course:
    """The course of one training: what happens between its sweeps.

    Parameters
    ----------
    model : AlternatingLeastSquares
        What is trained; its `history_` and `best_sweep_` are kept here.
    callback : callable, optional
        See :meth:`recsys.als.AlternatingLeastSquares.fit`.
    validation : callable, optional
        Maps the model to a number, or to named numbers of which the first decides; higher is
        better.
    validate_every : int
        Sweeps from one validation to the next, >= 1; the last sweep is always validated.
    patience : int, optional
        Stop after so many validations in a row that found nothing better, >= 1.

    Raises
    ------
    InvalidInputError
        An argument of the wrong type or out of range.
    """

    def __init__(
        self,
        model: AlternatingLeastSquares,
        *,
        callback: Callback | None = None,
        validation: Validation | None = None,
        validate_every: int = 1,
        patience: int | None = None,
    ) -> None:
        if validation is not None and not callable(validation):
            raise InvalidInputError(
                f"validation is a {type(validation).__name__}, expected a function that maps the "
                "model to a number; recsys.evaluation.HeldOut makes one of held-out interactions"
            )
        if patience is not None and validation is None:
            raise InvalidInputError("patience is given without validation; give both, or neither")
        self._model = model
        self._callback: Any = callback
        self._state_form = callback is not None and wants_state(callback)
        self._validation = validation
        self._every = whole_number("validate_every", validate_every, 1)
        self._patience = None if patience is None else whole_number("patience", patience, 1)
        self._best: tuple[Factors, Factors] | None = None
        self._best_score = -math.inf
        self._since_best = 0
        self.done = 0

    @property
    def keeps_best(self) -> bool:
        """Whether a second copy of the factors is kept."""
        return self._validation is not None

    def begin(self, *, anew: bool) -> None:
        """Start: history goes on where training does, and is emptied where it starts `anew`."""
        if anew:
            self._model.history_ = []
        self._model.best_sweep_ = None

    def after_sweep(self, seconds: float, loss: float | None) -> bool:
        """Record a sweep, validate, tell the callback; True where training is to stop."""
        model = self._model
        model._forget_derived()
        record: SweepRecord = {
            "sweep": 1 + (model.history_[-1]["sweep"] if model.history_ else 0),
            "seconds": seconds,
            "loss": loss,
            "validation": None,
        }
        self.done += 1
        if self._validation is not None and (
            self.done % self._every == 0 or self.done == model.iterations
        ):
            scores = record["validation"] = named_scores(self._validation(model))
            self._judge(record["sweep"], next(iter(scores.values())))
        model.history_.append(record)
        asked_to_stop = self._tell(record)
        model._forget_derived()
        return asked_to_stop or self._patience_is_over()

    def end(self) -> None:
        """Put the best state back, where one was found and training went on from it."""
        if self._best is not None and self._since_best:
            self._model._user_factors, self._model._item_factors = self._best
        self._best = None

    def _patience_is_over(self) -> bool:
        return self._patience is not None and self._since_best >= self._patience

    def _judge(self, sweep: int, score: float) -> None:
        if score > self._best_score:
            self._best_score, self._since_best = score, 0
            self._model.best_sweep_ = sweep
            self._keep()
        else:
            self._since_best += 1

    def _keep(self) -> None:
        users, items = self._model.user_factors, self._model.item_factors
        if self._best is None:
            width, dtype = self._model.factors, self._model.config.dtype
            self._best = (
                aligned_empty(len(users), width, dtype),
                aligned_empty(len(items), width, dtype),
            )
        np.copyto(self._best[0], users)
        np.copyto(self._best[1], items)

    def _tell(self, record: SweepRecord) -> bool:
        if self._callback is None:
            return False
        if not self._state_form:
            told = self._callback(self.done - 1, record["seconds"], record["loss"])
            return told is True
        state = TrainingState(
            record["sweep"],
            record["seconds"],
            record["loss"],
            record["validation"],
            tuple(self._model.history_),
            self._model,
        )
        return self._callback(state) is True


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

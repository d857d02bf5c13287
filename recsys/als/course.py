"""The course of one training: what happens between its sweeps, and where it begins and ends."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from recsys.als.checkpoints import Checkpoint, Checkpoints, fingerprint
from recsys.als.config import whole_number
from recsys.als.factors import Factors
from recsys.als.randomness import aligned_empty, plain_seed
from recsys.als.sides import Sides
from recsys.als.training import (
    Callback,
    SweepRecord,
    TrainingState,
    Validation,
    named_scores,
    wants_state,
)
from recsys.errors import InvalidInputError

if TYPE_CHECKING:
    from recsys.als.model import AlternatingLeastSquares


class Course:
    """Records, callback, validation with its best state, and checkpoints of one training.

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
    checkpoints : Checkpoints, optional
        Where checkpoints are written, and gone on from.

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
        checkpoints: Checkpoints | None = None,
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
        self._validate_every = whole_number("validate_every", validate_every, 1)
        self._patience = None if patience is None else whole_number("patience", patience, 1)
        self._checkpoints = checkpoints
        self._data: dict[str, Any] = {}
        self._best: dict[str, Factors] = {}
        self._best_score = -math.inf
        self._since_best = 0
        self._stopped = False
        self._done = 0

    @property
    def keeps_best(self) -> bool:
        """Whether a second copy of the factors is kept."""
        return self._validation is not None

    @property
    def looks_at_factors(self) -> bool:
        """Whether anybody reads the factors between sweeps."""
        return not (self._validation is None and self._callback is None and not self._checkpoints)

    # ---- beginning and end -----------------------------------------------------------------------

    @contextlib.contextmanager
    def running(self, csr: csr_matrix, sides: Sides) -> Iterator[None]:
        """Open the checkpoints, take up the history, and put the best state back at the end.

        Parameters
        ----------
        csr : csr_matrix
            What is trained on, canonical.
        sides : Sides
            What is told beside it.

        Raises
        ------
        InvalidInputError
            The checkpoint is of other settings or data.
        JobConflictError
            The folder of checkpoints is taken.
        ModelFormatError
            The checkpoint is damaged.
        """
        with self._checkpoints.open() if self._checkpoints else contextlib.nullcontext():
            self._begin(csr, sides)
            try:
                yield
            finally:
                # Also where it was the last whole sweep: an interrupted one may have followed.
                self._take(self._best)
                self._best = {}
                self._model._forget_derived()

    def _begin(self, csr: csr_matrix, sides: Sides) -> None:
        model = self._model
        if self._checkpoints:
            self._data = fingerprint(csr) | sides.fingerprint()
            found = self._checkpoints.read() if self._checkpoints.resume else None
            if found is not None:
                seed = plain_seed(model.random_state)
                self._checkpoints.check(found, model.config, seed, self._data)
                self._go_on_from(found)
                return
        if not model._parameters():
            model.history_ = []
        model.best_sweep_ = None

    def _go_on_from(self, found: Checkpoint) -> None:
        model = self._model
        self._take(dict(found.arrays))
        model.history_ = found.history
        self._done, self._stopped = found.done, found.stopped
        model.best_sweep_ = None
        if self._validation is not None and found.best_score is not None:
            model.best_sweep_ = found.best_sweep
            self._best_score, self._since_best = found.best_score, found.since_best
            self._best = dict(found.best)
            if not self._since_best:  # the best state is the one that training goes on from
                self._keep()

    def _take(self, parameters: dict[str, Factors]) -> None:
        for name, array in parameters.items():
            setattr(self._model, f"_{name}", array)

    # ---- sweeps ----------------------------------------------------------------------------------

    def sweeps(self) -> range:
        """Numbers, from 0, of the sweeps that are to be done."""
        over = self._stopped or self._patience_is_over()
        return range(0) if over else range(self._done, self._model.iterations)

    def after_sweep(self, seconds: float, loss: float | None) -> bool:
        """Record a sweep, validate, tell the callback, write a checkpoint.

        Returns
        -------
        bool
            Whether training is to stop.
        """
        model = self._model
        model._forget_derived()
        self._done += 1
        last = self._done >= model.iterations
        record: SweepRecord = {
            "sweep": 1 + (model.history_[-1]["sweep"] if model.history_ else 0),
            "seconds": seconds,
            "loss": loss,
            "validation": None,
        }
        if self._validation is not None and (last or self._done % self._validate_every == 0):
            scores = record["validation"] = named_scores(self._validation(model))
            self._judge(record["sweep"], next(iter(scores.values())))
        model.history_.append(record)
        self._stopped = self._tell(record)
        over = self._stopped or self._patience_is_over()
        if self._checkpoints and (over or last or self._done % self._checkpoints.every == 0):
            self._checkpoints.write(self._state())
        model._forget_derived()
        return over

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
        for name, current in self._model._parameters().items():
            if name not in self._best:
                rows, width = current.shape
                self._best[name] = aligned_empty(rows, width, self._model.config.dtype)
            np.copyto(self._best[name], current)

    def _state(self) -> Checkpoint:
        model = self._model
        judged = self._best_score > -math.inf
        return Checkpoint(
            model.config,
            plain_seed(model.random_state),
            self._data,
            self._done,
            self._stopped,
            model.history_,
            model.best_sweep_,
            self._best_score if judged else None,
            self._since_best,
            arrays=model._parameters(),
            best=self._best if self._since_best else {},
        )

    def _tell(self, record: SweepRecord) -> bool:
        if self._callback is None:
            return False
        if not self._state_form:
            told = self._callback(self._done - 1, record["seconds"], record["loss"])
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

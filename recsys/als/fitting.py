"""Training: what ``fit`` does, sweep by sweep, and the objective it lowers."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.checkpoints import open_checkpoints
from recsys.als.config import ALSConfig
from recsys.als.course import Course
from recsys.als.engine import SolveRows, Training, open_training
from recsys.als.factors import Factors
from recsys.als.features import map_penalty
from recsys.als.progress import progress_bar
from recsys.als.randomness import generator
from recsys.als.reference import Terms
from recsys.als.sides import Sides, checked_sides, stored_mass, weighted_by_popularity
from recsys.als.sparse import absolute_sum, canonical_csr
from recsys.als.start import check_memory, check_start, starting_factors, starting_map
from recsys.als.topn import TopN
from recsys.als.training import Callback, SweepRecord, Validation
from recsys.errors import InvalidInputError

if TYPE_CHECKING:
    from recsys.als.model import AlternatingLeastSquares

RandomState: TypeAlias = int | np.random.RandomState | np.random.Generator | None

log = logging.getLogger("recsys.als")


class Fitting(TopN):
    """Training, on top of :class:`recsys.als.topn.TopN`.

    Parameters
    ----------
    config : ALSConfig
        Settings.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        Makes the initial factors.
    """

    def __init__(self, config: ALSConfig, random_state: RandomState = None) -> None:
        super().__init__(config)
        generator(random_state if not isinstance(random_state, np.random.RandomState) else 0)
        self.random_state = random_state
        self.fit_callback: Callback | None = None
        self.history_: list[SweepRecord] = []
        self.best_sweep_: int | None = None

    def fit(
        self,
        user_items: csr_matrix,
        show_progress: bool = True,
        callback: Callback | None = None,
        *,
        validation: Validation | None = None,
        validate_every: int = 1,
        patience: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1,
        resume: bool = False,
        user_features: Any = None,
        item_features: Any = None,
        user_weights: ArrayLike | None = None,
        item_weights: ArrayLike | None = None,
    ) -> None:
        """Learn factors of users and items.

        Training goes on from `user_factors` and `item_factors` where they are set, as in
        ``implicit``; set them to None to start anew. Where the matrix has more users or items than
        they, the further rows are drawn as for a fresh start: append new ids and fit again.

        Parameters
        ----------
        user_items : csr_matrix, shape (n_users, n_items)
            Confidences. A negative value is an item known to be disliked: its absolute value is
            the confidence, its label is 0. Duplicates are summed. float32 CSR with sorted columns
            is used in place.
        show_progress : bool
            Show a progress bar, on a terminal.
        callback : callable, optional
            Called after each sweep. Where exactly one positional argument of it has no default
            (and it takes no ``*args``), with a :class:`recsys.als.TrainingState`; else, as in
            ``implicit``, with the number of the sweep in this call (from 0), its seconds, and the
            loss (None unless ``calculate_training_loss``). Training stops where it returns True
            itself; any other value goes on. Without it, the attribute `fit_callback` is called,
            as in ``implicit``.
        validation : callable, optional
            Called with the model; returns a number, or a mapping of names to numbers of which the
            first decides. Higher is better. However training ends, the factors of the sweep that
            it found best (`best_sweep_`) are put back: a second copy of both sides of factors is
            kept for that. :class:`recsys.evaluation.HeldOut` makes one of held-out interactions.
        validate_every : int
            Sweeps from one validation to the next, >= 1; the last sweep is always validated.
        patience : int, optional
            Stop after so many validations in a row that found nothing better, >= 1.
        checkpoint : path-like, optional
            A folder that keeps the state of this training, on disk before the next sweep begins.
        checkpoint_every : int
            Sweeps from one checkpoint to the next, >= 1; the last sweep always writes one.
        resume : bool
            Go on from the checkpoint in the folder, whatever factors are set: on the same machine,
            bit for bit to where the training would have come without a break. Data and settings
            have to be the same (save `iterations`, `num_threads` and `calculate_training_loss`).
            Where there is no checkpoint yet, training starts as without `resume`.
        user_features : matrix, shape (n_users, n_features), optional
            Side features, sparse or dense. A user is then pulled to ``W'f`` instead of to 0: the
            objective holds ``lambda_u |x_u - W'f_u|^2`` and ``feature_regularization |W|^2``, and W
            (`user_feature_factors`) is learned. A user without interactions gets factors from
            features alone. They take as much memory again as the users' factors.
        item_features : matrix, shape (n_items, n_features), optional
            The same for items.
        user_weights : array-like of float, shape (n_users,), optional
            Weight of each user's pairs without an entry, >= 0; ``a0 a_u b_i`` is what such a pair
            counts. 1 unless given.
        item_weights : array-like of float, shape (n_items,), optional
            The same for items; with ``popularity_exponent`` they follow from the interactions.

        Raises
        ------
        InvalidInputError
            Not a sparse matrix, empty, all zeros, NaN or infinite, of fewer rows or columns than
            factors that are set, weights so large that a solution overflows, or a validation that
            gives no finite number.
        JobConflictError
            The folder holds a checkpoint and `resume` is not given, or another process writes it.
        ModelFormatError
            The checkpoint is damaged, or of a newer version.
        StorageError
            A checkpoint cannot be written; the one before is still there.
        CapacityError
            Factors and the transposed matrix would not fit into memory; told before anything is
            allocated.
        KeyboardInterrupt
            Ctrl-C, within a second; the factors are then those reached so far and can be used.
        """
        course = Course(
            cast("AlternatingLeastSquares", self),
            callback=callback if callback is not None else self.fit_callback,
            validation=validation,
            validate_every=validate_every,
            patience=patience,
            checkpoints=open_checkpoints(checkpoint, checkpoint_every, resume=resume),
        )
        csr = canonical_csr(user_items, "user_items")
        if min(csr.shape) == 0 or csr.nnz == 0:
            raise InvalidInputError(
                f"user_items has shape {csr.shape} and {csr.nnz} entries, expected at least one "
                "user, one item and one interaction"
            )
        users, items = csr.shape
        sides = self._sides(csr, (user_features, item_features), (user_weights, item_weights))
        copies = 1 + course.keeps_best + sides.with_features
        check_memory(self.config, users, items, csr.nnz, copies=copies)
        rows = cpu.sparse_rows(csr, "user_items")
        if not csr.data.any():
            raise InvalidInputError(
                f"user_items has {csr.nnz} entries and all are 0, expected at least one weight "
                "other than 0"
            )
        with course.running(csr, sides):
            self._prepare_factors(users, items, sides)
            training = self._open_training(csr, rows, sides)
            weight = self._total_weight(csr, sides) if self.calculate_training_loss else 1.0
            try:
                self._sweep(training, weight, show_progress, course)
            finally:
                training.fetch()
                training.close()

    def _open_training(self, csr: csr_matrix, rows: cpu.SparseRows, sides: Sides) -> Training:
        """Start a training from the factors that are prepared."""
        return open_training(
            csr,
            rows,
            self._checked("user_factors"),
            self._checked("item_factors"),
            self.config,
            sides,
            (self._user_feature_factors, self._item_feature_factors),
            self._solvers(csr, rows),
        )

    def _solvers(self, csr: csr_matrix, rows: cpu.SparseRows) -> tuple[SolveRows, SolveRows] | None:
        """What solves the users, and the items, elsewhere than here; None for nothing."""
        return None

    def _sides(
        self,
        csr: csr_matrix,
        features: tuple[Any, Any],
        weights: tuple[ArrayLike | None, ArrayLike | None],
    ) -> Sides:
        """Check what is told beside the interactions."""
        sides = checked_sides(csr.shape, features, weights, self.dtype)
        if self.popularity_exponent:
            sides, self._popularity_scale = weighted_by_popularity(
                sides, csr, self.popularity_exponent
            )
        return sides

    def _prepare_factors(self, users: int, items: int, sides: Sides) -> None:
        """Draw the factors that are not set, users before items; check and grow those that are."""
        rng = generator(self.random_state)
        check_start("user_factors", self._user_factors, users, self.config.width)
        check_start("item_factors", self._item_factors, items, self.config.width)
        self._user_factors = starting_factors(rng, self._user_factors, users, self.config)
        self._item_factors = starting_factors(rng, self._item_factors, items, self.config)
        for kind, side in (("user", sides.users), ("item", sides.items)):
            setattr(self, f"_{kind}_weights", side.weights)
            name = f"{kind}_feature_factors"
            current = getattr(self, name) if side.features is not None else None
            if side.features is not None:
                current = starting_map(name, current, side.features.count, self.config)
            setattr(self, f"_{name}", current)
        self._forget_derived()

    def _sweep(
        self,
        training: Training,
        weight: float,
        show_progress: bool,
        course: Course,
    ) -> None:
        with progress_bar(self.iterations, show_progress) as advance:
            for iteration in course.sweeps():
                begin = time.perf_counter()
                training.solve_users()
                training.solve_items()
                loss = None
                if self.calculate_training_loss:
                    loss = training.objective() / weight
                seconds = time.perf_counter() - begin
                log.info("sweep %d: %.3f s, loss %s", iteration + 1, seconds, loss)
                advance(loss)
                if course.looks_at_factors:
                    training.fetch()
                if course.after_sweep(seconds, loss):
                    break

    def _total_weight(self, csr: csr_matrix, sides: Sides) -> float:
        """Sum of the weights of all pairs, by which ``implicit`` divides its loss."""
        observed = self.alpha * absolute_sum(csr.data)
        everywhere = sides.users.mass(csr.shape[0]) * sides.items.mass(csr.shape[1])
        return observed + self.unobserved_weight * (everywhere - stored_mass(csr, sides))

    def objective(
        self, user_items: csr_matrix, *, user_features: Any = None, item_features: Any = None
    ) -> float:
        """The value of the objective at the current factors, accumulated in double.

        Parameters
        ----------
        user_items : csr_matrix, shape (n_users, n_items)
            What it was fitted on, or other data of that shape.
        user_features, item_features : matrix, optional
            What it was fitted with, of either side that it was fitted with.

        Returns
        -------
        float
            Not divided by anything; computed without the dense matrix of scores (the sum over all
            pairs is the trace of the product of both Gramians: Hu, Koren & Volinsky 2008).

        Raises
        ------
        InvalidInputError
            The matrix is not of the model's shape, or features are missing.
        NotFittedError
            There are no factors.
        """
        users, items = self._checked("user_factors"), self._checked("item_factors")
        priors = self._priors("user", user_features, len(users))
        item_priors = self._priors("item", item_features, len(items))
        csr = canonical_csr(user_items, "user_items")
        if csr.shape != (len(users), len(items)):
            raise InvalidInputError(
                f"user_items has shape {csr.shape}, expected {(len(users), len(items))}"
            )
        rows = cpu.sparse_rows(csr, "user_items")
        met, offsets = self._met("item_factors")
        weights = self._weights("user_factors"), self._weights("item_factors")
        terms = Terms(*weights, offsets, priors)
        value = cpu.objective(rows, users, met, self.config, terms, item_priors)
        maps = (self._user_feature_factors, self._item_feature_factors)
        return value + sum(map_penalty(learned, self.config) for learned in maps)

    def _priors(self, kind: str, values: Any, rows: int) -> Factors | None:
        if values is not None:
            return self._predicted(kind, values, rows)
        if getattr(self, f"_{kind}_feature_factors") is not None:
            raise InvalidInputError(
                f"{kind}_features are missing; the model was fitted with some, give the same"
            )
        return None

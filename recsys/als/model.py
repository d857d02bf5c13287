"""``AlternatingLeastSquares``: a drop-in for ``implicit.als.AlternatingLeastSquares``.

The same method and argument names, shapes and dtypes, over our own native core. One difference on
purpose: top-N never invents rows (see :meth:`AlternatingLeastSquares.recommend`).
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from typing import IO, Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.checkpoints import open_checkpoints
from recsys.als.config import ALSConfig
from recsys.als.course import Course
from recsys.als.engine import Training, open_training
from recsys.als.factors import Factors
from recsys.als.features import Features, map_penalty
from recsys.als.progress import progress_bar
from recsys.als.randomness import generator, plain_seed
from recsys.als.reference import Terms
from recsys.als.settings import as_implicit_says
from recsys.als.sides import (
    Side,
    Sides,
    checked_weights,
    entries_of_columns,
    popularity_scale,
    popularity_weights,
    stored_mass,
)
from recsys.als.sparse import absolute_sum
from recsys.als.start import check_memory, check_start, starting_factors, starting_map
from recsys.als.topn import TopN
from recsys.als.training import Callback, SweepRecord, Validation
from recsys.errors import InvalidInputError

RandomState: TypeAlias = int | np.random.RandomState | np.random.Generator | None

log = logging.getLogger("recsys.als")
_DEFAULT = ALSConfig()


class AlternatingLeastSquares(TopN):
    """Matrix factorization for implicit feedback by alternating least squares.

    With interactions S, confidence ``w = |alpha * value|``, label 1 on S (0 for a negative value)
    and 0 elsewhere, it minimizes::

        sum_S w (t - x_u.y_i)^2 + a0 sum_(not S) (x_u.y_i)^2
            + sum_u lambda_u |x_u|^2 + sum_i lambda_i |y_i|^2

    where ``lambda_u = lambda (|S_u| + a0 n_items)^nu`` and likewise for items (Rendle et al. 2021),
    whose lambda may be another. Weights of unobserved pairs, biases and side features change it
    as the settings and :meth:`fit` say.
    With the defaults ``a0 = 1`` and ``nu = 0`` this is the objective of Hu, Koren & Volinsky
    (2008) as ``implicit`` has it. An explicit zero is left out of the loss, as a pair of which
    nothing is known.

    Parameters
    ----------
    factors : int
        Length of a factor vector, 1 to 4096; multiples of 16 are fastest.
    regularization : float
        λ, >= 0; of users alone where `item_regularization` is set.
    alpha : float
        Scale of the confidences, > 0.
    iterations : int
        Sweeps over users and items, >= 0.
    unobserved_weight : float
        α0, >= 0.
    regularization_exponent : float
        ν, >= 0.
    item_regularization : float, optional
        λ of items, >= 0; `regularization` unless set.
    popularity_exponent : float
        β: a pair without an entry counts ``a0 n_i^beta``, n_i being the item's entries, scaled to
        a0 on average over items (He et al. 2016); >= 0, 0 for all alike.
    biases : bool
        Score ``x.y + b_user + b_item`` with a bias of each row, regularized as its factors.
    feature_regularization : float
        Of the maps from side features to factors, > 0.
    solver : str
        ``"cg"``: warm-started conjugate gradients (Takács, Pilászy & Tikk 2011);
        ``"cholesky"``: exact;
        ``"subspace"``: iALS++ (Rendle, Krichene, Zhang & Koren 2021), exact for one block of
        dimensions at a time, the choice for some hundreds of factors and more;
        ``"auto"``: for each side the one that is expected to get furthest soonest, by a measured
        model of their cost (:mod:`recsys.als.choice`).
    cg_steps : int
        Steps of conjugate gradients for each row and sweep, >= 1.
    gathered_dtype : str
        In which precision training reads the factors of the other side: ``"bfloat16"`` (16 bits;
        in ``"cg"`` 8 of them significant, 11 where the processor computes in float16, in
        ``"cholesky"`` two such numbers; in ``"subspace"`` the curvature alone is held to 8;
        in both, on processors without a matrix unit, whole numbers of 15 bits and a sign),
        ``"same"`` as `dtype`, or ``"auto"``, which takes 16 bits from a million entries on. The
        objective reached differs by some millionths. What is solved after training is not touched.
    subspace_dimension : int
        Dimensions of one block of ``"subspace"``, 1 to 4096; more than there are factors means
        all of them. A sweep takes each block once, for users and then for items.
    device : str
        Where training runs: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``; the last two need the extra
        ``gpu``, and the solvers ``"cg"`` or ``"cholesky"``. Everything after training runs on the
        processor.
    gpu_precision : str
        On a card: ``"full"`` or ``"tf32"``; see :class:`recsys.als.config.ALSConfig`.
    dtype : str or dtype
        ``"float32"`` or ``"float64"``.
    num_threads : int
        0 for every processor this process may use.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        Makes the initial factors. The same seed gives the same factors, bit for bit, on one
        machine, whatever the number of threads.
    calculate_training_loss : bool
        Compute the loss after each sweep (about a quarter of a sweep's time) and hand it to the
        callback: the objective divided by the sum of all weights, as in ``implicit``.
    use_native, use_cg, use_gpu : bool, optional
        ``implicit``'s names: `use_cg` chooses between the solvers ``"cg"`` and ``"cholesky"``,
        `use_gpu` between the devices; the native core is always used.

    Attributes
    ----------
    user_factors, item_factors : ndarray
        See there; None before ``fit``.
    ``history_`` : list of SweepRecord
        A record of each sweep: number, seconds, loss, validation. It goes on where training does,
        is emptied where training starts anew, and is saved with the model.
    ``best_sweep_`` : int or None
        The sweep whose factors validation found best in the last training, and which are these.

    Raises
    ------
    InvalidInputError
        A setting of the wrong type or out of range. Settings are attributes and are checked again
        when they are changed.

    Examples
    --------
    >>> from scipy.sparse import csr_matrix
    >>> likes = csr_matrix([[2, 3, 0, 0], [1, 4, 0, 0], [0, 0, 5, 1.0]])
    >>> model = AlternatingLeastSquares(factors=4, random_state=1, num_threads=1)
    >>> model.fit(likes, show_progress=False)
    >>> ids, scores = model.recommend(0, likes[0], N=3)
    >>> ids.shape, ids[-1], scores[-1]  # two items are left for this user
    ((3,), np.int32(-1), np.float32(-inf))
    """

    def __init__(
        self,
        factors: int = _DEFAULT.factors,
        regularization: float = _DEFAULT.regularization,
        alpha: float = _DEFAULT.alpha,
        iterations: int = _DEFAULT.iterations,
        *,
        unobserved_weight: float = _DEFAULT.unobserved_weight,
        regularization_exponent: float = _DEFAULT.regularization_exponent,
        item_regularization: float | None = _DEFAULT.item_regularization,
        popularity_exponent: float = _DEFAULT.popularity_exponent,
        biases: bool = _DEFAULT.biases,
        feature_regularization: float = _DEFAULT.feature_regularization,
        solver: str = _DEFAULT.solver,
        cg_steps: int = _DEFAULT.cg_steps,
        subspace_dimension: int = _DEFAULT.subspace_dimension,
        gathered_dtype: str = _DEFAULT.gathered_dtype,
        device: str = _DEFAULT.device,
        gpu_precision: str = _DEFAULT.gpu_precision,
        dtype: DTypeLike = _DEFAULT.dtype,
        num_threads: int = _DEFAULT.num_threads,
        random_state: RandomState = None,
        calculate_training_loss: bool = _DEFAULT.calculate_training_loss,
        use_native: bool = True,
        use_cg: bool | None = None,
        use_gpu: bool | None = None,
    ) -> None:
        solver, device = as_implicit_says(
            solver, device, use_cg=use_cg, use_native=use_native, use_gpu=use_gpu
        )
        super().__init__(
            ALSConfig(
                factors=factors,
                regularization=regularization,
                alpha=alpha,
                iterations=iterations,
                unobserved_weight=unobserved_weight,
                regularization_exponent=regularization_exponent,
                item_regularization=item_regularization,
                popularity_exponent=popularity_exponent,
                biases=biases,
                feature_regularization=feature_regularization,
                solver=solver,
                cg_steps=cg_steps,
                subspace_dimension=subspace_dimension,
                gathered_dtype=gathered_dtype,
                device=device,
                gpu_precision=gpu_precision,
                dtype=dtype,  # type: ignore[arg-type]  # the config turns it into a name
                num_threads=num_threads,
                calculate_training_loss=calculate_training_loss,
            )
        )
        generator(random_state if not isinstance(random_state, np.random.RandomState) else 0)
        self.random_state = random_state
        self.fit_callback: Callback | None = None
        self.history_: list[SweepRecord] = []
        self.best_sweep_: int | None = None

    # ---- training --------------------------------------------------------------------------------

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
            self,
            callback=callback if callback is not None else self.fit_callback,
            validation=validation,
            validate_every=validate_every,
            patience=patience,
            checkpoints=open_checkpoints(checkpoint, checkpoint_every, resume=resume),
        )
        csr = cpu.canonical_csr(user_items, "user_items")
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
        )

    def _sides(
        self,
        csr: csr_matrix,
        features: tuple[Any, Any],
        weights: tuple[ArrayLike | None, ArrayLike | None],
    ) -> Sides:
        """Check what is told beside the interactions."""
        made = []
        for kind, rows, values, told in zip(
            ("user", "item"), csr.shape, features, weights, strict=True
        ):
            name = f"{kind}_features"
            made.append(
                Side(
                    checked_weights(told, rows, f"{kind}_weights"),
                    None if values is None else Features(values, rows, name, self.dtype),
                )
            )
        users, items = made
        if self.popularity_exponent:
            if items.weights is not None:
                raise InvalidInputError(
                    f"item_weights are given and popularity_exponent is {self.popularity_exponent}"
                    ", which makes them; expected one of the two"
                )
            entries = entries_of_columns(csr)
            scale = self._popularity_scale = popularity_scale(entries, self.popularity_exponent)
            by_popularity = popularity_weights(entries, self.popularity_exponent, scale)
            items = replace(items, weights=by_popularity)
        return Sides(users, items)

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
        csr = cpu.canonical_csr(user_items, "user_items")
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

    # ---- files and interchange -------------------------------------------------------------------

    def save(self, fileobj_or_path: str | os.PathLike[str] | IO[bytes]) -> None:
        """Write settings and factors into one safetensors file, atomically.

        Parameters
        ----------
        fileobj_or_path : path-like or binary file
            The name is used as it is; no suffix is added.

        Raises
        ------
        NotFittedError
            There are no factors.
        StorageError
            The disk refuses.
        """
        from recsys.als import files

        users, items = self._checked("user_factors"), self._checked("item_factors")
        extras = {name: getattr(self, f"_{name}") for name in files.EXTRAS}
        saved = files.Saved(
            self.config,
            plain_seed(self.random_state),
            users,
            items,
            self.history_,
            self.best_sweep_,
            {name: array for name, array in extras.items() if array is not None},
            self._popularity_scale,
        )
        files.write(fileobj_or_path, files.encode(saved))

    @classmethod
    def load(cls, fileobj_or_path: str | os.PathLike[str] | IO[bytes]) -> Self:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputNotFoundError
            There is no such file.
        ModelFormatError
            It is truncated, altered, of another format, or of a newer version.
        """
        from recsys.als import files

        saved = files.decode(*files.read(fileobj_or_path))
        model = cls(**saved.config.to_dict(), random_state=saved.seed)
        model.user_factors = saved.user_factors
        model.item_factors = saved.item_factors
        model.history_ = saved.history
        model.best_sweep_ = saved.best_sweep
        for name, array in saved.extras.items():
            setattr(model, f"_{name}", array)
        model._popularity_scale = saved.popularity_scale
        return model

    def to_implicit(self) -> Any:
        """Return the same model as ``implicit.cpu.als.AlternatingLeastSquares``.

        Factors are copied. ``implicit`` knows no `unobserved_weight`, `regularization_exponent`,
        `item_regularization`, `popularity_exponent`, `biases`, weights or features, so these have
        to be at 1, 0, None, 0, False and absent.

        Raises
        ------
        InvalidInputError
            A setting that ``implicit`` cannot express.
        """
        from recsys.als import interchange

        return interchange.to_implicit(self)

    @classmethod
    def from_implicit(cls, model: Any) -> Self:
        """Return a model with the settings and (copied) factors of one of ``implicit``'s.

        Parameters
        ----------
        model : implicit.cpu.als.AlternatingLeastSquares or implicit.gpu.als.AlternatingLeastSquares
            Fitted or not.

        Raises
        ------
        InvalidInputError
            Not such a model.
        """
        from recsys.als import interchange

        return interchange.from_implicit(cls, model)

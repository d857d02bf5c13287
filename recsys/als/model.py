"""``AlternatingLeastSquares``: a drop-in for ``implicit.als.AlternatingLeastSquares``.

The same method and argument names, shapes and dtypes, over our own native core. One difference on
purpose: top-N never invents rows (see :meth:`AlternatingLeastSquares.recommend`).
"""

from __future__ import annotations

import os
from typing import IO, Any, Self

from numpy.typing import DTypeLike

from recsys.als.config import ALSConfig
from recsys.als.fitting import Fitting, RandomState
from recsys.als.randomness import plain_seed
from recsys.als.settings import as_implicit_says

_DEFAULT = ALSConfig()


class AlternatingLeastSquares(Fitting):
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
            ),
            random_state,
        )

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

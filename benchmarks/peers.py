"""The contenders: ours and the libraries it is compared with, behind one small interface.

All minimize the same objective (recsys.als.reference): implicit takes the confidences w; irspack
(its ``original`` loss) adds alpha0 and cmfrec adds 1 to what they are given, so they get the rest.
All start from the same factors but cmfrec, which draws its own and cannot go on from factors: its
sweeps are always counted from its own start.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.problem import Problem
from recsys.als import AlternatingLeastSquares


class Contender(ABC):
    """A library at work on a problem.

    Attributes
    ----------
    name : str
        In tables.
    package : str
        The distribution it comes from.
    sweeps : int
        Sweeps behind the factors that :meth:`factors` returns.
    setup_seconds : float
        What it did before its first sweep (transposes, copies, its first factors), last measured.
    same_start : bool
        Whether it starts from the problem's factors, so that its objective can be compared.
    note : str
        What a reader of its figures should know.
    """

    name: str
    package: str
    same_start = True
    note = ""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.sweeps = 0
        self.setup_seconds = float("nan")
        self._trained = 0.0

    @classmethod
    @abstractmethod
    def refusal(cls, problem: Problem) -> str | None:
        """Say why it cannot take part, or None where it can."""

    @abstractmethod
    def sweep(self) -> float:
        """Make one sweep over users and items; its seconds, without set-up."""

    @abstractmethod
    def factors(self) -> tuple[Any, Any]:
        """Factors of users and items reached so far."""

    def train_to(self, sweeps: int) -> float:
        """Bring the factors to `sweeps` sweeps; seconds of all of them, without set-up."""
        while self.sweeps < sweeps:
            self._trained += self.sweep()
        return self._trained


class ByFit(Contender):
    """A library whose fits go on from its factors: fits of one iteration, timed by its callback."""

    _model: Any

    def _start(self) -> None:
        if not self.problem.bare:
            self._model.user_factors, self._model.item_factors = self.problem.start()

    def sweep(self) -> float:
        told: list[float] = []

        def hear(iteration: int, seconds: float, loss: float | None) -> None:
            told.append(seconds)

        begin = time.perf_counter()
        self._model.fit(self.problem.matrix, show_progress=False, callback=hear)
        self.setup_seconds = time.perf_counter() - begin - told[0]
        self.sweeps += 1
        return told[0]

    def factors(self) -> tuple[Any, Any]:
        return self._model.user_factors, self._model.item_factors


def plain_alone(problem: Problem) -> str | None:
    """Why a library that knows the objective of 2008 alone cannot take part; None where it can."""
    if problem.solver == "subspace":
        return "has no subspace solver"
    return None if problem.plain else "has neither alpha0 nor nu"


class Alsatian(ByFit):
    """Ours."""

    name = "alsatian"
    package = "alsatian"

    def __init__(self, problem: Problem, **settings: Any) -> None:
        super().__init__(problem)
        if problem.solver == "subspace":
            settings = {"subspace_dimension": problem.subspace_dimension} | settings
        self._model = AlternatingLeastSquares(
            **{
                "factors": problem.factors,
                "regularization": problem.regularization,
                "iterations": 1,
                "unobserved_weight": problem.unobserved_weight,
                "regularization_exponent": problem.regularization_exponent,
                "solver": problem.solver,
                "cg_steps": problem.cg_steps,
                "num_threads": problem.threads,
                **settings,
            }
        )
        self._start()

    @classmethod
    def refusal(cls, problem: Problem) -> str | None:
        return None


class Implicit(ByFit):
    """``implicit`` on the CPU."""

    name = "implicit"
    package = "implicit"

    def __init__(self, problem: Problem) -> None:
        from implicit.cpu.als import AlternatingLeastSquares as ImplicitALS

        super().__init__(problem)
        self._model = ImplicitALS(
            factors=problem.factors,
            regularization=problem.regularization,
            use_cg=problem.solver == "cg",
            iterations=1,
            num_threads=problem.threads,
        )
        self._model.cg_steps = problem.cg_steps
        self._start()

    @classmethod
    def refusal(cls, problem: Problem) -> str | None:
        return plain_alone(problem)


class Irspack(Contender):
    """``irspack``: epochs of its trainer, which starts from the factors it is given."""

    name = "irspack"
    package = "irspack"

    def __init__(self, problem: Problem) -> None:
        from irspack.recommenders.ials import IALSTrainer, LossType, SolverType

        super().__init__(problem)
        solvers = {
            "cg": SolverType.CG,
            "cholesky": SolverType.CHOLESKY,
            "subspace": SolverType.IALSPP,
        }
        begin = time.perf_counter()
        self._trainer = IALSTrainer(
            problem.shifted(problem.unobserved_weight),
            n_components=problem.factors,
            alpha0=problem.unobserved_weight,
            reg=problem.regularization,
            nu=problem.regularization_exponent,
            init_std=0.1,
            solver_type=solvers[problem.solver],
            max_cg_steps=problem.cg_steps,
            ialspp_subspace_dimension=problem.subspace_dimension,
            loss_type=LossType.ORIGINAL,
            random_seed=problem.seed,
            n_threads=problem.threads,
            prediction_time_max_cg_steps=problem.cg_steps,
            prediction_time_ialspp_iteration=1,
        )
        self.setup_seconds = time.perf_counter() - begin
        if not problem.bare:
            self.set_factors(*problem.start())

    @property
    def _core(self) -> Any:
        return self._trainer.core_trainer

    def set_factors(self, users: Any, items: Any) -> None:
        """Go on from these factors."""
        self._core.user, self._core.item = users, items

    def transform_user(self, rows: csr_matrix) -> Any:
        """Factors of users who were not in training, from their rows less alpha0."""
        return self._trainer.transform_user(rows)

    @classmethod
    def refusal(cls, problem: Problem) -> str | None:
        return None

    def sweep(self) -> float:
        begin = time.perf_counter()
        self._trainer.run_epoch()
        self.sweeps += 1
        return time.perf_counter() - begin

    def factors(self) -> tuple[Any, Any]:
        return self._core.user, self._core.item


class Cmfrec(Contender):
    """``cmfrec``: a sweep is half of what two more cost, by fits of one sweep and of three."""

    name = "cmfrec"
    package = "cmfrec"
    same_start = False
    note = "always three sweeps from its own random start, which cannot be set"

    def __init__(self, problem: Problem) -> None:
        import cmfrec  # noqa: F401  # absent: known before any work is done

        super().__init__(problem)
        self._rest = problem.shifted(1)
        self._fitted: Any = None

    @classmethod
    def refusal(cls, problem: Problem) -> str | None:
        return plain_alone(problem)

    def _fit(self, sweeps: int) -> float:
        from cmfrec import CMF_implicit

        model = CMF_implicit(
            k=self.problem.factors,
            lambda_=self.problem.regularization,
            alpha=1.0,
            niter=sweeps,
            use_cg=self.problem.solver == "cg",
            max_cg_steps=self.problem.cg_steps,
            finalize_chol=False,
            use_float=True,
            precompute_for_predictions=False,
            random_state=self.problem.seed,
            nthreads=self.problem.threads,
            verbose=False,
        )
        begin = time.perf_counter()
        model.fit(self._rest)
        self._fitted = model
        self.sweeps = sweeps
        return time.perf_counter() - begin

    def sweep(self) -> float:
        one = self._fit(1)
        seconds = (self._fit(3) - one) / 2
        self.setup_seconds = max(0.0, one - seconds)
        return seconds

    def train_to(self, sweeps: int) -> float:
        if np.isnan(self.setup_seconds):
            self.sweep()
        return max(0.0, self._fit(sweeps) - self.setup_seconds)

    def factors(self) -> tuple[Any, Any]:
        return self._fitted.A_, self._fitted.B_


CONTENDERS: tuple[type[Contender], ...] = (Alsatian, Implicit, Irspack, Cmfrec)


def gather(
    problem: Problem,
    variants: Iterable[dict[str, Any]] = (),
    kinds: tuple[type[Contender], ...] = CONTENDERS,
) -> tuple[list[Contender], dict[str, str]]:
    """Make every contender that can take part, ours first; and say why others cannot.

    Parameters
    ----------
    problem : Problem
        What they are asked to do.
    variants : iterable of dict
        Further settings of ours, each to be measured as a contender of its own.
    kinds : tuple of type
        Who may take part.
    """
    present: list[Contender] = []
    absent: dict[str, str] = {}
    for kind in kinds:
        refusal = kind.refusal(problem)
        try:
            if refusal is None:
                present.append(kind(problem))
        except ImportError as error:
            refusal = f"cannot be imported: {error}"
        if refusal is not None:
            absent[kind.name] = refusal
    for settings in variants:
        variant = Alsatian(problem, **settings)
        variant.name = "alsatian " + " ".join(f"{key}={value}" for key, value in settings.items())
        present.append(variant)
    return present, absent

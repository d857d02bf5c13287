"""What contenders are asked to do: a matrix, an objective, and where to start from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from recsys.als import AlternatingLeastSquares
from recsys.als.randomness import aligned_empty, generator, initial_factors


@dataclass(frozen=True)
class Problem:
    """What every contender is asked to do.

    Parameters
    ----------
    matrix : csr_matrix
        Confidences w, float32, canonical.
    factors, solver, regularization, unobserved_weight, regularization_exponent, cg_steps, \
subspace_dimension
        As in :class:`recsys.als.AlternatingLeastSquares`.
    threads, seed : int
        For every contender.
    normal_start : bool
        Start from normal numbers, see :meth:`start`.
    bare : bool
        For measuring memory: every library starts on its own, from the matrix as it is.
    """

    matrix: csr_matrix = field(repr=False)
    factors: int
    solver: str = "cg"
    regularization: float = 0.01
    unobserved_weight: float = 1.0
    regularization_exponent: float = 0.0
    cg_steps: int = 3
    subspace_dimension: int = 64
    threads: int = 2
    seed: int = 1
    normal_start: bool = False
    bare: bool = False

    def shifted(self, less: float) -> csr_matrix:
        """The matrix with `less` taken off each value, for the libraries that add it again.

        With `bare`, which measures memory, the matrix as it is: the copy would be ours, not theirs.
        """
        if self.bare:
            return self.matrix
        rest = self.matrix.copy()
        rest.data -= np.float32(less)
        return rest

    @property
    def plain(self) -> bool:
        """Whether this is the objective of 2008, the only one that implicit and cmfrec have."""
        return self.unobserved_weight == 1 and self.regularization_exponent == 0

    def start(self) -> tuple[Any, ...]:
        """The factors to start from, users before items, in new arrays.

        Those that ours and implicit draw for the seed, from [0, 0.01); or, with `normal_start`,
        normal numbers of deviation ``0.1 / sqrt(factors)``, as Rendle et al. (2021) use.
        """
        rng = generator(self.seed)
        return tuple(self._drawn(rng, rows) for rows in self.matrix.shape)

    def _drawn(self, rng: np.random.Generator, rows: int) -> Any:
        if not self.normal_start:
            return initial_factors(rng, rows, self.factors, "float32")
        drawn: Any = aligned_empty(rows, self.factors, "float32")
        rng.standard_normal(out=drawn, dtype=np.float32)
        drawn *= np.float32(0.1 / np.sqrt(self.factors))
        return drawn

    def objective(self, users: Any, items: Any) -> float:
        """The objective at these factors, summed in double."""
        judge = AlternatingLeastSquares(
            self.factors,
            self.regularization,
            unobserved_weight=self.unobserved_weight,
            regularization_exponent=self.regularization_exponent,
            num_threads=self.threads,
        )
        judge.user_factors, judge.item_factors = users, items
        return judge.objective(self.matrix)

"""What a card leaves undone: rows singular to rounding are solved again, overflows reported."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from recsys.als import cpu
from recsys.als.border import Factors, Weights
from recsys.als.config import ALSConfig
from recsys.als.gpu.side import Side
from recsys.als.gpu.solvers import NOT_FINITE, NOT_POSITIVE
from recsys.als.reference import Terms
from recsys.errors import InvalidInputError

Arrays: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]

# Rows that the native core solves in one call.
_AT_ONCE = 4096


def mend(
    name: str,
    arrays: Arrays,
    config: ALSConfig,
    side: Side,
    exact: torch.Tensor,
    status: torch.Tensor,
    weights: tuple[Weights | None, Weights | None],
) -> None:
    """Solve by the native core, in double where need be, what the card could not.

    Parameters
    ----------
    name : str
        What the matrix is called in errors.
    arrays : tuple of ndarray
        Pointers, columns and values of the rows, on the host.
    config : ALSConfig
        Settings of these rows.
    side : Side
        What was solved; rows of its target are replaced.
    exact : Tensor of float64, shape (f, f)
        Gramian of the other side.
    status : Tensor of int8, shape (n,)
        What was noted of each row.
    weights : tuple of ndarray or None
        Of unobserved pairs, by rows and by columns.

    Raises
    ------
    InvalidInputError
        A solution is not finite; the row keeps its value.
    """
    told = status.cpu().numpy()  # waits for the card: the end of a half-sweep
    if not told.any():
        return
    overflowed = np.flatnonzero(told == NOT_FINITE)
    if len(overflowed):
        raise _overflow(name, int(overflowed[0]))
    chosen = np.flatnonzero(told == NOT_POSITIVE)
    mender = _Mender(name, arrays, config, side, exact, weights)
    for at in range(0, len(chosen), _AT_ONCE):
        mender.solve(chosen[at : at + _AT_ONCE])


class _Mender:
    """The other side on the host, and the native core over some rows."""

    def __init__(
        self,
        name: str,
        arrays: Arrays,
        config: ALSConfig,
        side: Side,
        exact: torch.Tensor,
        weights: tuple[Weights | None, Weights | None],
    ) -> None:
        self._name, self._arrays, self._config, self._side = name, arrays, config, side
        self._weights = weights
        self._other: Factors = side.other.cpu().numpy()
        self._gramian: NDArray[np.float64] = exact.cpu().numpy()
        self._offsets = None if side.offsets is None else side.offsets.cpu().numpy()

    def solve(self, chosen: NDArray[np.int64]) -> None:
        made: Factors = np.zeros((len(chosen), self._other.shape[1]), dtype=self._other.dtype)
        try:
            self._solve(chosen, made)
        except InvalidInputError:  # which of them? It counts rows of what it is given
            for number, row in enumerate(chosen):
                try:
                    self._solve(chosen[number : number + 1], made[:1])
                except InvalidInputError as error:
                    raise _overflow(self._name, int(row)) from error
            raise
        target = self._side.target
        target[torch.from_numpy(chosen).to(target.device)] = torch.from_numpy(made).to(
            target.device
        )

    def _solve(self, chosen: NDArray[np.int64], made: Factors) -> None:
        of_rows, of_columns = self._weights
        priors = self._side.priors
        if priors is not None:
            priors = priors[torch.from_numpy(chosen).to(priors.device)].cpu()
        terms = Terms(
            None if of_rows is None else of_rows[chosen],
            of_columns,
            self._offsets,
            None if priors is None else priors.numpy(),
        )
        cpu.solve(
            _picked(self._arrays, chosen, len(self._other)),
            made,
            self._other,
            self._config,
            solver="cholesky",
            gramian=self._gramian,
            terms=terms,
            name=self._name,
        )


def _picked(arrays: Arrays, chosen: NDArray[np.int64], columns: int) -> cpu.SparseRows:
    """Some rows of the host's matrix, for the native core."""
    indptr, indices, data = arrays
    starts, lengths = indptr[chosen], indptr[chosen + 1] - indptr[chosen]
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places = np.arange(ends[-1]) + np.repeat(starts - ends[:-1], lengths)
    return cpu.SparseRows(ends, np.array(indices[places]), np.array(data[places]), columns)


def _overflow(name: str, row: int) -> InvalidInputError:
    return InvalidInputError(
        f"{name}: the solution of row {row} is not finite; expected smaller confidences or more "
        "regularization"
    )

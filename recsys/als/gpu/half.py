"""One half of a sweep on the card: its rows are solved while the other side is held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from recsys.als.border import Factors
from recsys.als.config import ALSConfig
from recsys.als.features import FeatureRegression, map_penalty
from recsys.als.gpu.card import Card
from recsys.als.gpu.matrix import Block, Bucket, Orientation, uploaded
from recsys.als.gpu.mending import Arrays, mend
from recsys.als.gpu.objective import penalty
from recsys.als.gpu.plan import Plan, gathers_half
from recsys.als.gpu.side import Side, gramian, weighted_sum
from recsys.als.gpu.solvers import settle_empty
from recsys.als.sides import Side as Told

Sum: TypeAlias = torch.Tensor


class Kernels(Protocol):
    """What solves the rows of a bucket."""

    def solve(
        self, side: Side, block: Block, bucket: Bucket, config: ALSConfig, status: torch.Tensor
    ) -> None:
        """Solve them in place, noting in `status` which could not be."""


class Half:
    """Rows of one side, and everything that solving them takes.

    Parameters
    ----------
    arrays : tuple of ndarray
        Pointers, columns and values of the rows, on the host.
    target, other : Tensor, shapes (n, width) and (m, width)
        Factors on the card, biases in a last column where there are any.
    config : ALSConfig
        Settings, those of items for rows of items.
    told, told_of_others : recsys.als.sides.Side
        Weights and features of the rows, and weights of the other side's.
    feature_factors : ndarray or None
        The map from features to rows, on the host; changed in place.
    name : str
        What the matrix is called in errors.
    card : Card
        Where.
    shared : Plan
        How its memory is shared out.
    """

    def __init__(
        self,
        arrays: Arrays,
        target: torch.Tensor,
        other: torch.Tensor,
        config: ALSConfig,
        told: Told,
        told_of_others: Told,
        feature_factors: Factors | None,
        name: str,
        card: Card,
        shared: Plan,
    ) -> None:
        self.target, self.other, self.config = target, other, config
        self._arrays, self._told, self._told_of_others = arrays, told, told_of_others
        self._feature_factors, self._name, self._room = feature_factors, name, shared.room
        self.entries = Orientation(*arrays, card, shared.block_bytes)
        entries, mass = np.diff(arrays[0]), told_of_others.mass(len(other))
        lambdas = config.lambdas(entries, told.weights, mass)
        self.lambdas = uploaded(lambdas.astype(config.dtype), card.device)
        self.row_weights = self._uploaded(told.weights)
        self.column_weights = self._uploaded(told_of_others.weights)
        self._regression: FeatureRegression | None = None
        if told.features is not None:
            self._regression = FeatureRegression(
                told.features, lambdas, config.feature_regularization
            )

    def _uploaded(self, weights: NDArray[np.float32] | None) -> torch.Tensor | None:
        if weights is None:
            return None
        return uploaded(weights, self.target.device).to(self.target.dtype)

    def solve(self, kernels: Kernels) -> None:
        """Solve the map from features given the rows, then the rows given all else."""
        if self._regression is not None and self._feature_factors is not None:
            self._regression.solve(self.target.cpu().numpy(), self._feature_factors)
        with self.meeting_biases() as offsets:
            exact = gramian(self.other, self.column_weights, self._room)
            self.solve_side(kernels, self.side(exact, offsets, self.priors()), exact)

    def solve_side(self, kernels: Kernels, side: Side, exact: torch.Tensor) -> None:
        """Solve every row of `side`; `exact` is the Gramian in double, not scaled."""
        status = torch.zeros(len(side.target), dtype=torch.int8, device=side.target.device)
        for block in self.entries.blocks():
            for bucket in block.buckets:
                if bucket.longest or not side.starts_at_zero:
                    kernels.solve(side, block, bucket, self.config, status)
                if not bucket.longest:
                    settle_empty(side, bucket, status)
        weights = (self._told.weights, self._told_of_others.weights)
        mend(self._name, self._arrays, self.config, side, exact, status, weights)

    def side(
        self, exact: torch.Tensor, offsets: torch.Tensor | None, priors: torch.Tensor | None
    ) -> Side:
        """What the kernels take, once the other side meets the biases."""
        config, other, dtype = self.config, self.other, self.target.dtype
        linear = None
        if offsets is not None:
            summed = weighted_sum(other, self.column_weights, offsets, self._room)
            linear = (-config.unobserved_weight * summed).to(dtype)
        return Side(
            target=self.target,
            other=other,
            gathered=other.to(torch.bfloat16) if gathers_half(config) else other,
            gramian=(config.unobserved_weight * exact).to(dtype),
            lambdas=self.lambdas,
            alpha=config.alpha,
            unobserved=config.unobserved_weight,
            row_weights=self.row_weights,
            column_weights=self.column_weights,
            offsets=offsets,
            linear=linear,
            priors=priors,
        )

    @contextmanager
    def meeting_biases(self) -> Iterator[torch.Tensor | None]:
        """As :func:`recsys.als.sides.meeting_biases`, for the other side on the card."""
        if not self.config.biases:
            yield None
            return
        offsets = self.other[:, -1].clone()
        self.other[:, -1] = 1
        try:
            yield offsets
        finally:
            self.other[:, -1] = offsets

    def priors(self) -> torch.Tensor | None:
        """What the features say of each row, on the card."""
        if self._told.features is None or self._feature_factors is None:
            return None
        return uploaded(self._told.features.predict(self._feature_factors), self.target.device)

    def penalty(self) -> Sum:
        """What regularization adds to the objective: of rows, and of the map from features."""
        of_rows = penalty(self.target, self.priors(), self.lambdas, self._room)
        return of_rows + map_penalty(self._feature_factors, self.config)

"""Which Triton kernel solves which rows, and with what shape of tiles.

Shapes are chosen so that what a thread holds stays in its registers: 32 words of a gathered tile or
of the Gramian, 64 where eight warps are not enough. Compiled for compute capability 9.0 that comes
to 80 to 168 registers and no spills. Long and wide rows fall back on solvers.py, which asks for
the sparse products alone.
"""

from __future__ import annotations

from typing import Any

import torch

from recsys.als.config import ALSConfig
from recsys.als.gpu import triton_kernels as kernels
from recsys.als.gpu.matrix import Block, Bucket
from recsys.als.gpu.side import Side
from recsys.als.gpu.solvers import (
    Batch,
    TorchProducts,
    batches,
    matrix_bytes,
    solve_cg,
    solve_cholesky,
    vector_bytes,
)

# Rows longer than this are split over programs: one alone would outlast all others.
LONG = 8192
_SPAN = 2048
# Numbers of a gathered tile, and of a Gramian that a program multiplies by, in 32-bit words.
_TILE_WORDS = 8192
_GRAMIAN_WORDS = 16384
_WORDS_PER_WARP = 1024
_MATRIX_TILE = 64
_ENTRY_TILE = 32


class TritonKernels:
    """Every bucket by Triton where it wins, else by torch over products of Triton's.

    Parameters
    ----------
    room : int
        Bytes that a batch may take.
    precision : str
        Of products of float32: ``"tf32"``, or anything else for full ones.
    """

    def __init__(self, room: int, precision: str) -> None:
        self._room = room
        self._precision = "tf32" if precision == "tf32" else "ieee"
        self._constants: torch.Tensor | None = None

    def solve(
        self, side: Side, block: Block, bucket: Bucket, config: ALSConfig, status: torch.Tensor
    ) -> None:
        """Solve the rows of a bucket in place."""
        constants = self._constants_of(side)
        if config.solver == "cholesky":
            for batch in batches(bucket, self._room // matrix_bytes(side)):
                products = TritonProducts(
                    side, block, batch, constants, self._room, self._precision
                )
                solve_cholesky(side, batch, products, status)
        elif bucket.longest <= LONG and fits_one_program(side):
            launch_cg(side, block, bucket, constants, config.cg_steps, status)
        else:
            parts = -(-max(1, bucket.longest) // _SPAN)
            row_bytes = vector_bytes(side) + parts * vector_bytes(side) // 10
            for batch in batches(bucket, self._room // row_bytes):
                products = TritonProducts(
                    side, block, batch, constants, self._room, self._precision
                )
                solve_cg(side, batch, products, config.cg_steps, status)

    def _constants_of(self, side: Side) -> torch.Tensor:
        if self._constants is None:
            self._constants = torch.tensor(
                [side.alpha, side.unobserved], dtype=side.target.dtype, device=side.target.device
            )
        return self._constants


def fits_one_program(side: Side) -> bool:
    """Whether a Gramian is small enough for each program to go over it at every step."""
    padded = power_of_two(side.target.shape[1])
    return padded * padded * words(side) <= _GRAMIAN_WORDS


def launch_cg(
    side: Side,
    block: Block,
    bucket: Bucket,
    constants: torch.Tensor,
    steps: int,
    status: torch.Tensor,
) -> None:
    """Improve each row of a bucket by `steps` of conjugate gradients, a program for each."""
    factors = side.target.shape[1]
    padded = power_of_two(factors)
    most = max(16, _TILE_WORDS // (padded * words(side)))
    resident = bucket.longest <= most
    tile = max(16, power_of_two(bucket.longest)) if resident else max(16, most // 2)
    shape = max(padded * padded, padded * tile) * words(side)
    kernels.cg_rows[(len(bucket.rows),)](
        bucket.rows,
        bucket.starts,
        bucket.lengths,
        block.columns,
        block.values,
        side.target,
        side.gathered,
        side.gramian,
        side.lambdas,
        constants,
        side.row_weights,
        side.column_weights,
        side.offsets,
        side.linear,
        side.priors,
        status,
        steps,
        FACTORS=factors,
        F=padded,
        TILE=tile,
        RESIDENT=resident,
        EPSILON=torch.finfo(side.target.dtype).eps,
        num_warps=max(1, min(8, shape // _WORDS_PER_WARP)),
    )


class TritonProducts:
    """Products over stored entries; see :class:`recsys.als.gpu.solvers.Products`.

    Parameters
    ----------
    side, block, batch
        What is solved, where the entries are, which rows.
    constants : Tensor, shape (2,)
        α and α0.
    room : int
        Bytes that the batch may take.
    precision : str
        ``"ieee"`` or ``"tf32"``.
    """

    def __init__(
        self,
        side: Side,
        block: Block,
        batch: Batch,
        constants: torch.Tensor,
        room: int,
        precision: str,
    ) -> None:
        self._side, self._block, self._batch = side, block, batch
        self._constants, self._room, self._precision = constants, room, precision

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        """``sum_S (label - excess (y.x)) y``, shape (rows, f)."""
        return self._product(x, residual=True)

    def product(self, p: torch.Tensor) -> torch.Tensor:
        """``sum_S excess (y.p) y``, shape (rows, f)."""
        return self._product(p, residual=False)

    def _product(self, vectors: torch.Tensor, *, residual: bool) -> torch.Tensor:
        count, factors = vectors.shape
        padded = power_of_two(factors)
        tile = max(1, min(64, _TILE_WORDS // (padded * words(self._side))))
        parts = -(-max(1, self._batch.longest) // _SPAN)
        out = vectors.new_empty((count, parts, factors))
        kernels.entry_products[(count, parts)](
            *self._entries(),
            self._side.gathered,
            vectors.contiguous(),
            out,
            *self._weights(),
            _SPAN,
            parts,
            FACTORS=factors,
            F=padded,
            TILE=tile,
            RESIDUAL=residual,
            num_warps=max(1, min(8, padded * tile * words(self._side) // _WORDS_PER_WARP)),
        )
        return out[:, 0] if parts == 1 else out.sum(1)

    def normal(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A and r of each row, shapes (rows, f, f) and (rows, f)."""
        if self._batch.longest > LONG:  # few rows, large products: cuBLAS splits them better
            return TorchProducts(self._side, self._block, self._batch, self._room).normal()
        count, factors = len(self._batch.rows), self._side.target.shape[1]
        tile = max(16, min(_MATRIX_TILE // words(self._side), power_of_two(factors)))
        tiles = -(-factors // tile)
        # Above the diagonal nothing is written, and no factorization reads there.
        matrix = self._side.target.new_empty((count, factors, factors))
        right = self._side.target.new_empty((count, factors))
        kernels.normal_matrices[(count, tiles, tiles)](
            *self._entries(),
            self._side.gathered,
            self._side.gramian,
            matrix,
            right,
            *self._weights(),
            FACTORS=factors,
            B=tile,
            TILE=_ENTRY_TILE,
            PRECISION=self._precision,
            num_warps=4,
        )
        return matrix, right + self._side.start_right_side(self._batch.rows)

    def _entries(self) -> tuple[torch.Tensor, ...]:
        batch, block = self._batch, self._block
        return batch.rows, batch.starts, batch.lengths, block.columns, block.values

    def _weights(self) -> tuple[Any, ...]:
        side = self._side
        return side.lambdas, self._constants, side.row_weights, side.column_weights, side.offsets


def words(side: Side) -> int:
    """Words of 32 bits that a factor takes in registers."""
    return side.target.element_size() // 4


def power_of_two(n: int) -> int:
    """The least power of two that is at least `n` and 1."""
    return 1 << max(0, n - 1).bit_length()

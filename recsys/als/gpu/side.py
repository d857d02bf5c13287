"""What a half-sweep knows on the card, and how its entries are weighed.

Letters are those of native/rows.hpp.

A row x with weight a minimizes, with S its stored entries, w = abs(alpha v), t the label (1 or 0),
and for each row y of the other side a weight b and an offset c (1, 1 and 0 where not given)::

    sum_S w (t - c - x.y)^2 + a0 a sum_(not S) b (c + x.y)^2 + lambda |x - prior|^2

so that A x = r with::

    A = a (a0 sum_all b y y') + sum_S excess y y' + lambda I
    r = sum_S label y - a (a0 sum_all b c y) + lambda prior
    excess = w - a0 a b,    label = w t - excess c

(Hu, Koren & Volinsky 2008, eq. 4; Rendle et al. 2021, eqs. 2 and 7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from recsys.als.gpu.matrix import Block

# Products of float32 are summed over no more rows than this before they are added in double.
_GRAMIAN_ROWS = 4096


@dataclass(frozen=True)
class Side:
    """One side, to be solved given the other.

    Parameters
    ----------
    target, other : Tensor, shapes (n, f) and (m, f)
        Factors; `target` is changed in place.
    gathered : Tensor, shape (m, f)
        What entries gather: `other`, or its copy in bfloat16.
    gramian : Tensor, shape (f, f)
        ``a0 sum b y y'`` in the dtype of the factors.
    lambdas : Tensor, shape (n,)
        Regularization of each row.
    alpha, unobserved : float
        α and α0.
    row_weights : Tensor, shape (n,), or None
        a; None where all are 1.
    column_weights : Tensor, shape (m,), or None
        b; None where all are 1.
    offsets : Tensor, shape (m,), or None
        c; None where all are 0.
    linear : Tensor, shape (f,), or None
        ``-a0 sum b c y``; None where that is 0.
    priors : Tensor, shape (n, f), or None
        None where all are 0.
    """

    target: torch.Tensor
    other: torch.Tensor
    gathered: torch.Tensor
    gramian: torch.Tensor
    lambdas: torch.Tensor
    alpha: float
    unobserved: float
    row_weights: torch.Tensor | None = None
    column_weights: torch.Tensor | None = None
    offsets: torch.Tensor | None = None
    linear: torch.Tensor | None = None
    priors: torch.Tensor | None = None

    @property
    def starts_at_zero(self) -> bool:
        """Whether a row without entries is 0: nothing but the entries would move it."""
        return self.linear is None and self.priors is None

    def start_right_side(self, rows: torch.Tensor) -> torch.Tensor:
        """The part of r that does not depend on entries, shape (len(rows), f)."""
        right = self.target.new_zeros((len(rows), self.target.shape[1]))
        if self.linear is not None:
            right += self._row_weights(rows)[:, None] * self.linear
        if self.priors is not None:
            right += self.lambdas[rows, None] * self.priors[rows]
        return right

    def start_matrix(self, rows: torch.Tensor) -> torch.Tensor:
        """The part of A that does not depend on entries, shape (len(rows), f, f)."""
        matrix = self._row_weights(rows)[:, None, None] * self.gramian
        matrix.diagonal(dim1=1, dim2=2).add_(self.lambdas[rows, None])
        return matrix

    def dense_product(self, rows: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """What the Gramian and regularization make of a vector for each row, (len(rows), f)."""
        product = vectors @ self.gramian
        if self.row_weights is not None:
            product *= self._row_weights(rows)[:, None]
        return product.addcmul_(self.lambdas[rows, None], vectors)

    def _row_weights(self, rows: torch.Tensor) -> torch.Tensor:
        if self.row_weights is None:
            return self.lambdas.new_ones(len(rows))
        return self.row_weights[rows]

    def weigh(
        self, rows: torch.Tensor, columns: torch.Tensor, values: torch.Tensor, here: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`label` and `excess` of entries, shape (len(rows), n); 0 where not `here`."""
        signed = values.to(self.target.dtype) * self.alpha
        confidence = signed.abs()
        observed = torch.full_like(confidence, self.unobserved)
        if self.row_weights is not None:
            observed *= self.row_weights[rows, None]
        if self.column_weights is not None:
            observed *= self.column_weights[columns]
        excess = torch.where(here, confidence - observed, 0)
        label = torch.where(here & (signed > 0), confidence, 0)
        if self.offsets is not None:
            label -= excess * self.offsets[columns]
        return label, excess


@dataclass(frozen=True)
class Stretch:
    """Rows taken together, with the entries [begin, begin + width) of each, gathered.

    Parameters
    ----------
    factors : Tensor, shape (rows, width, f)
        Rows of the other side; what stands after a row's last entry counts for nothing.
    label, excess : Tensor, shape (rows, width)
        What each entry adds to the right side, and to the matrix.
    """

    factors: torch.Tensor
    label: torch.Tensor
    excess: torch.Tensor


def entries_of(
    block: Block, starts: torch.Tensor, lengths: torch.Tensor, begin: int, width: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Columns, values and which of them are there, for entries [begin, begin + width) of rows."""
    number = torch.arange(begin, begin + width, device=starts.device)
    here = number < lengths[:, None]
    place = torch.where(here, starts[:, None] + number, 0)
    return block.columns[place].long(), block.values[place], here


def gather(
    side: Side,
    block: Block,
    rows: torch.Tensor,
    starts: torch.Tensor,
    lengths: torch.Tensor,
    begin: int,
    width: int,
) -> Stretch:
    """Gather entries [begin, begin + width) of each row."""
    columns, values, here = entries_of(block, starts, lengths, begin, width)
    label, excess = side.weigh(rows, columns, values, here)
    factors = side.gathered[columns].to(side.target.dtype)
    return Stretch(factors, label, excess)


def gramian(rows: torch.Tensor, weights: torch.Tensor | None, room: int) -> torch.Tensor:
    """``sum w y y'`` in double, shape (f, f).

    Parameters
    ----------
    rows : Tensor, shape (n, f)
    weights : Tensor, shape (n,), or None
        None where all are 1.
    room : int
        Bytes that may be taken for partial sums.
    """
    factors = rows.shape[1]
    total = torch.zeros((factors, factors), dtype=torch.float64, device=rows.device)
    at_once = max(1, room // (factors * factors * (rows.element_size() + 8)))
    for part in _parts(rows, weights, at_once):
        total += part
    return (total + total.T) / 2  # the same bits on both sides of the diagonal


def _parts(
    rows: torch.Tensor, weights: torch.Tensor | None, at_once: int
) -> Iterator[torch.Tensor]:
    for begin in range(0, len(rows), at_once * _GRAMIAN_ROWS):
        some = rows[begin : begin + at_once * _GRAMIAN_ROWS]
        scaled = some
        if weights is not None:
            scaled = some * weights[begin : begin + len(some), None]
        whole = len(some) // _GRAMIAN_ROWS * _GRAMIAN_ROWS
        if whole:
            shape = (-1, _GRAMIAN_ROWS, rows.shape[1])
            left, right = scaled[:whole].reshape(shape), some[:whole].reshape(shape)
            yield torch.bmm(left.mT, right).double().sum(0)
        if whole < len(some):
            yield (scaled[whole:].T @ some[whole:]).double()


def weighted_sum(
    rows: torch.Tensor, weights: torch.Tensor | None, offsets: torch.Tensor | None, room: int
) -> torch.Tensor:
    """``sum w c y`` in double, shape (f,); weights and offsets of 1 where they are None."""
    total = torch.zeros(rows.shape[1], dtype=torch.float64, device=rows.device)
    step = max(1, room // (16 * rows.shape[1]))
    for at in range(0, len(rows), step):
        part = slice(at, at + step)
        scale = torch.ones(len(rows[part]), dtype=torch.float64, device=rows.device)
        for factor in (weights, offsets):
            if factor is not None:
                scale *= factor[part]
        total += scale @ rows[part].double()
    return total

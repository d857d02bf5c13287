"""Triton kernels: a row of the solution for each program, its entries gathered tile by tile.

What torch can only do by writing gathered rows to memory and reading them back, these do in
registers. ``cg_rows`` runs all steps of a row's conjugate gradients at once, and gathers a short
row a single time; ``entry_products`` and ``normal_matrices`` do the sparse part alone, for rows
that are too long or too wide for that. The arithmetic is that of :mod:`recsys.als.gpu.side`.

Triton reads annotations as code, so arguments have none but ``tl.constexpr``. Their names are those
of :class:`recsys.als.gpu.side.Side`; ``constants`` holds α and α0 in the dtype of the factors, for
Triton hands on Python's floats in single precision. In capitals what a kernel is compiled for: the
number of FACTORS, the next power of two F, and entries in a TILE.
"""

from __future__ import annotations

import triton
import triton.language as tl

# As in solvers.py; a kernel reads no globals but constants of the language.
_SOLVED = tl.constexpr(1e-20)
_NOT_FINITE = tl.constexpr(1)


@triton.jit
def row_constants(row, lambdas, constants, row_weights):
    """λ, the row's weight, α, and α0 times the weight."""
    alpha = tl.load(constants)
    unobserved = tl.load(constants + 1)
    weight = tl.load(row_weights + row) if row_weights is not None else unobserved * 0 + 1
    return tl.load(lambdas + row), weight, alpha, unobserved * weight


@triton.jit
def weighed_tile(
    at,
    left,
    columns,
    values,
    column_weights,
    offsets,
    alpha,
    unobserved,
    TILE: tl.constexpr,
):
    """Columns, which of them are there, labels and excess of entries [at, at + TILE)."""
    number = tl.arange(0, TILE)
    here = number < left
    column = tl.load(columns + at + number, mask=here, other=0).to(tl.int64)
    signed = tl.load(values + at + number, mask=here, other=0).to(alpha.dtype) * alpha
    observed = unobserved
    if column_weights is not None:
        observed = unobserved * tl.load(column_weights + column, mask=here, other=0)
    excess = tl.where(here, tl.abs(signed) - observed, 0)
    label = tl.where(signed > 0, signed, 0)
    if offsets is not None:
        label -= excess * tl.load(offsets + column, mask=here, other=0)
    return column, here, label, excess


@triton.jit
def gathered_tile(gathered, column, here, k, dtype, FACTORS: tl.constexpr):
    """Factors `k` of the rows of the other side at `column`; 0 where they are not `here`."""
    mask = here[:, None] & (k < FACTORS)[None, :]
    y = tl.load(gathered + column[:, None] * FACTORS + k[None, :], mask=mask, other=0)
    return y.to(dtype)


@triton.jit
def dense_product(
    gramian,
    v,
    weight,
    lam,
    FACTORS: tl.constexpr,
    F: tl.constexpr,
):
    """What the Gramian, which stays in the nearest cache, and regularization make of `v`."""
    i = tl.arange(0, F)
    inside = (i < FACTORS)[:, None] & (i < FACTORS)[None, :]
    matrix = tl.load(gramian + i[:, None] * FACTORS + i[None, :], mask=inside, other=0)
    return weight * tl.sum(matrix * v[:, None], 0) + lam * v


@triton.jit
def cg_rows(
    rows,
    starts,
    lengths,
    columns,
    values,
    target,
    gathered,
    gramian,
    lambdas,
    constants,
    row_weights,
    column_weights,
    offsets,
    linear,
    priors,
    status,
    steps,
    FACTORS: tl.constexpr,
    F: tl.constexpr,
    TILE: tl.constexpr,
    RESIDENT: tl.constexpr,
    EPSILON: tl.constexpr,
):
    """Improve a row by `steps` of conjugate gradients; RESIDENT rows fit into one TILE."""
    place = tl.program_id(0)
    row = tl.load(rows + place)
    start = tl.load(starts + place)
    n = tl.load(lengths + place).to(tl.int32)
    lam, weight, alpha, unobserved = row_constants(row, lambdas, constants, row_weights)
    k = tl.arange(0, F)
    inside = k < FACTORS
    x = tl.load(target + row * FACTORS + k, mask=inside, other=0)

    r = -dense_product(gramian, x, weight, lam, FACTORS, F)
    if linear is not None:
        r += weight * tl.load(linear + k, mask=inside, other=0)
    if priors is not None:
        r += lam * tl.load(priors + row * FACTORS + k, mask=inside, other=0)
    if RESIDENT:
        column, here, label, excess = weighed_tile(
            start, n, columns, values, column_weights, offsets, alpha, unobserved, TILE
        )
        y = gathered_tile(gathered, column, here, k, x.dtype, FACTORS)
        scale = label - excess * tl.sum(y * x[None, :], 1)
        r += tl.sum(y * scale[:, None], 0)
    else:
        for at in range(0, n, TILE):
            column, here, label, excess = weighed_tile(
                start + at,
                n - at,
                columns,
                values,
                column_weights,
                offsets,
                alpha,
                unobserved,
                TILE,
            )
            y = gathered_tile(gathered, column, here, k, x.dtype, FACTORS)
            scale = label - excess * tl.sum(y * x[None, :], 1)
            r += tl.sum(y * scale[:, None], 0)

    p = r
    error = tl.sum(r * r)
    rounding = EPSILON * EPSILON * error
    steepest = lam * 0
    lost = (error - error) != 0
    going = (error >= _SOLVED) & (error > rounding) & ((error - error) == 0)
    step = 0
    while going & (step < steps):
        q = dense_product(gramian, p, weight, lam, FACTORS, F)
        if RESIDENT:
            scale = excess * tl.sum(y * p[None, :], 1)
            q += tl.sum(y * scale[:, None], 0)
        else:
            for at in range(0, n, TILE):
                column, here, label, excess = weighed_tile(
                    start + at, n - at, columns, values, column_weights, offsets, alpha, unobserved,
                    TILE,
                )  # fmt: skip
                y = gathered_tile(gathered, column, here, k, x.dtype, FACTORS)
                scale = excess * tl.sum(y * p[None, :], 1)
                q += tl.sum(y * scale[:, None], 0)
        curvature = tl.sum(p * q)
        length_of_p = tl.sum(p * p)
        finite = (curvature - curvature) == 0
        lost = lost | (finite == 0)
        # Where A is singular, a direction without curvature has some by rounding.
        going = finite & (curvature > 8 * EPSILON * steepest * length_of_p)
        steeper = going & (curvature > steepest * length_of_p)
        steepest = tl.where(steeper, curvature / length_of_p, steepest)
        length = tl.where(going, error / curvature, 0)
        x += length * p
        r -= length * q
        following = tl.sum(r * r)
        p = r + tl.where(going, following / error, 0) * p
        error = following
        going = going & (error >= _SOLVED) & (error > rounding)
        step += 1

    size = tl.sum(x * x)
    lost = lost | ((size - size) != 0)
    tl.store(target + row * FACTORS + k, x, mask=inside & (lost == 0))
    tl.store(status + row, _NOT_FINITE, mask=lost)


@triton.jit
def entry_products(
    rows,
    starts,
    lengths,
    columns,
    values,
    gathered,
    vectors,
    out,
    lambdas,
    constants,
    row_weights,
    column_weights,
    offsets,
    span,
    parts,
    FACTORS: tl.constexpr,
    F: tl.constexpr,
    TILE: tl.constexpr,
    RESIDUAL: tl.constexpr,
):
    """The sparse part of A v (or of r - A v, where RESIDUAL), over `span` entries of a row.

    `out` is of shape (rows, parts, FACTORS): the parts of a long row are summed after it, in order.
    """
    place = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    row = tl.load(rows + place)
    start = tl.load(starts + place)
    n = tl.load(lengths + place).to(tl.int32)
    _, _, alpha, unobserved = row_constants(row, lambdas, constants, row_weights)
    k = tl.arange(0, F)
    v = tl.load(vectors + place * FACTORS + k, mask=k < FACTORS, other=0)
    total = v * 0
    for at in range(part * span, tl.minimum(n, part * span + span), TILE):
        column, here, label, excess = weighed_tile(
            start + at, n - at, columns, values, column_weights, offsets, alpha, unobserved, TILE
        )
        y = gathered_tile(gathered, column, here, k, v.dtype, FACTORS)
        scale = excess * tl.sum(y * v[None, :], 1)
        if RESIDUAL:
            scale = label - scale
        total += tl.sum(y * scale[:, None], 0)
    tl.store(out + (place * parts + part) * FACTORS + k, total, mask=k < FACTORS)


@triton.jit
def normal_matrices(
    rows,
    starts,
    lengths,
    columns,
    values,
    gathered,
    gramian,
    matrix,
    right,
    lambdas,
    constants,
    row_weights,
    column_weights,
    offsets,
    FACTORS: tl.constexpr,
    B: tl.constexpr,
    TILE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """One tile of B x B, at or under the diagonal, of a row's A; on the diagonal its r as well."""
    place = tl.program_id(0).to(tl.int64)
    if tl.program_id(2) > tl.program_id(1):
        return
    row = tl.load(rows + place)
    start = tl.load(starts + place)
    n = tl.load(lengths + place).to(tl.int32)
    lam, weight, alpha, unobserved = row_constants(row, lambdas, constants, row_weights)
    i = tl.program_id(1) * B + tl.arange(0, B)
    j = tl.program_id(2) * B + tl.arange(0, B)
    inside = (i < FACTORS)[:, None] & (j < FACTORS)[None, :]
    corner = i[:, None] * FACTORS + j[None, :]
    total = weight * tl.load(gramian + corner, mask=inside, other=0)
    total += tl.where(i[:, None] == j[None, :], lam, 0)
    sums = tl.zeros([B], total.dtype)
    for at in range(0, n, TILE):
        column, here, label, excess = weighed_tile(
            start + at, n - at, columns, values, column_weights, offsets, alpha, unobserved, TILE
        )
        left = gathered_tile(gathered, column, here, i, total.dtype, FACTORS)
        y = gathered_tile(gathered, column, here, j, total.dtype, FACTORS)
        scaled = left * excess[:, None]
        total = tl.dot(tl.trans(scaled), y, total, input_precision=PRECISION, out_dtype=total.dtype)
        sums += tl.sum(left * label[:, None], 0)
    tl.store(matrix + place * FACTORS * FACTORS + corner, total, mask=inside)
    on_diagonal = tl.program_id(1) == tl.program_id(2)
    tl.store(right + place * FACTORS + i, sums, mask=(i < FACTORS) & on_diagonal)

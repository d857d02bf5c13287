"""``solver="auto"``: which solver reaches an objective soonest, by a measured model of their cost.

Nanoseconds of one thread for a half-sweep, fitted to measurements at 8 to 512 factors on a machine
with AVX-512 and on one with AVX2 (``benchmarks/NOTES.md``, "Cost model"); what matters is the ratio
between solvers. An
exact half-sweep gets further than one of three steps of conjugate gradients: from one start, on
MovieLens 1M at 16 to 256 factors, four of the former reach what takes six of the latter, and blocks
of iALS++ get furthest of all at many factors, since each is solved against the last.
"""

from __future__ import annotations

#: Sweeps to the same objective, beside exact ones.
_SWEEPS = {"cg": 1.5, "cholesky": 1.0, "subspace": 0.9}


def predicted_seconds(
    solver: str,
    entries: int,
    rows: int,
    factors: int,
    subspace_dimension: int = 64,
    *,
    wide: bool = True,
) -> float:
    """Seconds of one thread that a half-sweep is expected to take.

    Parameters
    ----------
    solver : str
        ``"cg"`` (three steps), ``"cholesky"`` or ``"subspace"``.
    entries, rows : int
        Stored values, and rows to be solved.
    factors, subspace_dimension : int
        Length of a factor vector, and of a block of it.
    wide : bool
        Whether the processor has registers of 512 bits.

    Examples
    --------
    >>> predicted_seconds("cg", 10**6, 10**4, 64) < predicted_seconds("cholesky", 10**6, 10**4, 64)
    True
    """
    f, d = float(factors), float(min(subspace_dimension, factors))
    if wide:
        per_entry, per_row = {
            "cg": (8 + 0.1 * f + 0.0018 * f * f, 100 + 0.05 * f * f),
            "cholesky": (12 + 0.25 * f + 0.007 * f * f, 100 + 0.0045 * f**3),
            "subspace": (12 + (0.6 + 0.009 * d) * f, 100 + 0.1 * f * f + 0.0045 * f * d * d),
        }[solver]
    else:
        per_entry, per_row = {
            "cg": (16 + 0.1 * f + 0.005 * f * f, 100 + 0.05 * f * f),
            "cholesky": (10 + 0.15 * f + 0.0125 * f * f, 100 + f * f + 0.002 * f**3),
            "subspace": (12 + (1.0 + 0.01 * d) * f, 100 + 0.1 * f * f + 0.0045 * f * d * d),
        }[solver]
    return (entries * per_entry + rows * per_row) * 1e-9


def fastest(
    entries: int, rows: int, factors: int, subspace_dimension: int = 64, *, wide: bool = True
) -> str:
    """The solver that ``"auto"`` means for one side of a training.

    Parameters
    ----------
    entries, rows, factors, subspace_dimension, wide
        As of :func:`predicted_seconds`.

    Examples
    --------
    >>> fastest(10**6, 10**4, 64), fastest(10**6, 10**4, 1024)
    ('cg', 'subspace')
    >>> fastest(10**6, 10**4, 8, wide=True), fastest(10**6, 10**4, 8, wide=False)
    ('cg', 'cholesky')
    """

    def cost(solver: str) -> float:
        seconds = predicted_seconds(solver, entries, rows, factors, subspace_dimension, wide=wide)
        return seconds * _SWEEPS[solver]

    return min(_SWEEPS, key=cost)

"""The same objective for all: equal settings, equal start, equal sweeps; and whether it is least.

Two checks on a made-up matrix. The objective of ours, implicit and irspack after the same sweeps
from the same normal start, for each solver and two sets of weights: it has to agree to 1e-4, ours
as it is by default (``gathered_dtype="auto"``) and in float32 throughout (``"same"``). Then
the mathematics of our exact solver on sampled rows, computed here in double without its code: the
gradient at its solution relative to the right side, and whether a random step ever improves it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from benchmarks.context import limit_threads
from benchmarks.peers import Alsatian, Cmfrec, Implicit, Irspack, gather
from benchmarks.powerlaw import powerlaw_matrix
from benchmarks.problem import Problem

SHAPES = {"full": (20_000, 5_000, 1_000_000), "tiny": (400, 200, 6_000)}
SWEEPS = (1, 3, 10)
SOLVERS = ("cg", "cholesky", "subspace")
TOLERANCE = 1e-4
GRADIENT_BOUND = 1e-3
WEIGHTS: tuple[dict[str, Any], ...] = (
    {"regularization": 0.01},
    {"regularization": 0.003, "unobserved_weight": 0.1, "regularization_exponent": 1.0},
)
Array = NDArray[np.float64]


def run(threads: int, seed: int, *, tiny: bool) -> dict[str, Any]:
    """Measure both checks; see the module's text."""
    matrix = powerlaw_matrix(*SHAPES["tiny" if tiny else "full"], seed=seed)
    base = Problem(
        matrix,
        16 if tiny else 64,
        subspace_dimension=8 if tiny else 16,
        threads=threads,
        seed=seed,
        normal_start=True,
    )
    lines = [
        line
        for weights in WEIGHTS
        for solver in SOLVERS
        for line in agreement(replace(base, solver=solver, **weights), weights)
    ]
    optimum = [optimality(replace(base, solver="cholesky", **weights)) for weights in WEIGHTS]
    worst = max((abs(line["relative_difference"]) for line in lines), default=None)
    return {
        "case": "objective",
        "users": matrix.shape[0],
        "items": matrix.shape[1],
        "entries": int(matrix.nnz),
        "factors": base.factors,
        "tolerance": TOLERANCE,
        "lines": lines,
        "worst": worst,
        "optimum": optimum,
        "holds": (worst is None or worst <= TOLERANCE)
        and all(one["relative_gradient"] <= GRADIENT_BOUND for one in optimum)
        and all(one["improved_by_a_step"] == 0 for one in optimum),
        "left_out": f"{Cmfrec.name}: {Cmfrec.note}",
    }


def agreement(problem: Problem, weights: dict[str, Any]) -> list[dict[str, Any]]:
    """Objectives of the peers that can be given the start, relative to ours, sweep by sweep."""
    stores = ("auto",) if problem.solver == "subspace" else ("auto", "same")
    names = {store: f"alsatian gathered_dtype={store}" for store in stores}
    contenders, _ = gather(
        problem,
        [{"gathered_dtype": store} for store in stores],
        kinds=(Implicit, Irspack),
    )
    limit_threads(problem.threads)
    lines = []
    for sweeps in SWEEPS:
        values = {}
        for one in contenders:
            one.train_to(sweeps)
            values[one.name] = problem.objective(*one.factors())
        ours = {store: values.pop(name) for store, name in names.items()}
        lines += [
            {
                "solver": problem.solver,
                **weights,
                "sweeps": sweeps,
                "gathered_dtype": store,
                "peer": peer,
                "ours": value,
                "theirs": theirs,
                "relative_difference": (value - theirs) / theirs,
            }
            for store, value in ours.items()
            for peer, theirs in values.items()
        ]
    return lines


def optimality(problem: Problem, rows: int = 200, steps: int = 5) -> dict[str, Any]:
    """Check sampled item rows after a sweep: the items were solved last, given the users.

    Parameters
    ----------
    problem : Problem
        With the exact solver.
    rows, steps : int
        Rows sampled, and random steps tried from each, a thousandth of the row's length.
    """
    one = Alsatian(problem)
    one.train_to(3)
    users, items = (np.asarray(side, np.float64) for side in one.factors())
    gram = problem.unobserved_weight * users.T @ users
    by_item = csr_matrix(problem.matrix.T)
    rng = np.random.default_rng(problem.seed)
    filled = np.flatnonzero(np.diff(by_item.indptr))
    chosen = rng.choice(filled, min(rows, len(filled)), replace=False)
    gradients, improved = [], 0
    for item in chosen:
        a, b = _equations(by_item, int(item), users, gram, problem)
        x = items[item]
        slope = a @ x - b  # half the gradient
        gradients.append(float(np.linalg.norm(slope) / np.linalg.norm(b)))
        for _ in range(steps):
            step = rng.standard_normal(len(x))
            step *= 1e-3 * np.linalg.norm(x) / np.linalg.norm(step)
            improved += bool(step @ a @ step + 2 * step @ slope < 0)
    return {
        "regularization": problem.regularization,
        "unobserved_weight": problem.unobserved_weight,
        "regularization_exponent": problem.regularization_exponent,
        "rows": len(chosen),
        "relative_gradient": max(gradients),
        "steps_tried": len(chosen) * steps,
        "improved_by_a_step": improved,
    }


def _equations(
    matrix: csr_matrix, row: int, other: Array, gram: Array, problem: Problem
) -> tuple[Array, Array]:
    """The normal equations of a row, from the formula of the objective."""
    begin, end = matrix.indptr[row], matrix.indptr[row + 1]
    y = other[matrix.indices[begin:end]]
    w = matrix.data[begin:end].astype(np.float64)
    scale = (len(w) + problem.unobserved_weight * len(other)) ** problem.regularization_exponent
    a = gram + (y.T * (w - problem.unobserved_weight)) @ y
    a += problem.regularization * scale * np.eye(len(a))
    return a, y.T @ w


def report(result: dict[str, Any]) -> None:
    """Print the worst agreement of each solver and peer, and the optimum."""
    print(
        f"objective at equal settings, start and sweeps, f={result['factors']}, "
        f"{result['users']:,} x {result['items']:,}, {result['entries']:,} entries"
    )
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in result["lines"]:
        weight = line.get("unobserved_weight", 1.0)
        group = (line["solver"], weight, line["gathered_dtype"], line["peer"])
        groups.setdefault(group, []).append(line)
    for (solver, weight, store, peer), lines in groups.items():
        differences = ", ".join(
            f"{line['relative_difference']:+.1e} after {line['sweeps']}" for line in lines
        )
        print(
            f"  {solver:<9} alpha0 {weight:<4g} gathered {store:<5} ours against {peer:<9} "
            f"{differences}"
        )
    for one in result["optimum"]:
        print(
            f"  cholesky  alpha0 {one['unobserved_weight']:<4g} relative gradient at most "
            f"{one['relative_gradient']:.1e} in {one['rows']} rows; "
            f"{one['improved_by_a_step']} of {one['steps_tried']} random steps improve it"
        )
    print(f"  left out: {result['left_out']}")
    verdict = "holds" if result["holds"] else "DOES NOT HOLD"
    print(f"  agreement to {result['tolerance']:g} and optimality: {verdict}")

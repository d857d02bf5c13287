"""One case of the sweep benchmark: contenders take turns, round after round, in one process.

So whatever else the machine does meets them alike. The first round is not counted. The objective is
computed for everyone after each round, never while somebody is timed. A slow contender leaves when
it has used up its share of time; its speed is then that of the rounds it was in.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.cases import Case, stored_matrix
from benchmarks.context import limit_threads, package_version
from benchmarks.limits import distance, fetch_rates, work
from benchmarks.peers import CONTENDERS, Contender, gather
from benchmarks.problem import Problem

# By default CG and Cholesky may read the other side in bfloat16: in float32 throughout, they are
# measured beside it.
PLAIN: tuple[dict[str, Any], ...] = ({"gathered_dtype": "same"},)


@dataclass(frozen=True)
class Options:
    """How a case is measured.

    Parameters
    ----------
    threads, seed : int
        For every contender.
    rounds : int, optional
        Instead of the case's own number.
    patience : float
        Seconds after which a contender is not measured any more, once it has been measured.
    memory : bool
        Measure the peak memory of each contender, in a process of its own.
    folder : Path
        Where matrices are kept.
    tiny : bool
        The smallest size: does it run at all?
    variants : tuple of dict
        Further settings of ours, each a contender of its own that is no peer.
    """

    threads: int
    seed: int
    rounds: int | None
    patience: float
    memory: bool
    folder: Path
    tiny: bool
    variants: tuple[dict[str, Any], ...] = ()


@dataclass
class Track:
    """What has been measured of a contender."""

    contender: Contender
    seconds: dict[int, float] = field(default_factory=dict)  # by round
    objectives: dict[int, float] = field(default_factory=dict)  # by sweeps
    trained: dict[int, float] = field(default_factory=dict)  # seconds of all sweeps, by sweeps
    spent: float = 0.0

    @property
    def median(self) -> float:
        """Seconds of a sweep, in the median of the rounds it was in."""
        return statistics.median(self.seconds.values())

    def take_turn(self, number: int, patience: float) -> bool:
        """Sweep once; in round 0 for warmth, unless it was so slow that it has to count."""
        if self.seconds and self.spent > patience:
            return False
        before = self.contender.sweeps
        begin = time.perf_counter()
        seconds = self.contender.sweep()
        self.spent += time.perf_counter() - begin
        if number > 0 or self.spent > patience:
            self.seconds[number] = seconds
        if self.contender.sweeps == before + 1:
            self.trained[before + 1] = self.trained.get(before, 0.0) + seconds
        else:  # starts afresh each time
            self.trained[self.contender.sweeps] = seconds * self.contender.sweeps
        return True


def problem_of(case: Case, options: Options) -> Problem:
    """The problem that a case states; at the tiny size with fewer factors."""
    size = "tiny" if options.tiny else case.size
    return Problem(
        stored_matrix(size, options.seed, options.folder),
        min(case.factors, 48) if options.tiny else case.factors,
        case.solver,
        subspace_dimension=min(case.subspace_dimension, 16 if options.tiny else 1 << 20),
        threads=options.threads,
        seed=options.seed,
    )


def run_case(case: Case, options: Options, machine_rates: dict[str, float]) -> dict[str, Any]:
    """Measure a case; return everything that is printed or written."""
    problem = problem_of(case, options)
    variants = [*(() if problem.solver == "subspace" else PLAIN), *options.variants]
    contenders, absent = gather(problem, variants)
    limit_threads(options.threads)
    tracks = [Track(one) for one in contenders]
    rounds = options.rounds or (2 if options.tiny else case.rounds)
    for number in range(rounds + 1):
        turn = number % len(tracks)  # nobody always comes after the same one
        moved = [
            track
            for track in tracks[turn:] + tracks[:turn]
            if track.take_turn(number, options.patience)
        ]
        for track in moved:
            sweeps = track.contender.sweeps
            if sweeps not in track.objectives:
                track.objectives[sweeps] = problem.objective(*track.contender.factors())
    users, items = problem.matrix.shape
    done = work(
        problem.solver,
        problem.factors,
        users,
        items,
        int(problem.matrix.nnz),
        problem.cg_steps,
        problem.subspace_dimension,
    )
    rates = machine_rates | fetch_rates(
        problem.matrix, problem.factors, options.threads, tiny=options.tiny
    )
    ours = tracks[0]
    return {
        "case": case.name,
        "solver": problem.solver,
        "factors": problem.factors,
        "subspace_dimension": problem.subspace_dimension,
        "cg_steps": problem.cg_steps,
        "users": users,
        "items": items,
        "entries": int(problem.matrix.nnz),
        "simd": case.simd,
        "rounds": rounds,
        "target": None if options.tiny else case.target,  # the tiny size promises nothing
        "contenders": [_figures(track, case, options) for track in tracks],
        "absent": absent,
        "rates": rates,
        "limits": {track.contender.name: distance(track.median, done, rates) for track in tracks},
        **_ratios(ours, [track for track in tracks[1:] if not _is_ours(track)]),
    }


def _is_ours(track: Track) -> bool:
    return track.contender.package == "alsatian"


def _figures(track: Track, case: Case, options: Options) -> dict[str, Any]:
    one = track.contender
    sweeps = max(track.objectives)
    return {
        "name": one.name,
        "version": package_version(one.package),
        "median_seconds": track.median,
        "seconds": list(track.seconds.values()),
        "rounds": list(track.seconds),
        "setup_seconds": one.setup_seconds,
        "sweeps": sweeps,
        "objective": track.objectives[sweeps],
        "objectives": track.objectives,
        "trained_seconds": track.trained,
        "memory": _memory(one.name, case, options) if options.memory else None,
        "note": one.note,
    }


def _ratios(ours: Track, peers: list[Track]) -> dict[str, Any]:
    """The fastest peer's seconds over ours in each round; its objective against ours."""
    ratios = []
    for number, seconds in ours.seconds.items():
        # A peer that left counts with the median of its own rounds.
        fastest = min((peer.seconds.get(number, peer.median) for peer in peers), default=None)
        if fastest is not None and number > 0:
            ratios.append(fastest / seconds)
    objectives = {}
    for peer in peers:
        if not peer.contender.same_start:
            continue
        shared = set(ours.objectives) & set(peer.objectives)
        if shared:
            sweeps = max(shared)
            theirs = peer.objectives[sweeps]
            objectives[peer.contender.name] = {
                "sweeps": sweeps,
                "relative_difference": (ours.objectives[sweeps] - theirs) / theirs,
            }
    return {
        "ratios_to_fastest_peer": ratios,
        "median_ratio": statistics.median(ratios) if ratios else None,
        "objective_against": objectives,
    }


def _memory(name: str, case: Case, options: Options) -> dict[str, float] | None:
    """Peak memory of two sweeps in a fresh process; None where it cannot be told."""
    if name not in {kind.name for kind in CONTENDERS}:
        return None
    command = [sys.executable, "-m", "benchmarks.rounds", case.name, name]
    command += [str(options.folder), str(options.threads), str(options.seed), str(options.tiny)]
    environment = os.environ | ({"ALSATIAN_SIMD": case.simd} if case.simd else {})
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=3600
    )
    if done.returncode:
        print(f"memory of {name} is not known: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    found: dict[str, float] | None = json.loads(done.stdout)
    return found


def resident(field_name: str, process: int | str = "self") -> int:
    """A field of a process's memory status (VmRSS now, VmHWM at its peak), in bytes."""
    for line in Path(f"/proc/{process}/status").read_text("ascii").splitlines():
        if line.startswith(field_name):
            return int(line.split()[1]) * 1024
    raise LookupError(field_name)


def probe(
    case_name: str, contender: str, folder: Path, threads: int, seed: int, tiny: bool
) -> dict[str, float] | None:
    """Peak memory of set-up and two sweeps of a contender, in this process.

    What the process held before the matrix was read (the libraries) is taken off. The bound is both
    orientations of the matrix and both sides of factors, once each.
    """
    from benchmarks.cases import CASES

    if not Path("/proc/self/status").exists():
        return None
    case = CASES[case_name]
    options = Options(threads, seed, None, 0.0, False, folder, tiny)
    kind = next(kind for kind in CONTENDERS if kind.name == contender)
    small = Problem(stored_matrix("tiny", seed, folder), 8, case.solver, subspace_dimension=8)
    kind(replace(small, threads=threads, bare=True)).train_to(1)  # imports and threads
    limit_threads(threads)
    with suppress(OSError):  # the peak so far is that of the imports: begin anew where allowed
        Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS:")
    problem = replace(problem_of(case, options), bare=True)
    kind(problem).train_to(2)
    users, items = problem.matrix.shape
    bound = 16 * problem.matrix.nnz + 8 * (users + items + 2)
    bound += (users + items) * problem.factors * 4
    peak = resident("VmHWM:") - before
    return {"peak_bytes": peak, "bound_bytes": bound, "ratio": peak / bound}


if __name__ == "__main__":
    name, who, where, count, number, small = sys.argv[1:]
    limit_threads(int(count))
    print(json.dumps(probe(name, who, Path(where), int(count), int(number), small == "True")))

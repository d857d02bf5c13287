"""The sweep benchmark runs, and tells what it has to tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import als_sweep, limits, peers, rounds, sweep_report
from benchmarks.cases import CASES, read_matrix, stored_matrix, write_matrix
from benchmarks.powerlaw import powerlaw_matrix
from benchmarks.problem import Problem
from recsys.als import AlternatingLeastSquares, simd_variants
from recsys.als.config import SOLVERS

REPOSITORY = Path(__file__).resolve().parents[2]


def test_matrix_has_the_shape_it_claims():
    matrix = powerlaw_matrix(500, 200, 6_000, seed=3)
    assert matrix.shape == (500, 200)
    assert matrix.nnz == 6_000
    matrix.check_format(full_check=True)
    assert (np.diff(matrix.indices)[np.diff(np.repeat(np.arange(500), np.diff(matrix.indptr))) == 0]
            > 0).all()  # fmt: skip
    popular = np.sort(np.bincount(matrix.indices, minlength=200))[::-1]
    assert popular[:20].sum() > 0.3 * matrix.nnz  # a head
    assert popular[100:].sum() > 0.05 * matrix.nnz  # and a tail
    again = powerlaw_matrix(500, 200, 6_000, seed=3)
    assert (matrix != again).nnz == 0
    with pytest.raises(ValueError, match="quarter"):
        powerlaw_matrix(10, 10, 26, seed=1)


def test_a_stored_matrix_is_the_drawn_one(tmp_path):
    drawn = stored_matrix("tiny", 3, tmp_path)
    assert (drawn != powerlaw_matrix(600, 300, 9_000, seed=3)).nnz == 0
    assert (read_matrix(tmp_path / "tiny-3") != drawn).nnz == 0


def run_cli(*arguments: str, timeout: int = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.als_sweep", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_tiny_run_prints_and_writes_the_result(tmp_path):
    written, drawn = tmp_path / "sweep.json", tmp_path / "sweep.png"
    done = run_cli("--tiny", "--rounds", "2", "--no-memory", "--json", str(written),
                   "--plot", str(drawn), "--variant", "dtype=float64")  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole = json.loads(written.read_text())
    (result,) = whole["cases"]
    assert result["contenders"][0]["name"] == "alsatian"
    for contender in result["contenders"]:
        assert contender["name"] in done.stdout
        assert len(contender["seconds"]) == 2
        assert contender["objective"] > 0
    measured = {contender["name"] for contender in result["contenders"]}
    assert "alsatian dtype=float64" in measured
    assert measured | set(result["absent"]) > {"alsatian", "implicit", "irspack", "cmfrec"}
    for against in result["objective_against"].values():  # same start, same settings
        assert against["sweeps"] == 3
        assert abs(against["relative_difference"]) < 1e-4
    if "implicit" in measured:
        assert len(result["ratios_to_fastest_peer"]) == 2
        assert drawn.stat().st_size > 1000
    for fact in (
        "SIMD",
        "seed 1",
        "2 threads",
        "versions",
        "fastest peer" if "implicit" in measured else "no peer",
    ):
        assert fact in done.stdout
    page = run_cli("--markdown", str(written))
    assert "### cg64" in page.stdout
    assert f"| {result['contenders'][0]['median_seconds']:.3f} (" in page.stdout


def test_a_case_for_another_variant_runs_in_its_own_process(tmp_path):
    written = tmp_path / "avx2.json"
    done = run_cli("--tiny", "--no-memory", "--case", "avx2-64", "--json", str(written))
    (result,) = json.loads(written.read_text())["cases"]
    if "avx2" not in simd_variants():
        assert done.returncode == 1
        assert "no avx2" in result["failed"]
    else:
        assert done.returncode == 0, done.stderr
        assert result["simd"] == "avx2"
        assert "held to avx2" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_is_that_of_the_contender_alone(tmp_path):
    write_matrix(powerlaw_matrix(50_000, 10_000, 1_000_000, seed=1), tmp_path / "ml20m-1")
    options = rounds.Options(1, 1, None, 0.0, True, tmp_path, False)
    found = rounds._memory("alsatian", CASES["cg64"], options)
    assert found["bound_bytes"] == 16 * 1_000_000 + 8 * 60_002 + 60_000 * 64 * 4
    assert 0.8 < found["ratio"] == found["peak_bytes"] / found["bound_bytes"] < 1.5


def test_a_promise_that_is_not_kept_fails_the_run():
    plain = als_sweep._parse([])
    good = {"case": "cg64", "median_ratio": 4.0, "target": 6.0}
    assert als_sweep._status([good], plain) == 0
    assert als_sweep._status([good], als_sweep._parse(["--at-least", "5"])) == 1
    assert als_sweep._status([good], als_sweep._parse(["--check"])) == 1
    assert als_sweep._status([{"case": "objective", "holds": False}], plain) == 1
    assert als_sweep._status([{"case": "cg64", "failed": "no such solver"}], plain) == 1


def test_every_case_names_a_known_size_and_a_promise():
    for name, case in CASES.items():
        assert case.name == name
        assert case.target >= 3.5
        assert case.solver in SOLVERS
    assert set(als_sweep.NAMES) == set(CASES) | {"objective", "ndcg"}


@pytest.fixture
def problem():
    return Problem(powerlaw_matrix(300, 200, 4_000, seed=2), 8, threads=1, seed=5)


def test_all_start_from_the_factors_that_a_plain_fit_draws(problem):
    model = AlternatingLeastSquares(8, iterations=0, random_state=5)
    model.fit(problem.matrix, show_progress=False)
    users, items = problem.start()
    np.testing.assert_array_equal(users, model.user_factors)
    np.testing.assert_array_equal(items, model.item_factors)
    normal, _ = replace(problem, normal_start=True).start()
    assert normal.std() == pytest.approx(0.1 / np.sqrt(8), rel=0.1)


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
def test_a_sweep_by_turns_is_a_sweep_of_one_fit(problem, solver):
    one = peers.Alsatian(replace(problem, solver=solver))
    assert one.train_to(3) > 0
    assert one.sweeps == 3
    whole = AlternatingLeastSquares(8, iterations=3, random_state=5, solver=solver, num_threads=1)
    whole.fit(problem.matrix, show_progress=False)
    np.testing.assert_array_equal(one.factors()[0], whole.user_factors)


def test_a_peer_that_lacks_a_part_of_the_objective_says_so(problem):
    other = replace(problem, unobserved_weight=0.1)
    present, absent = peers.gather(other)
    assert {"implicit", "cmfrec"} <= set(absent)
    assert present[0].name == "alsatian"
    for kind in (peers.Implicit, peers.Cmfrec):
        assert "subspace" in kind.refusal(replace(problem, solver="subspace"))


class Scripted(peers.Contender):
    """Takes the seconds it is told to take."""

    name = package = "scripted"

    def __init__(self, problem, seconds):
        super().__init__(problem)
        self._seconds = list(seconds)

    @classmethod
    def refusal(cls, problem):
        return None

    def sweep(self):
        self.sweeps += 1
        return self._seconds.pop(0)

    def factors(self):
        return self.problem.start()


def turns(problem, seconds, patience=1e9):
    track = rounds.Track(Scripted(problem, seconds))
    for number in range(len(seconds)):
        track.take_turn(number, patience)
    return track


def test_the_first_round_does_not_count_and_ratios_are_by_round(problem):
    ours, peer = turns(problem, [9.0, 1.0, 2.0]), turns(problem, [9.0, 4.0, 6.0])
    assert ours.seconds == {1: 1.0, 2: 2.0}
    assert ours.trained == {1: 9.0, 2: 10.0, 3: 12.0}
    found = rounds._ratios(ours, [peer])
    assert found["ratios_to_fastest_peer"] == [4.0, 3.0]
    assert found["median_ratio"] == 3.5


def test_a_slow_peer_is_measured_once_and_stays_in_the_comparison(problem):
    ours, slow = turns(problem, [1.0, 1.0, 1.0]), turns(problem, [8.0, 8.0, 8.0], patience=0.0)
    assert slow.seconds == {0: 8.0}
    assert rounds._ratios(ours, [slow])["ratios_to_fastest_peer"] == [8.0, 8.0]
    assert rounds._ratios(ours, [])["median_ratio"] is None


def test_a_promise_is_judged_by_the_median():
    result = {"median_ratio": 5.0, "ratios_to_fastest_peer": [5.0], "target": 6.0, "rounds": 1,
              "contenders": [], "objective_against": {}}  # fmt: skip
    (line,) = sweep_report.verdicts(result)
    assert line.endswith("promised 6: NOT reached")
    (line,) = sweep_report.verdicts(result | {"target": 4.0})
    assert line.endswith("promised 4: reached")


def test_work_is_counted_by_the_formula_of_the_solver():
    done = limits.work("cg", 4, 10, 5, 20, cg_steps=3, block=0)
    assert done.fetched == 2 * 20 * 4 * 4
    assert done.streamed == 2 * 20 * 8 + 3 * 15 * 4 * 4
    assert done.operations == 4 * (4 * 40 * 4 + 2 * 15 * 16) + 15 * 16
    exact = limits.work("cholesky", 4, 10, 5, 20, cg_steps=3, block=0)
    blocks = limits.work("subspace", 4, 10, 5, 20, cg_steps=3, block=4)
    assert exact.operations == pytest.approx(40 * 24 + 15 * (64 / 3 + 32) + 15 * 16)
    assert blocks.operations > exact.operations  # a whole block, and the predictions beside it


def test_the_limit_that_binds_is_the_longer_one():
    done = limits.Work(operations=100.0, fetched=60.0, streamed=10.0)
    rates = {"products": 50.0, "fetching_numpy": 10.0, "fetching_core": 20.0, "reading": 10.0}
    found = limits.distance(8.0, done, rates)
    assert found["least_seconds"] == {"arithmetic": 2.0, "memory": 4.0}
    assert found["binding"] == "memory"
    assert found["times_the_limit"] == 2.0


def test_fetching_copies_the_rows_it_counts():
    table = np.arange(1000 * 16, dtype=np.float32).reshape(1000, 16)
    indices = np.random.default_rng(0).integers(0, 1000, 50_000).astype(np.int32)
    assert limits.fetching(table, indices, threads=1, repeats=1) > 1e6

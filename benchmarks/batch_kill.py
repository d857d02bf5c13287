"""A job that is killed at random moments and resumed: the rows have to be the same.

    python -m benchmarks.batch_kill                    # 50 kills, some four minutes
    python -m benchmarks.batch_kill --processes 2      # two processes share it, one is killed
    python -m benchmarks.batch_kill --tiny --json result.json

An undisturbed job is run and timed first. Then, for each kill, ``alsatian recommend`` is started on
an empty folder and gets SIGKILL: one in five at a moment drawn evenly from the time the whole job
takes, the others from the time between its manifest and its end. Then it is run again with
``--resume``.
Every file but the manifest has to have the bytes of the undisturbed job, and no file may be left
over.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.context import context, print_context
from benchmarks.powerlaw import powerlaw_matrix
from recsys.als import AlternatingLeastSquares
from recsys.batch import Manifest
from recsys.interactions import Interactions
from recsys.recommender import Recommender
from recsys.storage import sha256_file, write_json


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return 1 where a resumed job differed."""
    options = _options(arguments)
    facts = context(("alsatian", "pyarrow"), threads=2, seed=options.seed)
    print_context(facts)
    with tempfile.TemporaryDirectory(prefix="alsatian-") as scratch:
        rounds = _rounds(Path(scratch), options)
    wrong = [one for one in rounds if one["difference"]]
    moments = Counter(one["state"] for one in rounds)
    print(
        f"{len(rounds)} kills of one of {options.processes} "
        f"process{'es' if options.processes > 1 else ''}: "
        + ", ".join(f"{count} {state}" for state, count in moments.items())
        + f"; {len(rounds) - len(wrong)} times the same rows after --resume, {len(wrong)} times not"
    )
    for one in wrong:
        print(f"killed after {one['seconds']:.2f} s: {one['difference']}")
    if options.json is not None:
        write_json(options.json, {"context": facts, "rounds": rounds})
    return 1 if wrong else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--processes", type=int, default=1, help="that share the job")
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--tiny", action="store_true", help="a size that takes seconds")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.kills, options.users = 2, 3_000
    return options


def _rounds(scratch: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    model = scratch / "model"
    matrix = powerlaw_matrix(options.users, 2_000, 20 * options.users, seed=options.seed)
    als = AlternatingLeastSquares(factors=32, iterations=2, random_state=options.seed)
    Recommender.fit(Interactions.from_csr(matrix), model=als).save(model)
    size = max(1, options.users // 100)
    begin = time.perf_counter()
    job = _start(model, scratch / "whole", size)
    _await_manifest(scratch / "whole", job)
    work = time.perf_counter()
    _finish(job)
    span, work_span = time.perf_counter() - begin, time.perf_counter() - work
    truth = _files(scratch / "whole")
    dice = random.Random(options.seed)
    rounds = []
    for number in range(options.kills):
        out = scratch / f"out-{number}"
        jobs = [_start(model, out, size, resume=True) for _ in range(options.processes)]
        begin = time.perf_counter()
        if number % 5 == 0:
            time.sleep(dice.uniform(0, span))
        else:
            _await_manifest(out, jobs[0])
            time.sleep(dice.uniform(0, work_span))
        seconds = time.perf_counter() - begin
        jobs[0].send_signal(signal.SIGKILL)
        jobs[0].communicate()
        found = Manifest.read(out) if out.exists() else None
        done = len(found.parts) if found is not None else 0
        state = (
            "before the first part" if done == 0
            else "after the end" if found is not None and found.committed
            else "in the middle"
        )  # fmt: skip
        for job in jobs[1:]:
            _finish(job)
        _finish(_start(model, out, size, resume=True))
        rounds.append(
            {
                "seconds": seconds,
                "parts_done": done,
                "state": state,
                "difference": _difference(truth, out),
            }
        )
    return rounds


def _start(model: Path, out: Path, size: int, *, resume: bool = False) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "recsys.cli", "recommend", str(model), "--out", str(out)]
    command += ["--part-users", str(size), *(["--resume"] if resume else [])]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _await_manifest(out: Path, job: subprocess.Popen[str]) -> None:
    while not (out / "manifest.json").exists() and job.poll() is None:
        time.sleep(0.001)


def _finish(job: subprocess.Popen[str]) -> None:
    _, said = job.communicate()
    if job.returncode:
        raise RuntimeError(f"a job ended with status {job.returncode}: {said.strip()}")


def _files(out: Path) -> dict[str, str]:
    return {file.name: sha256_file(file) for file in out.iterdir() if file.suffix == ".parquet"}


def _difference(truth: dict[str, str], out: Path) -> str:
    """What is not as in the undisturbed job; empty where nothing is."""
    found = Manifest.read(out)
    if found is None or not found.committed:
        return "the manifest does not say that the job is complete"
    left = {entry.name for entry in out.iterdir()} - truth.keys() - {"manifest.json"}
    if left:
        return f"left over: {', '.join(sorted(left))}"
    files = _files(out)
    differing = sorted(name for name in truth if files.get(name) != truth[name])
    return f"differing: {', '.join(differing)}" if differing else ""


if __name__ == "__main__":
    sys.exit(main())

"""A job killed at random moments.

    python -m benchmarks.batch_kill                       # 50 kills
    python -m benchmarks.batch_kill --shared              # with a second process at work
    python -m benchmarks.batch_kill --tiny --json result.json

One undisturbed run of ``alsatian recommend`` is measured. Then, again and again, the same command
is started, killed with SIGKILL at a random moment (one in five while it starts, the others from the
first sight of its output to after its end), and finished by ``--resume``. With ``--shared`` a
second process joins in, is not killed, and has to finish alone. Told are what each kill left and
what came of it; whatever differs from the undisturbed run in a single row fails.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.context import context, print_context
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender


@dataclass(frozen=True)
class Kill:
    """One killed run.

    Attributes
    ----------
    early : bool
        Whether while it started.
    at : float
        Seconds from its start, or from the first sight of its output.
    died : bool
        Whether it was still at work.
    begun : bool
        Whether the output existed when it died.
    left : int
        Parts whose lists it left; the last of them may lack its record, and is written again.
    kept : int
        Parts that the next run found whole; with a second process, those of the killed one.
    same : bool
        Whether the rows in the end are those of the undisturbed run, none lost, none twice.
    """

    early: bool
    at: float
    died: bool
    begun: bool
    left: int
    kept: int
    same: bool


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return 1 where some run came to other rows."""
    options = _options(arguments)
    facts = context(("alsatian", "pyarrow", "numpy"), threads=2, seed=options.seed)
    print_context(facts)
    with tempfile.TemporaryDirectory(prefix="alsatian-kill-") as folder:
        model = _make(Path(folder), options)
        begin = time.perf_counter()
        job = _start(model, Path(folder) / "whole", options)
        _wait_for(Path(folder) / "whole", job)
        start = time.perf_counter() - begin
        _finish(job)
        work = time.perf_counter() - begin - start
        expected = _rows(Path(folder) / "whole")
        kinds = "joined by another" if options.shared else "followed by --resume"
        print(f"undisturbed: {start:.2f} s to start, {work:.2f} s at work, ", end="")
        print(f"{expected.num_rows:,} rows; each kill is {kinds}")
        print("| kill | from | at, s | died | output begun | parts left | parts kept | same rows |")
        print("| ---: | --- | ---: | --- | --- | ---: | ---: | --- |")
        dice = random.Random(options.seed)
        kills = []
        for number in range(options.kills):
            out = Path(folder) / f"out-{number}"
            early = number % 5 == 0
            at = dice.uniform(0.0, start if early else 1.05 * work)
            kill = _one(model, out, early, at, expected, options)
            kills.append(kill)
            words = ["start" if early else "output", f"{kill.at:.2f}", _word(kill.died)]
            words += [_word(kill.begun), str(kill.left), str(kill.kept), _word(kill.same)]
            print(f"| {number + 1} | {' | '.join(words)} |", flush=True)
            shutil.rmtree(out)
    same = sum(kill.same for kill in kills)
    died = sum(kill.died for kill in kills)
    middle = sum(0 < kill.left < options.parts for kill in kills)
    print(f"{died} of {len(kills)} runs died, {middle} of them between parts; same rows: {same}")
    if options.json is not None:
        result = {
            "context": facts,
            "start": start,
            "work": work,
            "kills": [asdict(kill) for kill in kills],
        }
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if same == len(kills) else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--parts", type=int, default=100)
    parser.add_argument("--shared", action="store_true", help="a second process is at work")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--tiny", action="store_true", help="two kills of a small job")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.kills, options.users, options.items, options.parts = 2, 1_000, 200, 10
    return options


def _make(folder: Path, options: argparse.Namespace) -> Path:
    dice = np.random.default_rng(options.seed)
    users = np.repeat(np.arange(options.users), 10)
    items = (options.items * dice.random(users.size) ** 2).astype(np.int64)
    events = Interactions.from_frame(pa.table({"user_id": users, "item_id": items}))
    als = AlternatingLeastSquares(factors=32, iterations=2, random_state=options.seed)
    Recommender.fit(events, model=als).save(folder / "model")
    return folder / "model"


def _start(
    model: Path, out: Path, options: argparse.Namespace, *, resume: bool = False
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "recsys.cli", "recommend", str(model), "--out", str(out)]
    command += ["--part-users", str(-(-options.users // options.parts))]
    command += ["--resume"] if resume else []
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )


def _finish(process: subprocess.Popen[str]) -> None:
    said, _ = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(f"the job ended with status {process.returncode}: {said}")


def _wait_for(out: Path, process: subprocess.Popen[str]) -> None:
    while not (out / "manifest.json").exists() and process.poll() is None:
        time.sleep(0.001)


def _one(
    model: Path, out: Path, early: bool, at: float, expected: pa.Table, options: argparse.Namespace
) -> Kill:
    doomed = _start(model, out, options, resume=True)
    other = _start(model, out, options, resume=True) if options.shared else None
    if not early:
        _wait_for(out, doomed)
    time.sleep(at)
    died = doomed.poll() is None
    doomed.kill()
    doomed.communicate()
    begun = (out / "manifest.json").exists()
    left = len(list(out.glob("part-*.parquet")))
    if other is not None:
        _finish(other)
    before = {part.name: part.stat().st_ino for part in out.glob("part-*.parquet")}
    if other is None:
        _finish(_start(model, out, options, resume=True))
    kept = sum((out / name).stat().st_ino == inode for name, inode in before.items())
    complete = json.loads((out / "manifest.json").read_text())["state"] == "complete"
    return Kill(early, at, died, begun, left, kept, complete and _rows(out).equals(expected))


def _rows(out: Path) -> pa.Table:
    """Every row, in the order of the parts: equal tables have lost none and have none twice."""
    return pa.concat_tables([pq.read_table(part) for part in sorted(out.glob("part-*.parquet"))])


def _word(value: bool) -> str:
    return "yes" if value else "no"


if __name__ == "__main__":
    sys.exit(main())

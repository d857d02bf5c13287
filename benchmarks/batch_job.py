"""The overnight job at full size: every user of a model, exactly, to Parquet.

    python -m benchmarks.batch_job                     # 1,000,000 users x 500,000 items
    python -m benchmarks.batch_job --normal            # random normals: nothing to save by length
    python -m benchmarks.batch_job --tiny --json result.json

A model is trained on a power-law matrix and saved (once: ``--folder`` keeps it), then
``alsatian recommend MODEL --users all`` runs in a process of its own. Told are its seconds, its
peak resident memory, mapped pages of the model included, and what it wrote, which is read back and
checked: every user, ranks without a gap, nothing that the user has seen.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds

from benchmarks.context import context, print_context
from benchmarks.powerlaw import powerlaw_matrix
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender
from recsys.storage import write_json


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    options = _options(arguments)
    facts = context(("alsatian", "pyarrow", "numpy"), threads=options.threads, seed=options.seed)
    print_context(facts)
    options.folder.mkdir(parents=True, exist_ok=True)
    model = options.folder / _name(options)
    if not (model / "manifest.json").exists():
        _make(model, options)
    out = options.folder / f"{model.name}-lists"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "recsys.cli", "recommend", str(model), "--users", "all"]
    command += ["--n", str(options.n), "--out", str(out), "--memory", options.memory]
    seconds, peak, status = _run(command)
    if status:
        print(f"the job ended with status {status}")
        return 1
    found = _check(model, out, options)
    print(
        f"{found['users']:,} users x {found['items']:,} items, n {options.n}: {seconds:.1f} s, "
        f"{found['users'] / seconds:,.0f} users/s; peak memory {peak / 2**30:.2f} GiB; "
        f"{found['rows']:,} rows in {found['bytes'] / 1e6:,.0f} MB, whole and unseen"
    )
    if options.json is not None:
        result = {"context": facts, "seconds": seconds, "peak_bytes": peak, **found}
        write_json(options.json, result)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=500_000)
    parser.add_argument("--entries", type=int, default=40_000_000)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--memory", default="1GiB", help="the job's limit for its work space")
    parser.add_argument("--normal", action="store_true", help="random normals as factors")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("out/bench/batch_job"))
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--tiny", action="store_true", help="a size that takes seconds")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.users, options.items, options.entries, options.factors = 2_000, 500, 20_000, 16
    return options


def _name(options: argparse.Namespace) -> str:
    kind = "normal" if options.normal else "trained"
    return f"{options.users}-{options.items}-{options.entries}-{options.factors}-{kind}"


def _make(model: Path, options: argparse.Namespace) -> None:
    begin = time.perf_counter()
    shape = (options.users, options.items, options.entries)
    matrix = powerlaw_matrix(*shape, seed=options.seed)
    als = AlternatingLeastSquares(
        factors=options.factors,
        iterations=1 if options.normal else 5,
        alpha=10.0,
        random_state=options.seed,
        num_threads=options.threads,
    )
    recommender = Recommender.fit(Interactions.from_csr(matrix), model=als)
    if options.normal:
        random = np.random.default_rng(options.seed)
        als.user_factors = random.standard_normal((shape[0], options.factors), np.float32)
        als.item_factors = random.standard_normal((shape[1], options.factors), np.float32)
        recommender = Recommender(
            recommender.interactions,
            als,
            items=recommender.items,
            cold_factors=np.empty((0, options.factors), np.float32),
        )
    recommender.save(model)
    print(f"model made in {time.perf_counter() - begin:.0f} s")


def _run(command: list[str]) -> tuple[float, int, int]:
    """Seconds, peak resident bytes and status of a process.

    The peak is watched from outside: what ``wait4`` tells begins at that of this process.
    """
    begin = time.perf_counter()
    peak = 0
    with subprocess.Popen(command) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            with contextlib.suppress(OSError, StopIteration):
                lines = status.read_text("ascii").splitlines()
                line = next(line for line in lines if line.startswith("VmHWM:"))
                peak = max(peak, int(line.split()[1]) * 1024)
            time.sleep(0.02)
        return time.perf_counter() - begin, peak, process.returncode


def _check(model: Path, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Read everything back; raise where it is not what was asked for."""
    recommender = Recommender.load(model, verify=False)
    matrix = recommender.interactions.matrix
    parts = sorted(out.glob("part-*.parquet"))
    next_user = rows = 0
    for part in parts:
        table = ds.dataset(part).to_table(columns=["user_id", "item_id", "rank"])
        owners = recommender.users.rows(table.column("user_id"))
        items = recommender.items.rows(table.column("item_id"))
        ranks = table.column("rank").to_numpy()
        starts = np.flatnonzero(ranks == 1)
        counts = np.diff(np.append(starts, len(ranks)))
        places = np.arange(len(ranks)) - np.repeat(starts, counts)
        if not np.array_equal(ranks, places + 1) or counts.max() > options.n:
            raise ValueError(f"{part}: ranks with a gap")
        if not np.array_equal(owners[starts], np.arange(next_user, next_user + len(starts))):
            raise ValueError(f"{part}: users are missing or twice")
        block = matrix[next_user : next_user + len(starts)]
        width = matrix.shape[1]
        lines = np.repeat(np.arange(len(starts), dtype=np.int64), np.diff(block.indptr))
        seen = lines * width + block.indices
        if np.isin((owners - next_user) * width + items, seen).any():
            raise ValueError(f"{part}: seen items")
        next_user += len(starts)
        rows += len(ranks)
    if next_user != len(recommender.users):
        raise ValueError(f"{out}: {next_user} users, expected {len(recommender.users)}")
    size = sum(part.stat().st_size for part in parts)
    return {
        "users": next_user,
        "items": len(recommender.items),
        "rows": rows,
        "parts": len(parts),
        "bytes": size,
    }


if __name__ == "__main__":
    sys.exit(main())

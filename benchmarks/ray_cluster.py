"""What a Ray cluster costs and spares: the batch job and training on local machines of one core.

The cluster is on loopback: each "machine" is a Ray node with an object store of its own and one
processor. Training and the job run here on one thread, on one machine of the cluster, and on all of
them; with ``--kill`` once more while one of them is killed. Results are compared bit for bit. Bytes
moved are what went through the loopback interface meanwhile, requests and all. More machines than
this computer has cores cannot be faster than the cores are: the figures to look at are then the
seconds that a part or a half-sweep costs beside its work, the bytes, and the memory.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.context import context, print_context
from benchmarks.powerlaw import powerlaw_matrix
from recsys.als import AlternatingLeastSquares
from recsys.als.distributed import DistributedALS
from recsys.batch import JobPlan, Part, plan_job, run_job
from recsys.batch.ray_engine import run_ray
from recsys.ids import IdMap
from recsys.interactions import Interactions
from recsys.recommender import Recommender
from recsys.storage import write_json

PACKAGES = ("alsatian", "ray", "numpy", "pyarrow")
# users, items, entries, factors, sweeps, users of a part, MiB of each object store
SIZES = {
    "full": (200_000, 40_000, 8_000_000, 64, 5, 5_000, 400),
    "tiny": (6_000, 1_500, 60_000, 16, 3, 500, 80),
}
# A dead machine is found out within a second or two, not within half a minute.
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}


class Machines:
    """Nodes of a cluster on loopback, the driver's own among them."""

    def __init__(self, count: int, store_mebibytes: int) -> None:
        from ray.cluster_utils import Cluster

        self._about = {"num_cpus": 1, "object_store_memory": store_mebibytes << 20}
        head = self._about | {"include_dashboard": False, "_system_config": QUICK}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._count = count
        self._others: list[Any] = []
        self.restore()

    @property
    def address(self) -> str:
        """Where the cluster is reached."""
        return str(self._cluster.address)

    def restore(self) -> None:
        """Start what is missing."""
        while len(self._others) < self._count - 1:
            self._others.append(self._cluster.add_node(**self._about))
        self._cluster.wait_for_nodes()

    def kill_one(self) -> None:
        """Kill a machine that is not the driver's."""
        self._cluster.remove_node(self._others.pop(), allow_graceful=False)

    def close(self) -> None:
        """Stop all of them."""
        self._cluster.shutdown()


def loopback_bytes() -> int:
    """Bytes that went through the loopback interface so far; 0 where it cannot be told."""
    try:
        for line in Path("/proc/net/dev").read_text("ascii").splitlines():
            name, _, fields = line.partition(":")
            if name.strip() == "lo":
                return int(fields.split()[0])
    except OSError:
        pass
    return 0


def task_memory(function: str) -> list[int]:
    """Bytes that each process of the cluster holds alone, of those that have run `function`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            title = process.joinpath("cmdline").read_bytes()
            if not title.startswith((b"ray::IDLE", f"ray::{function}".encode())):
                continue
            lines = process.joinpath("smaps_rollup").read_text("ascii").splitlines()
        except OSError:
            continue
        private = [int(line.split()[1]) for line in lines if line.startswith("Private_")]
        found.append(1024 * sum(private))
    return found


def measured(work: Callable[[], Any]) -> dict[str, Any]:
    """Seconds and bytes moved of some work; under ``result``, what it came to."""
    moved, begin = loopback_bytes(), time.perf_counter()
    result = work()
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "bytes_moved": loopback_bytes() - moved, "result": result}


def train(model: AlternatingLeastSquares, matrix: Any, kill: Callable[[], None] | None) -> Any:
    """Fit; where wanted, kill a machine after the first sweep."""

    def after(state: Any) -> None:
        if kill is not None and state.sweep == 1:
            threading.Timer(0.1, kill).start()

    model.fit(matrix, show_progress=False, callback=after)
    return model


def recommend(
    recommender: Recommender, out: Path, size: int, engine: Any, kill: Callable[[], None] | None
) -> Any:
    """Run the job; where wanted, kill a machine after its second part; return when parts ended."""
    ended = []

    def after(done: int, total: int, rate: float) -> None:
        ended.append(time.perf_counter())
        if kill is not None and done == 2:
            threading.Timer(0.1, kill).start()

    plan = plan_job(recommender, out, n=20, part_users=size)
    options = {} if engine is None else {"engine": engine}
    run_job(plan, progress=after, **options)
    return ended


class Watched:
    """The Ray engine, and the most that one of its processes was seen to hold alone."""

    def __init__(self, address: str) -> None:
        self._engine = functools.partial(run_ray, address=address)
        self.private_bytes: int | None = None

    def __call__(self, plan: JobPlan, numbers: Sequence[int]) -> Iterator[Part]:
        for part in self._engine(plan, numbers):
            seen = [self.private_bytes or 0, *task_memory("write_shared_part")]
            self.private_bytes = max(seen) or None
            yield part


def places(counts: list[int], kill: bool) -> list[tuple[str, int, bool]]:
    """What is measured: a name, how many machines, and whether one is killed."""
    found = [(f"ray, {count} machine{'s' * (count > 1)}", count, False) for count in counts]
    if kill:
        found.append((f"ray, {max(counts)} machines, one killed", max(counts), True))
    return found


def run(size: str, counts: list[int], kill: bool, seed: int) -> dict[str, Any]:
    """Measure everything.

    Parameters
    ----------
    size : str
        ``"full"`` or ``"tiny"``.
    counts : list of int
        Numbers of machines.
    kill : bool
        Once more with the most machines, one of which is killed in the middle.
    seed : int
        Of matrix and start.
    """
    users, items, entries, factors, sweeps, part_users, store = SIZES[size]
    matrix = powerlaw_matrix(users, items, entries, seed=seed)
    settings = {"factors": factors, "iterations": sweeps, "random_state": seed, "num_threads": 1}
    here = measured(lambda: train(AlternatingLeastSquares(**settings), matrix, None))
    model = here.pop("result")
    recommender = of(model, matrix)
    training = [_sweeps("here, 1 thread", here, model)]
    jobs = []
    with tempfile.TemporaryDirectory() as folder:
        recommender.save(Path(folder) / "model")
        recommender.num_threads = 1
        local = Path(folder) / "local"
        done = measured(lambda: recommend(recommender, local, part_users, None, None))
        jobs.append(_parts("here, 1 thread", done))
        for name, count, killed in places(counts, kill):
            machines = Machines(count, store)
            try:
                deed = machines.kill_one if killed else None
                there = DistributedALS(**settings, address=machines.address)
                found = measured(functools.partial(train, there, matrix, deed))
                found.pop("result")
                training.append(_sweeps(name, found, there) | {"equal": _equal(model, there)})
                machines.restore()
                out = Path(folder) / name
                engine = Watched(machines.address)
                job = functools.partial(recommend, recommender, out, part_users, engine, deed)
                line = _parts(name, measured(job))
                line["private_bytes"] = engine.private_bytes
                jobs.append(line | {"equal": _same_parts(local, out)})
            finally:
                machines.close()
        model_bytes = plan_job(recommender, Path(folder) / "none", n=20).model_bytes
    for lines in (training, jobs):
        for line in lines[1:]:
            line["overhead"] = line["typical"] - lines[0]["typical"]
    return {
        "context": context(PACKAGES, threads=1, seed=seed),
        "shape": {"users": users, "items": items, "entries": int(matrix.nnz), "factors": factors},
        "model_bytes": model_bytes,
        "training": training,
        "batch": jobs,
    }


def of(model: AlternatingLeastSquares, matrix: Any) -> Recommender:
    """A recommender over row numbers with the factors of `model`."""
    users, items = (pa.array(np.arange(count)) for count in matrix.shape)
    events = Interactions(IdMap(users, "user"), IdMap(items, "item"), matrix)
    return Recommender(
        events,
        model,
        items=events.items,
        cold_factors=np.empty((0, model.factors), np.float32),
        index="exact",
    )


def _sweeps(name: str, found: dict[str, Any], model: AlternatingLeastSquares) -> dict[str, Any]:
    """Figures of a training; the first sweep, in which processes start, does not count."""
    seconds = [record["seconds"] for record in model.history_]
    return {"name": name, **found, "each": seconds, "typical": statistics.median(seconds[1:])}


def _parts(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Figures of a job; the first part, before which processes start, does not count."""
    ended = found.pop("result")
    mean = (ended[-1] - ended[0]) / (len(ended) - 1)
    return {"name": name, **found, "parts": len(ended), "typical": mean}


def _equal(first: AlternatingLeastSquares, second: AlternatingLeastSquares) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("user_factors", "item_factors")
    )


def _same_parts(first: Path, second: Path) -> bool:
    parts = sorted(first.glob("part-*.parquet"))
    return bool(parts) and all(
        part.read_bytes() == (second / part.name).read_bytes() for part in parts
    )


def report(result: dict[str, Any]) -> None:
    """Print both tables."""
    print_context(result["context"])
    shape = result["shape"]
    print(
        f"{shape['users']:,} users x {shape['items']:,} items, {shape['entries']:,} entries, "
        f"f={shape['factors']}; model {result['model_bytes'] / 2**20:.0f} MiB"
    )
    for title, unit, lines in (
        ("training", "sweep", result["training"]),
        ("batch job", "part", result["batch"]),
    ):
        print(f"{title:<32}{'seconds':>9}{'a ' + unit:>9}{'beside':>9}{'MiB moved':>11}  result")
        for line in lines:
            equal = {None: "", True: "equal", False: "DIFFERS"}[line.get("equal")]
            private = line.get("private_bytes")
            memory = f", {private / 2**20:.0f} MiB a process" if private else ""
            print(
                f"  {line['name']:<30}{line['seconds']:>9.2f}{line['typical']:>9.3f}"
                f"{line.get('overhead', 0.0):>9.3f}{line['bytes_moved'] / 2**20:>11.1f}  "
                f"{equal}{memory}"
            )


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure, print; 1 where a result differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--kill", action="store_true", help="once more, and kill one of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="sizes of a second")
    parser.add_argument("--json", type=Path, metavar="PATH")
    options = parser.parse_args(arguments)
    try:
        import ray  # noqa: F401
    except ImportError:
        print("unmeasured: the extra 'ray' is not installed")
        if options.json:
            write_json(options.json, {"unmeasured": "ray is not installed"})
        return 0
    counts = [2] if options.tiny else options.machines
    result = run("tiny" if options.tiny else "full", counts, options.kill, options.seed)
    report(result)
    if options.json:
        write_json(options.json, result)
    return status(result)


def status(result: dict[str, Any]) -> int:
    """Exit status: 0 where every place came to what is computed here, else 1."""
    lines = [*result["training"][1:], *result["batch"][1:]]
    return 0 if all(line["equal"] for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())

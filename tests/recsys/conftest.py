"""A recommender on real data; a Ray cluster on loopback, whose machines can be killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recsys.recommender import Recommender

from .fitting import fit_movielens

STORE_BYTES = 80 << 20
# A dead machine is found out within a second or two, not within half a minute.
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}


class Later:
    """Does something in a thread a while after it is called for the first time."""

    def __init__(self, deed: Callable[[], Any], seconds: float) -> None:
        self._deed, self._seconds, self.came_to = deed, seconds, None
        self._thread: threading.Thread | None = None

    def __call__(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._do)
            self._thread.start()

    def _do(self) -> None:
        time.sleep(self._seconds)
        self.came_to = self._deed()

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join()


class Machines:
    """Three machines with a processor each: the driver's own, and two that can be killed."""

    def __init__(self) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        from ray.cluster_utils import Cluster

        about = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
        self._about = about
        head = about | {"include_dashboard": False, "_system_config": QUICK}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._others: list[Any] = []
        self.restore()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def restore(self) -> None:
        """Have three machines again."""
        while len(self._others) < 2:
            self._others.append(self._cluster.add_node(**self._about))
        self._cluster.wait_for_nodes()

    def kill_one(self) -> None:
        """Kill a machine with all its processes, without a word."""
        self._cluster.remove_node(self._others.pop(), allow_graceful=False)

    def kill_task(self, function: str, seconds: float = 20.0) -> bool:
        """Kill a process of ours while it is in a task of `function`; whether there was one."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    titled = (
                        process.joinpath("cmdline")
                        .read_bytes()
                        .startswith(f"ray::{function}".encode())
                    )
                    if titled and os.getpid() in _ancestors(int(process.name)):
                        os.kill(int(process.name), signal.SIGKILL)
                        return True
                except OSError:  # it ended meanwhile
                    continue
            time.sleep(0.002)
        return False

    def later(self, deed: Callable[[], Any], seconds: float) -> Later:
        """Something to call as often as one likes: a while after the first time it is done."""
        return Later(deed, seconds)

    def close(self) -> None:
        self._cluster.shutdown()


def _ancestors(process: int) -> list[int]:
    found = []
    while process > 1:
        # The name, in brackets, may hold anything.
        fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
        process = int(fields[1])
        found.append(process)
    return found


@pytest.fixture(scope="session")
def running_machines() -> Iterator[Machines]:
    try:
        import ray
    except ImportError:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the extra 'ray' is not installed")
    if not Path("/proc/self/stat").exists():
        pytest.skip("killing a process at a moment needs /proc")
    machines = Machines()
    yield machines
    ray.shutdown()
    machines.close()


@pytest.fixture
def machines(running_machines: Machines) -> Machines:
    """Three machines, nobody connected to them."""
    import ray

    ray.shutdown()
    running_machines.restore()
    return running_machines


@pytest.fixture
def connection(running_machines: Machines) -> Machines:
    """Three machines that this process is connected to, as programs are that use Ray themselves."""
    import ray

    running_machines.restore()
    if not ray.is_initialized():
        ray.init(address=running_machines.address, log_to_driver=False, logging_level="ERROR")
    return running_machines


@pytest.fixture(scope="session")
def fitted(ml100k: Path) -> Recommender:
    """A recommender over MovieLens 100K; no test changes it."""
    return fit_movielens(ml100k)

"""A cluster has room or says so, and what is lost too often is told in one line."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from recsys import cluster as cluster_module
from recsys.cluster import Cluster, Need, _Room, connected
from recsys.errors import ClusterError


@pytest.mark.parametrize(
    ("need", "resources", "fits"),
    [
        (Need(1), {"CPU": 4.0}, 4),
        (Need(3), {"CPU": 8.0, "memory": 1.0}, 2),
        (Need(1, 1000), {"CPU": 8.0, "memory": 2500.0}, 2),
        (Need(1, 1000), {"CPU": 8.0}, 0),
        (Need(1), {"GPU": 1.0}, 0),
    ],
)
def test_how_many_tasks_a_machine_runs(need, resources, fits) -> None:
    assert need.fits(resources) == fits


class Fading(Cluster):
    """A cluster whose machines are what the test says."""

    def __init__(self, *cpus: float) -> None:
        super().__init__(None)
        self.cpus = list(cpus)

    def machines(self) -> dict[str, dict[str, float]]:
        return {str(number): {"CPU": cpus} for number, cpus in enumerate(self.cpus)}


def test_room_follows_the_machines_and_patience_ends(monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(cluster_module.time, "monotonic", lambda: now[0])
    cluster = Fading(2, 3, 0)
    assert cluster.smallest_cpus() == 2
    room = _Room(cluster, Need(2))
    assert room.look() == 2 * 2
    cluster.cpus = [4, 4]
    assert room.look() == 2 * 2  # it does not ask all the time
    now[0] = 10
    assert room.look() == 2 * 4
    cluster.cpus = [1]
    now[0] = 20
    assert room.look() == 0
    now[0] = 60
    assert room.look() == 0
    now[0] = 80
    with pytest.raises(ClusterError, match=r"2 CPUs, which none of the cluster's 1 machines has"):
        room.look()
    with pytest.raises(ClusterError, match="the largest has 1 CPUs"):
        _Room(cluster, Need(2))


def test_work_is_bounded_and_a_defect_keeps_its_traceback(connection) -> None:
    def half(number: int) -> float:
        return 1 / (number - 5)

    outstanding: list[int] = []
    found: dict[int, float] = {}
    with connected() as cluster:
        start = cluster.task(half, Need(), 0)

        def submit(number: int) -> Any:
            outstanding.append(number - len(found) + 1)
            return start(None, number)

        with pytest.raises(ZeroDivisionError):
            for number, result in cluster.gathered(submit, range(100), Need(), "half of"):
                found[number] = result
    assert found.items() <= {n: 1 / (n - 5) for n in range(100) if n != 5}.items()
    # Two for each of three machines; and what one wait found is handed over before more is begun.
    assert max(outstanding) <= 6


def test_what_is_lost_too_often_is_told(connection) -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with connected() as cluster:
        start = cluster.task(die, Need(), 1)
        begin = time.monotonic()
        with pytest.raises(ClusterError, match="block 7: the cluster gave up on it") as raised:
            list(cluster.gathered(lambda number: start(None), [7], Need(), "block"))
        assert "\n" not in str(raised.value)
        assert time.monotonic() - begin < 30

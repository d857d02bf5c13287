"""A Ray cluster as jobs and trainings use it: reached, asked for its room, waited for.

Work is a sequence of tasks, each of which may be done again: one that is lost with its process or
its machine is done elsewhere, and nothing else is. Ray is an extra: it is imported when a cluster
is first asked for.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from recsys.errors import AlsatianError, ClusterError, InvalidInputError, MissingExtraError

Work = TypeVar("Work")

#: How often a task is done again after its process or its machine died.
RETRIES = 3
# Tasks in flight for each that can run at once: the next is there before the last has been fetched.
_AHEAD = 2
_CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 5.0
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Need:
    """What a task takes of its machine.

    Attributes
    ----------
    cpus : int
        Processors, >= 1.
    memory : int
        Bytes beside the object store; 0 for what there is.
    """

    cpus: int = 1
    memory: int = 0

    def fits(self, resources: dict[str, float]) -> int:
        """How many such tasks a machine of these resources runs at once."""
        by_cpus = int(resources.get("CPU", 0) // self.cpus)
        if not self.memory:
            return by_cpus
        return min(by_cpus, int(resources.get("memory", 0) // self.memory))

    def __str__(self) -> str:
        memory = f" and {self.memory:,} bytes of memory" if self.memory else ""
        return f"{self.cpus} CPUs{memory}"


class Cluster:
    """A connection to a Ray cluster; see :func:`connected`.

    Parameters
    ----------
    ray : module
        Ray, initialized.
    """

    def __init__(self, ray: Any) -> None:
        self.ray = ray

    def machines(self) -> dict[str, dict[str, float]]:
        """Resources of each machine that is alive, by its id in Ray; in the order of the ids."""
        found = {one["NodeID"]: one["Resources"] for one in self.ray.nodes() if one["Alive"]}
        return dict(sorted(found.items()))

    def smallest_cpus(self) -> int:
        """Processors of the smallest machine that has any; 1 where none has."""
        found = [int(one.get("CPU", 0)) for one in self.machines().values()]
        return min((cpus for cpus in found if cpus), default=1)

    def slots(self, need: Need) -> int:
        """How many tasks of such a need the cluster runs at once.

        Raises
        ------
        ClusterError
            Not one.
        """
        machines = self.machines()
        room = sum(need.fits(resources) for resources in machines.values())
        if room < 1:
            largest = max((one.get("CPU", 0) for one in machines.values()), default=0)
            raise ClusterError(
                f"a task wants {need}, which none of the cluster's {len(machines)} machines has "
                f"(the largest has {largest:.0f} CPUs); ask for less for each task, or add machines"
            )
        return room

    def task(self, function: Callable[..., Any], need: Need, retries: int) -> Callable[..., Any]:
        """Make a task of a function.

        Parameters
        ----------
        function : callable
            Of an importable module. It may be called again with the same arguments.
        need : Need
            Of each call.
        retries : int
            How often it is called again when its process or machine died. What it raises itself
            is raised at once.

        Returns
        -------
        callable
            Starts the task and returns its reference. It takes the machine to run on, if that is
            still there (None for any), and then the function's own arguments.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        remote = self.ray.remote(function)
        options = {"num_cpus": need.cpus, "memory": need.memory or None, "max_retries": retries}

        def start(machine: str | None, *arguments: Any) -> Any:
            near: Any = "DEFAULT"
            if machine is not None:
                near = NodeAffinitySchedulingStrategy(machine, soft=True)
            return remote.options(**options, scheduling_strategy=near).remote(*arguments)

        return start

    def share(self, value: Any) -> Any:
        """Put `value` into the object store: each machine gets it once, its processes map it.

        Raises
        ------
        ClusterError
            It does not fit.
        """
        with self._errors("the object store"):
            return self.ray.put(value)

    def gathered(
        self, submit: Callable[[Work], Any], work: Iterable[Work], need: Need, what: str
    ) -> Iterator[tuple[Work, Any]]:
        """Have all of `work` done, a bounded number of tasks at a time.

        Parameters
        ----------
        submit : callable
            Starts the task of one piece of work and returns its reference.
        work : iterable
            Pieces of work, each hashable or not.
        need : Need
            Of each task.
        what : str
            What a piece is called in errors.

        Yields
        ------
        tuple
            A piece of work and its result, as they finish. When the caller stops early, what is in
            flight is cancelled.

        Raises
        ------
        AlsatianError
            What a task raised.
        ClusterError
            A task was lost too often, or no machine is left that has room for one.
        """
        waiting = iter(work)
        running: dict[Any, Work] = {}
        room = _Room(self, need)
        try:
            while True:
                for piece in itertools.islice(waiting, max(0, room.look() - len(running))):
                    running[submit(piece)] = piece
                if not running:
                    return
                done, _ = self.ray.wait(list(running), num_returns=1, timeout=_LOOK_SECONDS)
                for reference in done:
                    piece = running.pop(reference)
                    with self._errors(f"{what} {piece}"):
                        result = self.ray.get(reference)
                    yield piece, result
                    del result  # or the object store would keep it until the next one is there
        finally:
            for reference in running:
                self.ray.cancel(reference, force=False)

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Turn what Ray raises into the project's errors, with `what` as the subject."""
        errors = self.ray.exceptions
        try:
            yield
        except errors.RayTaskError as error:
            if isinstance(error.cause, AlsatianError):
                raise error.cause from None
            raise  # a defect of the program's own: its traceback is wanted
        except errors.RayError as error:
            said = " ".join(str(error).split())[:300]
            raise ClusterError(
                f"{what}: the cluster gave up on it ({type(error).__name__}: {said}); see Ray's "
                "logs, and start again: what is finished is kept"
            ) from error


class _Room:
    """How many tasks may be in flight, looked at anew every few seconds: machines come and go."""

    def __init__(self, cluster: Cluster, need: Need) -> None:
        self._cluster, self._need = cluster, need
        self._room = _AHEAD * cluster.slots(need)
        self._looked = self._had_room = time.monotonic()

    def look(self) -> int:
        """How many there may be.

        Raises
        ------
        ClusterError
            For a minute no machine has had room for a single one.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return self._room
        self._looked = now
        try:
            self._room = _AHEAD * self._cluster.slots(self._need)
            self._had_room = now
        except ClusterError:
            if now - self._had_room > _PATIENCE_SECONDS:
                raise
            self._room = 0
        return self._room


@contextlib.contextmanager
def connected(address: str | None = None) -> Iterator[Cluster]:
    """Reach a Ray cluster for a while.

    A connection that the program has already is used, and left open.

    Parameters
    ----------
    address : str, optional
        ``"HOST:PORT"`` of a cluster's head, ``"auto"`` for the one that this machine belongs to,
        ``"local"`` for one of this machine alone, started now and stopped afterwards. By default
        what the environment variable ``RAY_ADDRESS`` says, else ``"local"``.

    Yields
    ------
    Cluster

    Raises
    ------
    MissingExtraError
        Ray is not installed.
    InvalidInputError
        The address is that of a Ray Client (``ray://``).
    ClusterError
        Nothing answers there.
    """
    ray = _import_ray()
    if ray.is_initialized():
        yield Cluster(ray)
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_address(address)
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise ClusterError(
            f"the Ray cluster at {address!r} cannot be reached ({said}); start one with 'ray start "
            "--head', or give another address"
        ) from error
    try:
        yield Cluster(ray)
    finally:
        ray.shutdown()


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no network that nobody asked for
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise MissingExtraError(
            "working on a Ray cluster needs the extra 'ray': pip install 'alsatian[ray]'"
        ) from error
    return ray


def _check_address(address: str) -> None:
    """Refuse what is no address, or where nobody listens: Ray itself would try for minutes."""
    if address in ("local", "auto"):
        return
    if "://" in address:
        raise InvalidInputError(
            f"the Ray address is {address!r}, expected HOST:PORT: a Ray Client has no object store "
            "of its own; run this on a machine of the cluster, as 'ray job submit' does"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InvalidInputError(
            f"the Ray address is {address!r}, expected HOST:PORT, 'auto' or 'local'"
        )
    hosts = [host]
    if host in ("localhost", "127.0.0.1"):  # Ray takes this to mean the machine's own address
        hosts.append(socket.gethostname())
    for one in hosts:
        with contextlib.suppress(OSError):
            socket.create_connection((one.strip("[]"), int(port)), _CONNECT_SECONDS).close()
            return
    raise ClusterError(
        f"the Ray cluster at {address!r} cannot be reached (nothing listens there); start one with "
        "'ray start --head', or give another address"
    )

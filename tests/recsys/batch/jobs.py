"""Starts batch jobs in processes of their own, as `subprocess` would, without their imports."""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, str(Path(__file__).with_name("job_process.py"))]


class Job:
    """A job in a forked process; what `subprocess.Popen` has of the same names does the same."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="alsatian-job-")
        self._said = [Path(self._folder.name) / name for name in ("stdout", "stderr")]
        for said in self._said:
            said.touch()
        out, err = map(str, self._said)
        job = job | {"stdout": out, "stderr": err, "environment": dict(os.environ)}
        self._process: int = _ask({"start": job})
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _ask({"poll": self._process})
        return self.returncode

    def wait(self, timeout: float = 120.0) -> int:
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"the job did not end within {timeout} s")
            time.sleep(0.005)
        return status

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self._process, signal.SIGKILL)

    def communicate(self, timeout: float = 120.0) -> tuple[str, str]:
        self.wait(timeout)
        out, err = (said.read_text("utf-8") for said in self._said)
        return out, err


def start_job(
    model: Path,
    out: Path,
    *,
    part_users: int = 0,
    resume: bool = False,
    kill_at: int = 0,
    moment: str = "before",
    prefix: tuple[str, ...] = (),
) -> subprocess.Popen[str] | Job:
    """Start a job; it kills itself before or after its `kill_at`-th renaming (0: never)."""
    job = {
        "model": str(model),
        "out": str(out),
        "part_users": part_users,
        "resume": resume,
        "kill_at": kill_at,
        "moment": moment,
    }
    if not prefix:
        return Job(job)
    return subprocess.Popen(
        [*prefix, *PROGRAM, json.dumps(job)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
    )


def _ask(request: dict[str, Any]) -> Any:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


@functools.cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        PROGRAM,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(),
    )
    atexit.register(server.communicate)  # it ends with its input
    return server


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

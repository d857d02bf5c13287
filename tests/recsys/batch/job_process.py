"""A batch job in a process of its own, which kills itself where that is asked for.

``python job_process.py JSON`` runs one job. Without an argument, jobs are asked for on its input,
and each runs in a process that is forked: it is spared the imports, which take longer than the job.
A request is a line of JSON, its answer another: ``{"start": JOB}`` is answered with the process id,
``{"poll": PROCESS_ID}`` with the exit status as `subprocess` has it, or ``null``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from recsys.batch import plan_job, run_job
from recsys.errors import AlsatianError
from recsys.recommender import Recommender


def run(job: dict[str, Any]) -> int:
    if job["kill_at"]:
        _die_at_renaming(job["kill_at"], job["moment"])
    try:
        recommender = Recommender.load(job["model"])
        plan = plan_job(
            recommender,
            job["out"],
            n=20,
            part_users=job["part_users"] or None,
            resume=job["resume"],
        )
        result = run_job(plan, resume=job["resume"])
        print(result.parts_done, result.parts_kept, *result.notes, sep="|")
    except AlsatianError as error:
        print(type(error).__name__, error, sep="|")
        return 2
    return 0


def _die_at_renaming(number: int, moment: str) -> None:
    replace, calls = os.replace, 0

    def deadly(source: Any, target: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == number and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = deadly  # type: ignore[assignment]


def serve() -> int:
    # A forked process has one thread. Arrow's allocator knows how to start its own anew.
    threads = [name.read_text().strip() for name in Path("/proc/self/task").glob("*/comm")]
    if len(threads) - threads.count("jemalloc_bg_thd") > 1:
        raise RuntimeError(f"what is imported starts threads: {', '.join(threads)}")
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            process, status = os.waitpid(request["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if process else None
        elif answer := os.fork():
            pass
        else:
            job = request["start"]
            _redirect(job["stdout"], job["stderr"])
            os.environ.update(job["environment"])
            return run(job)
        print(json.dumps(answer), flush=True)
    return 0


def _redirect(out: str, err: str) -> None:
    for stream, path in enumerate((os.devnull, out, err)):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, stream)
        os.close(opened)


if __name__ == "__main__":
    sys.exit(run(json.loads(sys.argv[1])) if sys.argv[1:] else serve())

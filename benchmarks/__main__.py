"""Runs every benchmark in turn: ``python -m benchmarks [--tiny] [--out FOLDER]``.

Each prints its own context and figures and leaves them as JSON in the folder. One that fails does
not keep the others from running; the exit status tells. Without ``--tiny`` all of them take an
hour or so.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

# Each with its further arguments; {out} is the folder.
BENCHMARKS: dict[str, tuple[str, ...]] = {
    "ingest": (),
    "als_sweep": ("--all", "--plot", "{out}/als_sweep.png"),
    "als_scaling": ("--plot", "{out}/als_scaling.png"),
    "als_foldin": (),
    "als_gpu": (),
    "topn": (),
    "retrieval_recall": (),
    "batch_job": (),
    "batch_kill": (),
    "quality_ml1m": (),
    "quality_gowalla": (),
    "turn": (),
    "reranking": (),
    "dialogue": (),
    "understanding": (),
    "titles": (),
    "policies": (),
    "conversations": (),
    "many_conversations": ("--plot", "{out}/many_conversations.png"),
    "ray_cluster": ("--kill",),
}
TINY = {"als_sweep": ("--no-memory",)}  # a process for each contender: the tests do it once


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="smallest sizes: do they run at all?")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    failed = []
    for name, arguments in BENCHMARKS.items():
        begin = time.perf_counter()
        print(f"\n== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        command += ["--json", str(options.out / f"{name}.json")]
        command += [argument.format(out=options.out) for argument in arguments]
        command += ["--tiny", *TINY.get(name, ())] if options.tiny else []
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
        print(f"== {name}: {time.perf_counter() - begin:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

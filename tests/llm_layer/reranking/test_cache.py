from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from reranking_doubles import Reader, among, by

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.profile import UserProfile
from llm_layer.rerank import Wish
from llm_layer.reranking import AnswerCache, ListwiseReranker
from llm_layer.reranking.cache import cache_key
from recsys.errors import StorageError


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    for cache in (AnswerCache(2), AnswerCache(2, tmp_path / "answers.db")):
        cache.put("a", [1])
        cache.put("b", 0.5)
        assert cache.get("a") == [1]
        cache.put("c", {"x": 1})
        assert (cache.get("a"), cache.get("b"), cache.get("c")) == ([1], None, {"x": 1})
        assert len(cache) == 2
        cache.close()


def test_a_file_outlives_the_process_and_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    one, other = AnswerCache(path=path), AnswerCache(path=path)
    one.put("a", [1, 2])
    assert other.get("a") == [1, 2]
    one.close()
    assert AnswerCache(path=path).get("a") == [1, 2]
    assert one.get("a") == [1, 2]  # in memory


def test_no_words_are_kept(tmp_path: Path, facts: ItemFacts) -> None:
    path = tmp_path / "answers.db"
    cache = AnswerCache(path=path)
    llm = Reader(by(len))
    wish = Wish(words="zebracrossing")
    ListwiseReranker(facts, llm, cache=cache).rerank(among([0, 1, 2]), wish, UserProfile())
    cache.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"zebra" not in kept
    assert b"Heat" not in kept
    assert b"places" in kept


def test_a_file_that_is_no_cache(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no database " * 100)
    before = text.read_bytes()
    with pytest.raises(StorageError, match="cannot be used"):
        AnswerCache(path=text)
    assert text.read_bytes() == before
    with pytest.raises(StorageError, match="cannot be used"):
        AnswerCache(path=tmp_path / "absent" / "answers.db")
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as file:
        file.execute("CREATE TABLE answers (question TEXT)")
    with pytest.raises(StorageError, match="cannot be used"):
        AnswerCache(path=other)


@pytest.mark.parametrize("value", ["{", "[5]", '{"places": [0, 0, 1], "repairs": [], "named": 3}'])
def test_an_answer_that_somebody_else_wrote_is_asked_anew(
    tmp_path: Path, facts: ItemFacts, value: str
) -> None:
    path = tmp_path / "answers.db"
    llm = Reader(by(len))
    first = ListwiseReranker(facts, llm, cache=AnswerCache(path=path))
    ranked = first.rerank(among([0, 1, 2]), Wish(), UserProfile())
    with sqlite3.connect(path) as file:
        file.execute("UPDATE answers SET value = ?", (value,))
    again = ListwiseReranker(facts, llm, cache=AnswerCache(path=path))
    assert again.rerank(among([0, 1, 2]), Wish(), UserProfile()).rows.tolist() == (
        ranked.rows.tolist()
    )
    assert len(llm.prompts) == 4


def test_threads_share_it(tmp_path: Path) -> None:
    cache = AnswerCache(50, tmp_path / "answers.db")
    failed: list[Exception] = []

    def work(number: int) -> None:
        try:
            for each in range(40):
                cache.put(f"{number}-{each}", [each])
                cache.get(f"{number}-{each // 2}")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(cache) == 50


def test_a_key_depends_on_all_of_it() -> None:
    assert cache_key(a=1, b=2) == cache_key(b=2, a=1)
    assert cache_key(a=1, b=2) != cache_key(a=1, b=3)

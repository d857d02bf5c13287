"""After forget no store, file or conversation holds the user's id or words."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from conversation_doubles import FILMS, ScriptedLLM, film_table

from llm_layer import Concierge
from llm_layer.memory import Consent, Store
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender

GONE = "zq-gone-0007"
WORDS = ("xylograph", "quetzalcoatl", "zanzibar")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(5)
    seen = random.random((20, len(FILMS))) < 0.3
    seen[np.arange(20), np.arange(20)] = True
    users, items = np.nonzero(seen)
    matrix = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), seen.shape)
    events = Interactions.from_csr(
        matrix,
        user_ids=[f"zq-gone-{row:04d}" for row in range(20)],
        item_ids=[film[0] for film in FILMS],
    )
    model = AlternatingLeastSquares(factors=8, iterations=3, random_state=3, num_threads=1)
    Recommender.fit(events, items=film_table(), model=model).save(tmp_path / "model")
    return tmp_path


def traces(folder: Path, *needles: str) -> list[str]:
    """Needles and the files that hold them: among their bytes or, of Parquet, uncompressed."""
    found = []
    for file in sorted(folder.rglob("*")):
        content = file.read_bytes() if file.is_file() else b""
        if content.startswith(b"PAR1"):
            content += str(pq.read_table(file).to_pydict()).encode()
        found += [f"{needle} in {file.name}" for needle in needles if needle.encode() in content]
    return found


def told(rec: Recommender, user: Any) -> list[Any]:
    """What a user is told by somebody without a memory, which would learn from being asked."""
    reply = Concierge(rec, None).open(user).say("a comedy")
    return [
        rec.recommend([user], 10).to_pydict(),
        rec.user_vector(user).tobytes(),
        reply.text,
        reply.recommended,
    ]


def test_no_file_holds_their_id_or_words(
    folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    store = Store(folder / "memory.db", default=Consent.full())
    llm = ScriptedLLM(["So {1}, {why}."])
    concierge = Concierge(Recommender.load(folder / "model"), llm, store=store)
    others = [user for user in concierge.rec.users.ids.to_pylist() if user != GONE]
    before = [told(concierge.rec, user) for user in others]
    talk = concierge.open(GONE)
    talk.say(f"I love {WORDS[0]} and I hate {WORDS[1]}, mail me at zq@zq.org")
    talk.say(f"something with {WORDS[2]}, no horror; I'm a vegetarian")
    store.note(GONE, "search", text=WORDS[2])
    store.note(GONE, "view", item=10)
    other = concierge.open(others[0])
    other.say("a western")
    assert {line.split(" in ")[0] for line in traces(folder, GONE, *WORDS)} == {GONE, *WORDS}
    assert not traces(folder, "zq@zq.org")

    receipt = concierge.forget(GONE)

    assert traces(folder, GONE, *WORDS) == []
    assert receipt.complete
    counts = {(one.where.split()[0], one.what): one.count for one in receipt.removed}
    assert counts["open", "conversations"] == 1
    assert counts["store", "conversations"] == 1
    assert counts["store", "turns of conversations"] == 2
    assert counts["store", "profile entries"] == 4
    assert counts["store", "evidence"] == 9
    assert counts["store", "styles"] == 1
    for place in ("model", "model"):
        assert counts[place, "user factors"] == 1
    where = {one.where for one in receipt.removed}
    assert any(place.startswith("model folder") for place in where)
    assert "model in memory" in where
    assert not any(word in str(receipt.to_dict()) for word in (GONE, *WORDS))
    # nothing was logged or printed
    printed = "".join(capfd.readouterr()) + caplog.text
    assert not any(word in printed for word in (GONE, *WORDS))
    # nobody else notices
    assert [told(concierge.rec, user) for user in others] == before
    again = Concierge(Recommender.load(folder / "model"), None)
    assert all(
        again.rec.recommend([user], 10).to_pydict() == expected[0]
        for user, expected in zip(others, before, strict=True)
    )
    # the talk goes on as with a stranger, and leaves no trace of the user
    assert not any(word in str(vars(talk)) for word in (GONE, *WORDS))
    reply = talk.say("what do you know about me?")
    assert reply.grounding.ok
    assert GONE not in reply.text
    assert traces(folder, GONE, *WORDS) == []
    assert concierge.forget(GONE).total == 0
    assert other.say("another").grounding.ok


def test_to_be_forgotten_in_the_middle_of_a_turn(folder: Path) -> None:
    """A turn may ask for it: the conversation's own lock is no obstacle."""
    concierge = Concierge(
        Recommender.load(folder / "model"),
        None,
        store=Store(folder / "memory.db", default=Consent.full()),
    )
    talk = concierge.open(GONE)
    talk.say("a comedy")
    read = concierge._understanding.read

    def forgets(*arguments: Any, **more: Any) -> Any:
        concierge.forget(GONE)
        return read(*arguments, **more)

    concierge._understanding.read = forgets  # type: ignore[method-assign]
    talk.say("forget me, zanzibar")
    assert traces(folder, GONE, "zanzibar") == []
    assert talk.visitor.user is None


@pytest.mark.parametrize("user", [GONE, "zq-new-one"])
def test_who_asks_for_it_in_a_talk_is_out_of_the_store(folder: Path, user: str) -> None:
    store = Store(folder / "memory.db", default=Consent.full())
    concierge = Concierge(Recommender.load(folder / "model"), None, store=store)
    talk = concierge.open(user)
    talk.say("I loved Alien and I love zanzibar")
    assert traces(folder, "zanzibar")
    reply = talk.say("please forget everything you know about me")
    assert reply.grounding.ok
    assert traces(folder, "zanzibar") == []
    assert not store.knows(user)
    talk.say("I love quetzalcoatl")  # and nothing more of this talk is kept
    assert traces(folder, "zanzibar", "quetzalcoatl") == []
    assert (user in concierge.rec.users) == (user == GONE)  # the model is its operator's to change
    assert bool(talk.visitor.history) == (user == GONE)


def test_a_place_that_refuses_keeps_no_other_from_forgetting(folder: Path) -> None:
    store = Store(folder / "memory.db", default=Consent.full())
    concierge = Concierge(Recommender.load(folder / "model"), None, store=store)
    concierge.open(GONE).say("a comedy")
    store.close()
    receipt = concierge.forget(GONE)
    assert not receipt.complete
    assert "memory.db" in receipt.remains[0]
    assert GONE not in concierge.rec.users
    assert traces(folder / "model", GONE) == []

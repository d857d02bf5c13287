"""Whom the store knows: people new to the model, consent, conversations that go on."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conversation_doubles import ScriptedLLM, row_of

from llm_layer import Concierge
from llm_layer.memory import Consent, Store
from recsys.errors import InvalidInputError, StoreFormatError, UnknownIdError
from recsys.recommender import Recommender


def test_somebody_new_is_remembered_by_what_they_like(rec: Recommender, path: Path) -> None:
    with Store(path, default=Consent.full()) as store:
        concierge = Concierge(rec, None, store=store)
        talk = concierge.open("new-id")
        assert talk.visitor.history == ()
        assert talk.say("I loved Alien and Blade Runner").grounding.ok
        talk.say("I have seen Heat")
    with Store(path, default=Consent.full()) as store:
        concierge = Concierge(rec, None, store=store)
        talk = concierge.open("new-id")
        assert set(talk.visitor.history) == {row_of(15), row_of(16)}
        np.testing.assert_array_equal(
            talk._taste, rec.fold_in(rec.items.take(talk.visitor.history))
        )
        for _ in range(4):
            reply = talk.say("another")
            assert not {10, 15, 16} & set(reply.recommended)
            assert reply.grounding.ok, reply.grounding.violations
        assert concierge.open("somebody else").visitor.history == ()
        assert "new-id" not in rec.users
    with pytest.raises(UnknownIdError, match="new-id"):
        Concierge(rec, None).open("new-id")


def test_likes_of_a_known_user_are_folded_in(concierge: Concierge, rec: Recommender) -> None:
    before = concierge.open(2)._taste
    new = next(
        item
        for item in rec.items.ids.to_pylist()
        if row_of(item) not in concierge.open(2).visitor.history
    )
    assert concierge.memory.like(2, new)
    talk = concierge.open(2)
    history = rec.history(2)
    expected = rec.fold_in(
        [*history.column("item_id").to_pylist(), new],
        [*history.column("weight").to_pylist(), 1.0],
    )
    np.testing.assert_array_equal(talk._taste, expected)
    assert not np.array_equal(talk._taste, before)
    assert talk._basis[row_of(new)] == 1.0
    assert row_of(new) in talk.state.refused  # not recommended again
    with pytest.raises(InvalidInputError, match="strength"):
        concierge.memory.like(2, new, strength=0)
    with pytest.raises(InvalidInputError, match="no store"):
        Concierge(rec, None).memory.like(2, new)


def test_what_they_dislike_stays_away(concierge: Concierge) -> None:
    concierge.open("new").say("I hate horror, and I hated Fargo")
    talk = concierge.open("new")
    assert talk.state.leanings["Horror"] < -0.9
    assert row_of(13) in talk.state.refused
    for _ in range(3):
        assert 13 not in talk.say("a comedy").recommended


def test_nothing_is_kept_of_who_did_not_agree(rec: Recommender, path: Path) -> None:
    store = Store(path)
    concierge = Concierge(rec, None, store=store)
    talk = concierge.open(1)
    first = talk.say("I love horror and zanzibar; something dark from the 1990s")
    assert store.evidence(1) == []
    assert store.entries.of(1) == []
    assert store.style(1) is None
    files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"zanzibar" not in files
    assert b"something dark" not in files
    # but the conversation that is on survives a restart
    store.close()
    concierge = Concierge(rec, None, store=path)
    again = concierge.open(1, conversation=talk.id)
    assert again.state.constraints == talk.state.constraints
    assert again.state.said == [""]
    assert not set(again.say("another").recommended) & set(first.recommended)
    talks = concierge.store
    assert talks is not None
    assert talks.conversations.of(1) == [talk.id]


def test_words_without_a_profile_and_a_profile_without_words(
    rec: Recommender, store: Store
) -> None:
    concierge = Concierge(rec, None, store=store)
    store.set_consent(1, remember_messages=True, remember_profile=False)
    store.set_consent(2, remember_messages=False, remember_profile=True)
    for user in (1, 2):
        concierge.open(user).say("I love horror, show me a western")
    assert [one.kind for one in store.evidence(1)] == ["message"]
    assert store.entries.of(1) == []
    assert "message" not in {one.kind for one in store.evidence(2)}
    assert [one.value for one in store.entries.of(2)] == ["Horror"]
    [stored] = store.export(2)["conversations"]
    assert [(turn["said"], turn["reply"]) for turn in stored["turns"]] == [("", "")]
    [stored] = store.export(1)["conversations"]
    assert stored["turns"][0]["said"] == "I love horror, show me a western"


def test_who_wants_no_personal_lists_is_a_stranger(rec: Recommender, store: Store) -> None:
    concierge = Concierge(rec, None, store=store)
    concierge.open(1).say("I love horror")
    store.set_consent(1, personalize=False)
    talk, stranger = concierge.open(1), concierge.open()
    assert talk.visitor.history == ()
    np.testing.assert_array_equal(talk._taste, stranger._taste)
    assert talk.state.leanings == {}
    assert concierge.profile(talk.visitor, "en").entries == ()
    reply = talk.say("a comedy")
    assert reply.recommended == stranger.say("a comedy").recommended
    store.set_consent(1, personalize=True)
    talk = concierge.open(1)
    assert talk.visitor.history
    store.set_consent(1, personalize=False)  # heeded at once, in the middle of a talk
    talk.say("a comedy")
    assert talk.visitor.history == ()
    np.testing.assert_array_equal(talk._taste, stranger._taste)


def test_a_conversation_is_its_own_visitors(rec: Recommender, path: Path) -> None:
    concierge = Concierge(rec, None, store=path)
    mine, strangers = concierge.open(1), concierge.open()
    mine.say("a comedy")
    strangers.say("a western")
    for thief in (2, None, "None", "new"):
        with pytest.raises(UnknownIdError, match="no conversation"):
            concierge.open(thief, conversation=mine.id)
    assert concierge.open("1", conversation=mine.id).id == mine.id  # as typed on a command line
    with pytest.raises(UnknownIdError, match="no conversation"):
        concierge.open("None", conversation=strangers.id)
    assert concierge.open(conversation=strangers.id).state.shown == strangers.state.shown
    with pytest.raises(InvalidInputError, match="no store"):
        Concierge(rec, None).open(1, conversation=mine.id)


def test_no_more_of_a_message_is_kept_than_says_so(rec: Recommender, store: Store) -> None:
    store.set_consent(1, remember_messages=False, remember_profile=True)
    talk = Concierge(rec, None, store=store).open(1)
    talk.say("my name is Zanzibar, no horror, I love westerns and hate gore, call me Quetzal")
    assert {one.text for one in store.evidence(1, ["like", "dislike"])} == {
        "no horror",
        "I love westerns",
        "hate gore",
    }


def test_sessions_expire_and_what_was_agreed_to_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(path) as store:
        store.set_consent("kept", remember_profile=True)
        for user in ("kept", "asked-nothing", None):
            store.conversations.save(f"of {user}", user, {"count": 3})
    with Store(path, session_days=0.5) as store:
        assert store.conversations.of("asked-nothing")
    now = __import__("time").time()
    monkeypatch.setattr("llm_layer.memory.store.clock.time", lambda: now + 31 * 86400)
    with Store(path) as store:
        assert store.conversations.of("kept") == ["of kept"]
        assert store.conversations.load("of None") is None
        assert not store.knows("asked-nothing")


def test_the_language_model_sees_no_personal_data(rec: Recommender, store: Store) -> None:
    llm = ScriptedLLM(["So {1}, {why}."])
    talk = Concierge(rec, llm, store=store).open(1)
    talk.say("a comedy; mail me at ann@example.org or call +1 415 555 0123")
    assert llm.asked
    seen = str(llm.asked)
    assert "ann@example.org" not in seen
    assert "555" not in seen
    assert talk.state.said == ["a comedy; mail me at [e-mail] or call [phone]"]


def test_threads_share_a_store(rec: Recommender, store: Store) -> None:
    concierge = Concierge(rec, None, store=store)
    failed: list[BaseException] = []

    def hold(user: int) -> None:
        try:
            talk = concierge.open(user)
            for word in ("a comedy", f"I love word{'x' * user}", "another"):
                talk.say(word)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=hold, args=(user,)) for user in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for user in range(1, 9):
        assert [one.value for one in store.entries.of(user)] == [f"word{'x' * user}"]
        assert len(store.evidence(user, ["message"])) == 3


def test_two_processes_share_a_store(path: Path) -> None:
    with Store(path, default=Consent.full()) as one, Store(path) as other:
        before = other.version()
        one.note("ann", "search", text="noir")
        assert other.version() != before
        assert [found.text for found in other.evidence("ann")] == ["noir"]
        assert other.forget("ann").total > 0
        assert not one.knows("ann")


def test_export_is_json(concierge: Concierge, store: Store) -> None:
    concierge.open(1).say("I'm a vegetarian, show me 2 comedies")
    told = json.loads(json.dumps(store.export("1")))
    assert told["user"] == "1"
    assert told["consent"] == Consent.full().to_dict()
    assert {one["number"] for one in told["evidence"]} >= set(told["entries"][0]["evidence"])
    [talk] = told["conversations"]
    assert len(talk["turns"][0]["items"]) == 2


@pytest.mark.parametrize("user", [None, "", 1.5, True, b"x", "\ud800"])
def test_ids_that_are_none(store: Store, user: Any) -> None:
    with pytest.raises(InvalidInputError, match="user id"):
        store.note(user, "search", text="x")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"kind": "gossip", "text": "x"}, "gossip"),
        ({"kind": "search"}, "neither text nor item"),
        ({"kind": "view", "item": 1.5}, "item id"),
        ({"kind": "view", "item": 1, "time": float("nan")}, "time"),
    ],
)
def test_evidence_that_is_none(store: Store, arguments: dict[str, Any], names: str) -> None:
    with pytest.raises(InvalidInputError, match=names):
        store.note("ann", **arguments)


def test_stores_that_are_none(rec: Recommender, tmp_path: Path, store: Store) -> None:
    (tmp_path / "text.db").write_text("x" * 100)
    with pytest.raises(StoreFormatError, match="no SQLite"):
        Concierge(rec, None, store=tmp_path / "text.db")
    with pytest.raises(InvalidInputError, match="store is 5"):
        Concierge(rec, None, store=5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="no consent 'everything'"):
        store.set_consent("ann", everything=True)
    with pytest.raises(InvalidInputError, match="expected True or False"):
        store.set_consent("ann", personalize="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "I love a\ud800b",
        "I hate \x00\x1b[31m gore",
        "\u202eI love horror",
        "I love 😀",
        "我爱\udfff",
    ],
)
def test_odd_signs_are_kept_as_a_file_can_hold_them(
    concierge: Concierge, store: Store, text: str
) -> None:
    talk = concierge.open(1)
    assert talk.say(text).grounding.ok
    assert len(store.evidence(1, ["message"])) == 1
    assert concierge.open(1, conversation=talk.id).state.said
    json.dumps(store.export(1)).encode()
    assert store.forget(1).complete


@pytest.mark.parametrize(
    ("said", "asked", "parts"),
    [
        (
            "I'm a vegetarian. I love horror and westerns. I hate romance",
            "what do you know about me?",
            [
                "You told me: vegetarian.",
                "You said you like",
                "western",
                "horror",
                "You said you do not like romance.",
            ],
        ),
        (
            "我是素食者。我喜欢科幻片，讨厌恐怖片",
            "我的口味",
            ["你告诉过我：素食者。", "你说过你喜欢科幻。", "你说过你不喜欢恐怖。"],
        ),
    ],
)
@pytest.mark.parametrize("user", [1, "new"])
def test_what_they_stated_is_told_back(
    concierge: Concierge, user: Any, said: str, asked: str, parts: list[str]
) -> None:
    concierge.open(user).say(said)
    reply = concierge.open(user).say(asked)
    assert all(part in reply.text for part in parts), reply.text
    assert reply.grounding.ok, reply.grounding.violations
    assert "I know nothing" not in reply.text

"""Turns that are awaited, streamed, stopped, and many at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from turn_doubles import WaitingLLM

from llm_layer import Concierge
from llm_layer.conversation import Conversation
from llm_layer.memory import Store
from llm_layer.reply import Chunk
from llm_layer.stopping import TurnStoppedError, is_stopped, stopping_by
from recsys.errors import InvalidInputError, UnknownIdError
from recsys.recommender import Recommender

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        return await asyncio.wait_for(work, 30)

    return asyncio.run(bounded())


@pytest.fixture
def llm() -> Iterator[WaitingLLM]:
    made = WaitingLLM()
    yield made
    made.release()


def test_an_awaited_turn_is_the_same_turn(rec: Recommender) -> None:
    async def work() -> list[str]:
        async with Concierge(rec, None) as concierge:
            talk = await concierge.aopen(3)
            return [(await talk.asay(text)).text for text in ("two comedies", "another")]

    talk = Concierge(rec, None).open(3)
    assert run(work()) == [talk.say(text).text for text in ("two comedies", "another")]


def test_chunks_make_up_the_reply(rec: Recommender) -> None:
    async def work() -> list[Chunk]:
        async with Concierge(rec, None) as concierge:
            talk = await concierge.aopen(3)
            return [chunk async for chunk in talk.astream("two comedies")]

    *before, last = run(work())
    assert last.reply is not None
    assert last.reply.items
    assert all(chunk.reply is None for chunk in before)
    assert "".join(chunk.text for chunk in (*before, last)) == last.reply.text


def test_errors_reach_who_awaits(rec: Recommender) -> None:
    async def work() -> None:
        async with Concierge(rec, None) as concierge:
            with pytest.raises(UnknownIdError):
                await concierge.aopen(99)
            talk = await concierge.aopen(1)
            with pytest.raises(InvalidInputError):
                await talk.asay(" ")
            with pytest.raises(InvalidInputError):
                async for _ in talk.astream("x" * 2001):
                    pass
            assert (await talk.asay("a comedy")).recommended

    run(work())


@pytest.mark.parametrize("way", ["say", "stream"])
def test_cancelling_stops_the_work_and_takes_the_message_back(
    rec: Recommender, llm: WaitingLLM, way: str
) -> None:
    async def ask(talk: Conversation, text: str) -> None:
        if way == "say":
            await talk.asay(text)
        else:
            async with aclosing(talk.astream(text)) as chunks:
                async for _ in chunks:
                    pass

    async def work() -> list[str]:
        async with Concierge(rec, llm) as concierge:
            talk = await concierge.aopen(3)
            asking = asyncio.create_task(ask(talk, "two westerns"))
            await asyncio.to_thread(llm.asked.wait, 20)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert await asyncio.to_thread(llm.stopped.wait, 20)
            llm.release()
            await talk.asay("two comedies")
            assert talk.state.constraints.genres == ("Comedy",)
            return talk.state.said

    assert run(work()) == ["two comedies"]


def test_a_stream_that_nobody_reads_to_the_end_is_stopped(rec: Recommender) -> None:
    closed = threading.Event()

    class Endless(Conversation):
        def stream(self, text: str) -> Iterator[Chunk]:
            try:
                while True:
                    yield Chunk("more and ")
            finally:
                closed.set()

    async def work() -> None:
        async with Concierge(rec, None) as concierge:
            talk = await concierge.aopen(3)
            talk.__class__ = Endless
            async with aclosing(talk.astream("a comedy")) as chunks:
                async for chunk in chunks:
                    assert chunk.text == "more and "
                    break
            assert await asyncio.to_thread(closed.wait, 20)

    run(work())


def test_one_conversation_has_one_turn_at_a_time_others_go_on(
    rec: Recommender, llm: WaitingLLM
) -> None:
    async def work() -> None:
        async with Concierge(rec, llm) as concierge:
            talk, other = await concierge.aopen(1), await concierge.aopen(2)
            both = [asyncio.create_task(talk.asay(text)) for text in ("a western", "a comedy")]
            await asyncio.to_thread(llm.asked.wait, 20)
            assert (await other.asay("hello")).text  # needs no language model
            assert llm.most_at_work == 1
            llm.release()
            for reply in await asyncio.gather(*both):
                assert reply.recommended
            assert len(talk.replies) == 2

    run(work())


def test_closing_waits_and_the_concierge_can_be_used_again(rec: Recommender) -> None:
    def threads() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if "alsatian-turn" in each.name}

    before = threads()

    async def work() -> None:
        async with Concierge(rec, None) as concierge:
            talk = await concierge.aopen(3)
            await talk.asay("a comedy")
            assert threads() > before
            concierge.close()
            assert threads() == before
            await talk.asay("another")

    run(work())
    assert threads() == before


def test_closing_closes_a_store_of_its_own_and_no_other(rec: Recommender, tmp_path: Path) -> None:
    with Store(tmp_path / "given") as store:
        with Concierge(rec, None, store=store) as concierge:
            concierge.open(3).say("a comedy")
        assert len(store.conversations.of(3)) == 1
    with Concierge(rec, None, store=tmp_path / "own") as concierge:
        concierge.open(3).say("a comedy")
    assert concierge.store is not None
    with pytest.raises(InvalidInputError, match="closed"):
        concierge.store.conversations.of(3)
    concierge.close()


def test_a_turn_that_fails_leaves_the_conversation_as_it_was(
    rec: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    concierge = Concierge(rec, None)
    talk = concierge.open(3)
    first = talk.say("two comedies")
    with monkeypatch.context() as patch:
        patch.setattr(concierge._writer, "write", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            talk.say("two westerns instead")
    assert talk.state.said == ["two comedies"]
    assert talk.state.constraints.genres == ("Comedy",)
    second = talk.say("another")
    assert second.recommended
    assert not set(first.recommended) & set(second.recommended)


def test_forgetting_is_awaited_too(rec: Recommender, tmp_path: Path) -> None:
    rec.save(tmp_path / "model")

    async def work() -> None:
        async with Concierge(Recommender.load(tmp_path / "model"), None) as concierge:
            talk = await concierge.aopen(3)
            receipt = await concierge.aforget(3)
            assert receipt.complete
            assert receipt.total > 0
            assert talk.visitor.user is None
            assert (await talk.asay("a comedy")).recommended

    run(work())


def test_replaying_is_saying_without_words(rec: Recommender, llm: WaitingLLM) -> None:
    said, replayed = Concierge(rec, None).open(3), Concierge(rec, llm).open(3)
    texts = ["two comedies", "another"]
    for text in texts:
        said.say(text)
    replayed.replay([texts[0], " ", "x" * 2001, texts[1]])
    assert replayed.state == said.state
    assert not llm.asked.is_set()
    assert not replayed.replies


def test_the_flag_is_of_the_turn_it_was_set_for() -> None:
    stop = threading.Event()
    with stopping_by(stop):
        assert not is_stopped()
        stop.set()
        assert is_stopped()
        with stopping_by(threading.Event()):
            assert not is_stopped()
        assert is_stopped()
    assert not is_stopped()
    assert "\n" not in str(TurnStoppedError())

"""OpenAI's own client against a server on loopback."""

from __future__ import annotations

import os
from typing import Any

import pytest

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("openai")

import openai


@pytest.fixture
def client(url: str) -> Any:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none needed", max_retries=0) as made:
        yield made


def ask(client: Any, *said: str, user: str = "3", **more: Any) -> Any:
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]
    return client.chat.completions.create(model="alsatian", messages=messages, user=user, **more)


def test_a_reply_in_one_piece(client: Any) -> None:
    answer = ask(client, "one comedy from the 1990s")
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.role) == ("stop", "assistant")
    assert answer.usage.total_tokens == 0  # no language model was asked
    assert answer.alsatian["grounding"]["ok"]
    assert answer.alsatian["writer"] == "template"
    recommended = [i for i in answer.alsatian["items"] if i["role"] == "recommended"]
    assert recommended
    assert recommended[0]["title"] in choice.message.content


def test_a_reply_in_pieces_is_the_same(client: Any) -> None:
    whole = ask(client, "two westerns")
    pieces = list(ask(client, "two westerns", stream=True, stream_options={"include_usage": True}))
    text = "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
    assert text == whole.choices[0].message.content
    assert pieces[0].choices[0].delta.role == "assistant"
    assert [p.choices[0].finish_reason for p in pieces if p.choices][-1] == "stop"
    assert pieces[-1].usage is not None
    assert pieces[-2].alsatian["items"] == whole.alsatian["items"]


def test_the_history_leads_back_to_the_conversation(client: Any) -> None:
    first = ask(client, "one comedy from the 1990s")
    told = first.choices[0].message.content
    second = ask(client, "one comedy from the 1990s", told, "another")
    shown = {item["id"] for item in first.alsatian["items"] if item["role"] == "recommended"}
    new = {item["id"] for item in second.alsatian["items"] if item["role"] == "recommended"}
    assert new
    assert not new & shown


def test_models(client: Any) -> None:
    assert [model.id for model in client.models.list()] == ["alsatian"]
    assert client.models.retrieve("alsatian").owned_by == "alsatian"
    with pytest.raises(openai.NotFoundError, match="this server has 'alsatian'"):
        client.models.retrieve("gpt-4o")


def test_errors_are_the_clients_own(client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="2001 characters") as caught:
        ask(client, "x" * 2001)
    assert caught.value.request_id

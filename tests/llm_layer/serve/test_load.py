"""Queues, time-outs, clients that hang up, and the end of the server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conversation_doubles import ScriptedLLM
from serve_wire import Answered, ask, chat, connect, send, soon
from turn_doubles import WaitingLLM

from llm_layer import Concierge
from llm_layer.conversation import Conversation
from llm_layer.reply import Chunk
from recsys.errors import AlsatianError
from recsys.recommender import Recommender


@pytest.fixture
def llm() -> Iterator[WaitingLLM]:
    made = WaitingLLM()
    yield made
    made.release()


class Background(threading.Thread):
    """A request in a thread."""

    def __init__(self, url: str, *said: str, **more: Any) -> None:
        super().__init__()
        self._arguments = (url, said, more)
        self.answered: Answered | None = None
        self.start()

    def run(self) -> None:
        url, said, more = self._arguments
        self.answered = ask(url, *said, **more)

    def result(self) -> Answered:
        self.join(30)
        assert self.answered is not None
        return self.answered


def load(url: str) -> tuple[int, int]:
    found = send(url, "GET", "/healthz").json
    return found["at_work"], found["waiting"]


def test_a_full_queue_is_told_to_clients(
    rec: Recommender, llm: WaitingLLM, start: Callable[..., str]
) -> None:
    url = start(Concierge(rec, llm), limits={"at_once": 2, "waiting": 1})
    at_work = [Background(url, "a comedy", user=str(user)) for user in (1, 2)]
    soon(lambda: load(url) == (2, 0) and llm.at_work == 2)
    waiting = Background(url, "a comedy", user="3")
    soon(lambda: load(url) == (2, 1))
    refused = ask(url, "a comedy", user="4")
    assert refused.status == 429
    assert refused.error["code"] == "rate_limit_exceeded"
    assert int(refused.headers["Retry-After"]) >= 1
    llm.release()
    assert [each.result().status for each in (*at_work, waiting)] == [200, 200, 200]
    assert llm.most_at_work == 2
    assert load(url) == (0, 0)


def test_a_reply_that_takes_too_long(
    rec: Recommender, llm: WaitingLLM, start: Callable[..., str]
) -> None:
    url = start(Concierge(rec, llm), limits={"seconds": 0.2})
    for stream in (False, True):
        answered = ask(url, "a comedy", stream=stream)
        assert answered.status == 504
        assert answered.error["code"] == "timeout"
    assert llm.stopped.wait(20)
    llm.release()
    soon(lambda: load(url) == (0, 0))
    assert ask(url, "a comedy").status == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_ends_the_work(
    rec: Recommender, llm: WaitingLLM, start: Callable[..., str], stream: bool
) -> None:
    url = start(Concierge(rec, llm), limits={"at_once": 1})
    headers = {"X-Conversation-Id": "mine"}
    line = connect(url, chat("two westerns", stream=stream), headers=headers)
    assert llm.asked.wait(20)
    line.close()
    assert llm.stopped.wait(20)
    llm.release()
    # The only place is free again, and the message was never said.
    told = ask(url, "two comedies", headers=headers)
    assert told.text == ask(url, "two comedies").text


def test_a_client_that_hangs_up_while_it_waits(
    rec: Recommender, llm: WaitingLLM, start: Callable[..., str]
) -> None:
    url = start(Concierge(rec, llm), limits={"at_once": 1})
    first = Background(url, "a comedy")
    soon(lambda: load(url) == (1, 0))
    line = connect(url, chat("a comedy", user="2"))
    soon(lambda: load(url) == (1, 1))
    line.close()
    soon(lambda: load(url) == (1, 0))
    llm.release()
    assert first.result().status == 200


def test_an_error_in_the_middle_of_a_stream_is_an_event(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openai

    def stream(self: Conversation, text: str) -> Iterator[Chunk]:
        yield Chunk("So far, ")
        raise AlsatianError("the host is gone")

    monkeypatch.setattr(Conversation, "stream", stream)
    answered = ask(url, "a comedy", stream=True)
    assert answered.status == 200
    events = answered.body.decode().strip().split("\n\n")
    assert "So far, " in events[1]
    assert json.loads(events[-1].removeprefix("data: "))["error"]["type"] == "server_error"
    assert "[DONE]" not in answered.body.decode()
    with openai.OpenAI(base_url=f"{url}/v1", api_key="-", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "a comedy"}]
        pieces = client.chat.completions.create(model="alsatian", messages=messages, stream=True)
        with pytest.raises(openai.APIError, match="could not be made"):
            list(pieces)


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_are_counted(rec: Recommender, start: Callable[..., str], stream: bool) -> None:
    llm = ScriptedLLM(["You could watch {1} {why}. Or {2}, or {3}."])
    url = start(Concierge(rec, llm))
    answered = ask(url, "a comedy", stream=stream, stream_options={"include_usage": True})
    assert llm.asked
    if stream:
        last = answered.body.decode().strip().split("\n\n")[-2]
        usage = json.loads(last.removeprefix("data: "))["usage"]
    else:
        usage = answered.json["usage"]
    count = len(llm.asked)
    expected = {"prompt_tokens": count, "completion_tokens": count, "total_tokens": 2 * count}
    assert usage == expected


def test_the_server_stops_though_somebody_waits(
    rec: Recommender, llm: WaitingLLM, serving: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from llm_layer.serve import Limits

    concierge = Concierge(rec, llm)
    with serving(concierge, limits=Limits(stop_seconds=0.3)) as url:
        waiting = Background(url, "a comedy")
        assert llm.asked.wait(20)
    assert llm.stopped.wait(20)
    answered = waiting.result()
    assert (answered.status, answered.error["code"]) == (503, "stopping")
    assert "Traceback" not in caplog.text


def test_the_command_serves_until_it_is_terminated(rec: Recommender, tmp_path: Path) -> None:
    rec.save(tmp_path / "model")
    command = ["from recsys.cli import main; main()", "serve", str(tmp_path / "model")]
    environment = {**os.environ, "SECRET": "correct horse battery", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", *command, "--port", "0", "--llm", "none", "--token-env", "SECRET"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split()[3].removesuffix("/v1")
        assert "(a token needed)" in line
        assert ask(url, "a comedy").status == 401
        bearer = {"Authorization": "Bearer correct horse battery"}
        assert ask(url, "a comedy", headers=bearer).status == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "POST /v1/chat/completions 200" in errors
    assert "Traceback" not in errors
    assert "horse" not in errors + line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "--token-env"),
        (["--token-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
        (["--at-once", "0"], "at_once"),
        (["--allow-origin", "chat.example"], "--allow-origin"),
    ],
)
def test_the_command_refuses_in_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from recsys.cli import run

    assert run(["serve", "no-such-model", *arguments]) == 2
    assert told in capsys.readouterr().err

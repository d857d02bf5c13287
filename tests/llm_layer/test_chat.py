"""The terminal: what a person sees, what commands do, and what Ctrl-C ends."""

from __future__ import annotations

import _thread
import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conversation_doubles import FILMS, HOSTILE, film_table
from rich.console import Console
from turn_doubles import WaitingLLM

from llm_layer import Concierge
from llm_layer.chat import TerminalChat
from llm_layer.lines import printable
from recsys.als import AlternatingLeastSquares
from recsys.cli import run
from recsys.interactions import Interactions
from recsys.recommender import Recommender


@pytest.fixture(scope="module")
def concierge(rec: Recommender) -> Iterator[Concierge]:
    with Concierge(rec, None) as made:
        yield made


def session(concierge: Concierge, said: Sequence[str | BaseException], user: Any = 1) -> str:
    """What the screen shows after these lines."""
    lines = iter(said)
    screen = io.StringIO()

    def read(prompt: str) -> str:
        line = next(lines, EOFError())
        if isinstance(line, BaseException):
            raise line
        screen.write(f"{prompt}{line}\n")
        return line

    console = Console(file=screen, width=100, force_terminal=False)
    TerminalChat(concierge, lambda: concierge.open(user), console, read).run()
    return screen.getvalue()


def test_a_reply_with_a_card_for_each_item(concierge: Concierge) -> None:
    screen = session(concierge, ["two comedies with Tom Hanks"])
    told = concierge.open(1).say("two comedies with Tom Hanks")
    assert told.text in screen
    assert "1. Splash (1984)" in screen
    assert "2. Toy Story (1995)" in screen
    assert "director: John Lasseter" in screen
    assert "because you watched" in screen.split("2. Toy Story (1995)")[-1]
    assert "| grounded: " in screen
    assert "price" not in screen


def test_a_card_shows_the_price_where_there_is_one() -> None:
    table = film_table().append_column("Price", pa.array([9.5, *[None] * (len(FILMS) - 1)]))
    events = Interactions.from_frame(
        pa.table({"user_id": [1, 1, 2, 2], "item_id": [11, 15, 10, 11]})
    )
    model = AlternatingLeastSquares(factors=2, iterations=2, num_threads=1)
    priced = Concierge(Recommender.fit(events, items=table, model=model), None)
    talk = priced.open(1)
    cards = talk.cards(talk.say("a thriller"))
    assert [(card.id, card.price) for card in cards] == [(10, "9.5")]
    assert priced.rec.catalogue is not None


@pytest.mark.parametrize(("command", "place"), [("/why", 1), ("/why 2", 2), ("/why  3", 3)])
def test_why(concierge: Concierge, command: str, place: int) -> None:
    talk = concierge.open(1)
    item = talk.say("three comedies").items[place - 1]
    screen = session(concierge, ["three comedies", command])
    assert screen.split(command)[-1].lstrip().startswith(f"I chose “{item.title}”")


def test_why_in_chinese(concierge: Concierge) -> None:
    screen = session(concierge, ["推荐三部喜剧", "/why 2"])
    assert "因为你看过" in screen.split("/why 2")[-1]


@pytest.mark.parametrize("place", ["0", "4", "-1", "two", "²", "99999999999999999999"])
def test_why_of_a_place_that_is_not_there(concierge: Concierge, place: str) -> None:
    screen = session(concierge, ["three comedies", f"/why {place}"])
    assert "takes a place of the last list, 1 to 3" in screen


def test_other_commands(concierge: Concierge, rec: Recommender) -> None:
    screen = session(concierge, ["/why", "/help", "/wat", "/profile", "/quit", "never read"])
    assert "nothing was recommended yet" in screen
    assert "/why [place]" in screen
    assert "no such command" in screen
    assert "genre" in screen
    seen = [concierge.facts.title(row) for row in concierge.open(1).visitor.history]
    assert any(title in screen.split("/profile")[-1] for title in seen)
    assert "never read" not in screen


def test_nothing_is_known_of_a_stranger(concierge: Concierge) -> None:
    assert "nothing is known about you" in session(concierge, ["/profile"], user=None)


def test_forgetting_asks_and_shows_the_receipt(rec: Recommender, tmp_path: Path) -> None:
    rec.save(tmp_path / "model")
    loaded = Recommender.load(tmp_path / "model")
    with Concierge(loaded, None, store=tmp_path / "store") as concierge:
        screen = session(concierge, ["two comedies", "/forget", "no", "/profile"])
        assert "nothing was removed" in screen
        assert "% of the history" in screen.split("/profile")[-1]
        screen = session(concierge, ["a comedy", "/forget", "yes", "/profile", "/new", "/forget"])
    receipt, after = screen.split("yes or no: yes")[-1].split("> /profile")
    assert "open conversations: " in receipt
    assert f"{len(rec.history(1))} interactions" in receipt
    assert "% of the history" not in after
    assert "you are a visitor" in after
    assert 1 not in Recommender.load(tmp_path / "model").users


def test_the_end_of_the_input_is_no_yes(concierge: Concierge) -> None:
    assert "nothing was removed" in session(concierge, ["/forget"])
    assert 1 in concierge.rec.users


def test_a_profile_shows_what_was_said(rec: Recommender, tmp_path: Path) -> None:
    with Concierge(rec, None, store=tmp_path / "store") as concierge:
        assert concierge.store is not None
        concierge.store.set_consent(1, remember_profile=True)
        screen = session(concierge, ["I love westerns", "/profile"])
    assert "likes: Western" in screen
    assert "said “I love westerns”" in screen
    assert "agreed to: remember_profile, personalize" in screen


def test_new_begins_anew(concierge: Concierge) -> None:
    first = session(concierge, ["three comedies", "/new", "three comedies"])
    told = concierge.open(1).say("three comedies").text
    assert first.count(told) == 2


def test_ctrl_c_at_the_prompt_and_a_refused_line_do_not_end_it(concierge: Concierge) -> None:
    screen = session(concierge, [KeyboardInterrupt(), "x" * 2001, "a comedy"])
    assert "2001 characters" in screen
    assert "| grounded: " in screen


@pytest.fixture
def usual_ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, whatever other tests of the process left behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_ctrl_c")
def test_ctrl_c_ends_a_reply_and_the_talk_goes_on(rec: Recommender) -> None:
    llm = WaitingLLM()

    def press() -> None:
        assert llm.asked.wait(60)
        _thread.interrupt_main()
        # Python drops an exception that a signal raises in a finalizer: people press again.
        while not llm.stopped.wait(8):
            _thread.interrupt_main()

    with Concierge(rec, llm) as concierge:
        pressing = threading.Thread(target=press)
        pressing.start()

        def released() -> str:
            assert llm.stopped.wait(60)
            llm.release()
            return "three comedies"

        lines = iter(["a western", released, "/quit"])
        screen = io.StringIO()

        def read(prompt: str) -> str:
            line = next(lines)
            return line() if callable(line) else line

        talk = concierge.open(1)
        TerminalChat(concierge, lambda: talk, Console(file=screen, width=100), read).run()
        pressing.join()
    assert "stopped; the conversation is as it was before" in screen.getvalue()
    assert talk.state.said == ["three comedies"]
    assert screen.getvalue().count("| grounded: ") == 1


def test_a_catalogue_cannot_steer_the_terminal() -> None:
    pairs = pa.table({"user_id": [1] * 8 + [2] * 17, "item_id": [*range(1, 9), *range(1, 18)]})
    hostile = [
        (*film[:3], ["Dra\x1b]0;owned\x07ma\n"], "Mal\x1b[2Jlory\r", None) for film in HOSTILE
    ]
    model = AlternatingLeastSquares(factors=2, iterations=2, num_threads=1)
    rec = Recommender.fit(Interactions.from_frame(pairs), items=film_table(hostile), model=model)
    with Concierge(rec, None) as concierge:
        screen = session(concierge, ["ten films", "/why 2", "/profile", "who directed Twins?"])
    assert "Reversed" in screen
    assert printable(screen) == screen


def test_a_stored_conversation_goes_on(
    rec: Recommender, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    rec.save(tmp_path / "model")
    with Concierge(rec, None, store=tmp_path / "store") as concierge:
        talk = concierge.open(1)
        first = talk.say("two comedies")
        screen = session(concierge, ["/new"])
        ids = re.findall("[0-9a-f]{32}", screen)
        assert len(set(ids)) == 2
    arguments = ["chat", str(tmp_path / "model"), "--llm", "none", "--json", "--user"]
    more = ["--store", str(tmp_path / "store"), "--conversation", talk.id]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"another\n")))
    assert run([*arguments, "1", *more]) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["recommended"]
    assert not set(second["recommended"]) & set(first.recommended)
    assert run([*arguments, "2", *more]) == 2
    assert talk.id in capsys.readouterr().err


def test_a_terminal_of_its_own(rec: Recommender, tmp_path: Path) -> None:
    rec.save(tmp_path / "model")
    code = "import sys; from recsys.cli import main; main()"
    arguments = ["chat", str(tmp_path / "model"), "--user", "1", "--llm", "none"]
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        screen = _until(ours, "/help[.]")
        os.write(ours, b"three comedies\n")
        # While nobody reads, the end of the input would be lost: wait for the next prompt.
        screen += _until(ours, r"grounded: [\s\S]* ms\][\s\S]*> ")
        os.write(ours, b"\x04")
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert "1. Splash (1984)" in screen
    assert "Traceback" not in screen


def _until(terminal: int, wanted: str) -> str:
    seen = b""
    deadline = time.monotonic() + 60
    while not re.search(wanted, seen.decode(errors="replace")):
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 4096)
    return seen.decode(errors="replace")

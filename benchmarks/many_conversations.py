"""Many conversations at once, for a long time: flat memory, and nobody mixed up with another.

    python -m benchmarks.many_conversations --minutes 30 --plot memory.png
    python -m benchmarks.many_conversations --http --llm none

Each of ``--at-once`` threads holds one conversation after the other, each with another user, of 3
to 12 turns, without a pause or with ``--pause`` seconds of reading before each message, on average:
without one, whoever is refused a language model's words takes the template and is back at once. A
conversation names an item that nobody else names meanwhile. Every
reply is held against its own conversation alone: what it recommends is new to this user, what it
gives as a reason stands in this user's history or was named by them, and "what do you know about
me" is answered with such items. With templates, whose words depend on nothing else, some of the
conversations are held again alone afterwards: every text has to be the same.

Resident memory is sampled while they talk, after a thousand conversations were read without words
to fill caches and the server's live conversations. The first fifth of the time does not count. Flat
means that the median of the last quarter is above that of the quarter after the first fifth by no
more than 1% or 8 MiB, whichever is more. The slope is that of a straight line.

With ``--http`` the conversations go through ``alsatian serve``, a process of its own, the way chat
pages do it, and the memory is the server's.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.context import context, print_context
from benchmarks.memory import Memory, plot
from benchmarks.talking import Direct, Heard, Http, Line
from benchmarks.turn import recommender as made_recommender
from llm_layer import Concierge, EmbeddedLLM
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender
from recsys.storage import write_json

ABOUT_ME = "what do you know about me"
FOLLOW_UPS = (
    "another", "something older", "something newer", "a comedy instead", "no horror please",
    "why the first one?", "who directed the first one?", "two more", "with a bit of romance",
    "not that one, I've seen it", "换一部", "为什么？", "推荐一部喜剧", "thanks", "hello", ABOUT_ME,
)  # fmt: skip
# Bins of times, each wider than the last by this factor: memory does not grow with the turns.
_RATIO, _SHORTEST, _BINS = 1.01, 0.01, 1700


@dataclass
class Own:
    """What a conversation may speak of: the history of its user, what they named, what they saw."""

    history: set[Any]
    named: set[Any] = field(default_factory=set)
    shown: set[Any] = field(default_factory=set)

    def faults(self, said: str, heard: Heard, foreign: dict[str, Any]) -> list[str]:
        """What does not belong into this conversation; `foreign`: others' items by title."""
        found = []
        ids = {item for item, _ in heard.items}
        for item, role in heard.items:
            if role == "recommended":
                if item in self.history or item in self.shown:
                    found.append(f"recommended {item}, which this user knows")
            elif role == "shown":
                if item not in self.shown:
                    found.append(f"speaks of {item}, which this user was not shown")
            elif item not in self.history | self.named | self.shown:
                found.append(f"{role} {item} is of somebody else")
        found += [
            f"names {title!r}, which another user named"
            for title, item in foreign.items()
            if f"“{title}”" in heard.text and item not in ids
        ]
        if said == ABOUT_ME and not ids & (self.history | self.named):
            found.append("knows nothing of this user")
        self.shown.update(heard.recommended)
        return found


@dataclass
class Tally:
    """What all threads found, kept in memory that does not grow."""

    turns: int = 0
    conversations: int = 0
    writers: Counter[str] = field(default_factory=Counter)
    first: Any = field(default_factory=lambda: np.zeros(_BINS, np.int64))
    whole: Any = field(default_factory=lambda: np.zeros(_BINS, np.int64))
    fallbacks: Counter[str] = field(default_factory=Counter)
    fallen: Any = field(default_factory=lambda: np.zeros(_BINS, np.int64))
    mixed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, heard: Heard, faults: list[str]) -> None:
        with self.lock:
            self.turns += 1
            self.writers[heard.writer] += 1
            self.first[_bin(heard.first)] += 1
            self.whole[_bin(heard.whole)] += 1
            if heard.fallback:
                self.fallbacks[heard.fallback] += 1
                self.fallen[_bin(heard.whole)] += 1
            self.mixed += faults[: max(0, 20 - len(self.mixed))]


def _bin(milliseconds: float) -> int:
    at = np.log(max(milliseconds, _SHORTEST) / _SHORTEST) / np.log(_RATIO)
    return min(int(at), _BINS - 1)


def percentiles(counts: Any) -> list[float]:
    """Milliseconds at 50, 95 and 99% and the largest, each at most 1% too large."""
    if not counts.sum():
        return [0.0] * 4
    reached = np.cumsum(counts) / counts.sum()
    at = [int(np.searchsorted(reached, share)) for share in (0.5, 0.95, 0.99, 1.0)]
    return [float(_SHORTEST * _RATIO ** (each + 1)) for each in at]


class Stage:
    """Who talks with whom: users, items to name, and the threads' work.

    Parameters
    ----------
    rec : Recommender
        The model, for histories and titles.
    line : callable
        Begins a conversation of a user.
    at_once : int
        Threads.
    seed : int
        Of users, items and messages.
    pause : float
        Seconds before each message, on average, exponentially distributed.
    """

    def __init__(
        self,
        rec: Recommender,
        line: Callable[[Any], Line],
        at_once: int,
        seed: int,
        pause: float = 0.0,
    ) -> None:
        self._rec = rec
        self._line = line
        self._at_once = at_once
        self._seed = seed
        self._pause = pause
        self._users = rec.users.ids.to_pylist()
        self._titles = _plain_titles(rec)
        self._live: dict[int, tuple[str, Any]] = {}
        self.tally = Tally()
        self.kept: list[tuple[Any, list[tuple[str, Heard]]]] = []

    def script(self, worker: int, dice: random.Random) -> tuple[Any, str, Any, list[str]]:
        """User, title and id of the item they name, and their messages."""
        user = dice.choice(self._users[worker :: self._at_once])
        title, item = dice.choice(self._titles[worker :: self._at_once])
        opening = dice.choice(("I loved “{}”, anything similar?", "something like “{}”"))
        middle = [dice.choice(FOLLOW_UPS) for _ in range(dice.randint(1, 10))]
        return user, title, item, [opening.format(title), *middle, ABOUT_ME]

    def hold(self, worker: int, dice: random.Random, deadline: float) -> None:
        """Hold one conversation, as far as the time goes, and check every reply."""
        user, title, item, messages = self.script(worker, dice)
        self._live[worker] = (title, item)
        own = Own(set(self._rec.history(user).column("item_id").to_pylist()), {item})
        line = self._line(user)
        told = []
        for said in messages:
            if self._pause:
                time.sleep(dice.expovariate(1 / self._pause))
            if time.monotonic() > deadline:
                break
            heard = line.say(said)
            others = {t: i for w, (t, i) in list(self._live.items()) if w != worker}
            faults = own.faults(said, heard, others)
            self.tally.add(heard, [f"user {user}, {said!r}: {fault}" for fault in faults])
            told.append((said, heard))
        with self.tally.lock:
            self.tally.conversations += 1
            if len(self.kept) < 5 * self._at_once:
                self.kept.append((user, told))

    def warm_up(self, conversations: int) -> None:
        """Fill caches, and a server's live conversations, before anything is measured."""

        def work(worker: int) -> None:
            dice = random.Random(f"{self._seed} warm {worker}")
            for _ in range(conversations // self._at_once):
                user, _, _, messages = self.script(worker, dice)
                self._line(user).read(messages)

        with ThreadPoolExecutor(self._at_once) as pool:
            list(pool.map(work, range(self._at_once)))

    def work(self, worker: int, deadline: float) -> None:
        """Hold conversations until the time is over."""
        dice = random.Random(f"{self._seed} {worker}")
        try:
            while time.monotonic() < deadline:
                self.hold(worker, dice, deadline)
        except Exception as error:  # the others go on, and the run fails
            with self.tally.lock:
                self.tally.errors.append(f"{type(error).__name__}: {error}")

    def run(self, seconds: float) -> None:
        """All threads for `seconds`."""
        deadline = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self.work, args=(worker, deadline))
            for worker in range(self._at_once)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def different_alone(self) -> int:
        """How many of the kept conversations' replies are others when held one by one."""
        count = 0
        for user, told in self.kept:
            line = self._line(user)
            count += sum(line.say(said).text != heard.text for said, heard in told)
        return count


def _plain_titles(rec: Recommender) -> list[tuple[str, Any]]:
    """Titles that only one item has, two words or more, without their years; (title, id)."""
    assert rec.catalogue is not None
    titles = [rec.catalogue.title(row).rpartition(" (")[0] for row in range(len(rec.items))]
    counts = Counter(titles)
    ids = rec.items.ids.to_pylist()
    return [
        (title, item)
        for title, item in zip(titles, ids, strict=True)
        if counts[title] == 1 and " " in title and title.replace(" ", "").isalpha()
    ]


@contextmanager
def served(rec: Recommender, llm: str, at_once: int) -> Iterator[tuple[str, int]]:
    """URL and process of ``alsatian serve`` for a model."""
    with tempfile.TemporaryDirectory() as folder:
        rec.save(Path(folder) / "model")
        command = [sys.executable, "-m", "recsys.cli", "serve", f"{folder}/model", "--port", "0"]
        command += ["--llm", llm, "--at-once", str(at_once)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the server did not start: {' '.join(command)}")
            yield line.split()[3], process.pid
        finally:
            process.terminate()
            process.wait()


def load(options: argparse.Namespace) -> Recommender:
    """MovieLens 1M; a made catalogue at the tiny size."""
    if options.tiny:
        return made_recommender(300, 500, 6_000, 16, options.seed)
    items = pq.read_table(options.data / "items.parquet")
    events = Interactions.from_parquet(options.data / "interactions.parquet")
    model = AlternatingLeastSquares(factors=64, iterations=8, random_state=options.seed)
    return Recommender.fit(events, items=items, model=model)


def measure(rec: Recommender, options: argparse.Namespace) -> tuple[dict[str, Any], Memory]:
    """Talk, sample, compare."""
    seconds = options.minutes * 60

    def talk(line: Callable[[Any], Line], process: int | str) -> tuple[dict[str, Any], Memory]:
        stage = Stage(rec, line, options.at_once, options.seed, options.pause)
        line(None).say("something funny")  # what is made at the first turn
        stage.warm_up(options.warm_up)
        memory = Memory(process, seconds)
        memory.start()
        begun = time.monotonic()
        stage.run(seconds)
        spent = time.monotonic() - begun
        facts = {"memory": memory.stop(), **_figures(stage.tally, spent)}
        if options.llm == "none":
            facts["different_alone"] = stage.different_alone()
            facts["compared_alone"] = sum(len(told) for _, told in stage.kept)
        return facts, memory

    if options.http:
        with served(rec, options.llm, options.at_once) as (url, process):
            return talk(lambda user: Http(url, user), process)
    with Concierge(rec, _language_model(options.llm)) as concierge:
        return talk(lambda user: Direct(concierge, user), "self")


def _language_model(llm: str) -> EmbeddedLLM | None:
    if llm == "none":
        return None
    model = EmbeddedLLM(None if llm == "embedded" else llm)
    model.load()
    return model


def _figures(tally: Tally, seconds: float) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "turns": tally.turns,
        "conversations": tally.conversations,
        "writers": dict(tally.writers),
        "fallbacks": dict(tally.fallbacks),
        "milliseconds_p50_p95_p99_max": {
            "first words": percentiles(tally.first),
            "whole reply": percentiles(tally.whole),
            "no words": percentiles(tally.fallen),
        },
        "mixed_up": tally.mixed,
        "errors": tally.errors,
    }


def report(facts: dict[str, Any]) -> str:
    """Figures for people."""
    memory = facts["memory"]
    lines = [
        f"{facts['at_once']} conversations at once for {facts['seconds']:.0f} s through "
        f"{facts['way']}, {facts['llm']}: {facts['conversations']} conversations, "
        f"{facts['turns']} turns, {facts['turns'] / facts['seconds']:.1f} a second, "
        f"written by {facts['writers']}",
        f"asked in vain: {facts['fallbacks'] or 'none'} (their whole replies: 'no words' below)",
        f"mixed up: {len(facts['mixed_up'])}; errors: {len(facts['errors'])}",
    ]
    if "compared_alone" in facts:
        lines.append(
            f"other texts when held alone: {facts['different_alone']} of {facts['compared_alone']}"
        )
    lines.append(f"{'ms':>12}  {'p50':>8}  {'p95':>8}  {'p99':>8}  {'max':>8}")
    for name, values in facts["milliseconds_p50_p95_p99_max"].items():
        lines.append(f"{name:>12}  " + "  ".join(f"{value:8.1f}" for value in values))
    if memory["is_flat"] is None:
        lines.append("memory: too few samples")
    else:
        lines.append(
            f"memory: {memory['begin_mib']:.1f} MiB after the first fifth, {memory['end_mib']:.1f} "
            f"at the end, slope {memory['slope_mib_an_hour']:+.1f} MiB an hour "
            f"({'flat' if memory['is_flat'] else 'NOT FLAT'}; {memory['samples']} samples)"
        )
    lines += [f"  WRONG {each}" for each in (*facts["mixed_up"], *facts["errors"])]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, run, print; 1 where memory grows or somebody is mixed up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = Path(os.environ.get("ALSATIAN_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=default / "ml-1m")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds of reading, on average")
    parser.add_argument("--llm", default="embedded", help="embedded, none, or a .gguf file")
    parser.add_argument("--http", action="store_true", help="through alsatian serve")
    parser.add_argument("--warm-up", type=int, default=1000, help="conversations read before")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="a few seconds, templates only")
    parser.add_argument("--plot", type=Path, help="write memory over time there, as PNG")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.minutes, options.llm, options.warm_up = 2 / 60, "none", 2 * options.at_once
    facts: dict[str, Any] = {
        **context(("numpy", "xllamacpp", "starlette", "uvicorn"), threads=0, seed=options.seed),
        "at_once": options.at_once,
        "llm": options.llm,
        "pause": options.pause,
        "warm_up": options.warm_up,
        "way": "alsatian serve" if options.http else "one Concierge",
    }
    print_context(facts)
    found, memory = measure(load(options), options)
    facts |= found
    print(report(facts))
    if options.plot and memory.samples:
        plot(
            memory.samples, options.plot, f"{options.at_once} conversations at once, {facts['way']}"
        )
    if options.json:
        write_json(options.json, facts)
    wrong = facts["mixed_up"] or facts["errors"] or facts.get("different_alone")
    # Two seconds are no measurement of memory.
    return 1 if wrong or (not options.tiny and not facts["memory"]["is_flat"]) else 0


if __name__ == "__main__":
    sys.exit(main())

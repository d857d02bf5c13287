"""Which items the titles in messages are linked to: mistyped, cut short, and not in the catalogue.

The catalogue is that of MovieLens 1M. Each of its titles is typed

- **whole**, half of them in lower case,
- **mistyped**: one edit, two from ten letters on, by a seeded generator: a letter swapped with its
  neighbour, left out, doubled, or hit beside on the keyboard,
- **in part**: without what follows a colon or a dash, or the first words of a long one,

inside a request, English or Chinese. A link is right where it leads to an item of that title (of a
title that the part stands in), and wrong where it leads anywhere else.

``tests/llm_layer/data/titles_absent.txt`` has 200 real films that the catalogue lacks, many of them
close to one that it has ("Toy Story 3", "The Matrix Reloaded"). Each is typed in every request,
whole and in lower case; any link is a false one. Those where the reply says that the title was only
taken for another are counted apart.

Run: python -m benchmarks.titles
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.lexicon import load_words
from llm_layer.text import words
from llm_layer.understanding.request import Request
from llm_layer.understanding.understand import Understanding
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender

ABSENT = Path(__file__).resolve().parents[1] / "tests/llm_layer/data/titles_absent.txt"
MOST_FALSE = 0.02
LEAST_RIGHT = 0.85
REQUESTS = {
    "en": (
        "something like {}",
        "I loved {}",
        "who directed {}?",
        "movies similar to {} please",
        "can you recommend films like {}?",
        "have you got anything in the style of {}",
    ),
    "zh": (
        "类似{}的电影",
        "我很喜欢{}，还有什么推荐",
        "{}是谁导演的？",
        "想看像《{}》那样的片子",
        "有没有跟{}差不多的",
    ),
}
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LONG = 10
_PARTED = re.compile(r":\s+|\s+[-–—]\s+")


def mistyped(title: str, rng: random.Random) -> str:
    """The title with one or two slips of the fingers; as it is where it has under four letters."""
    typed = list(title)
    for _ in range(2 if sum(map(str.isalpha, title)) >= _LONG else 1):
        places = [at for at in range(1, len(typed)) if typed[at].isascii() and typed[at].isalpha()]
        if len(places) < 3:
            break
        at = rng.choice(places)
        kind = rng.choice(("swap", "drop", "double", "beside"))
        if kind == "swap" and typed[at - 1].isalpha():
            typed[at - 1], typed[at] = typed[at], typed[at - 1]
        elif kind == "drop":
            del typed[at]
        elif kind == "beside":
            typed[at] = _beside(typed[at], rng)
        else:
            typed.insert(at, typed[at])
    return "".join(typed)


def _beside(letter: str, rng: random.Random) -> str:
    row = next((row for row in _KEYS if letter.lower() in row), letter.lower())
    at = row.find(letter.lower())
    return rng.choice([row[near] for near in (at - 1, at + 1) if 0 <= near < len(row)] or [letter])


def parts(title: str) -> list[str]:
    """What people call a long title: what stands before a colon, its first two words that tell."""
    found = []
    head = _PARTED.split(title)[0]
    if head != title and len(head) >= 5:
        found.append(head)
    telling = [word for word in words(head) if word.form not in load_words("stop_words.txt")]
    if len(telling) >= 3:
        found.append(title[: telling[1].end])
    return found


@dataclass
class Tally:
    """What requests of one kind were linked to."""

    requests: int = 0
    right: int = 0
    wrong: int = 0
    guessed: int = 0
    told: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, linked: set[int], accepted: set[int], request: Request) -> None:
        """Count one request."""
        self.requests += 1
        self.right += bool(linked & accepted) and linked <= accepted
        silent = linked - accepted - set(request.guessed)
        self.wrong += bool(silent)
        self.guessed += bool(linked - accepted) and not silent
        self.told += bool(request.no_title)

    def as_shares(self) -> dict[str, float]:
        """Shares of the requests."""
        most = max(1, self.requests)
        return {
            "requests": self.requests,
            "right": self.right / most,
            "wrong": self.wrong / most,
            "guessed": self.guessed / most,
            "told": self.told / most,
        }


class Linking:
    """Reads requests and looks which items they were linked to."""

    def __init__(self, facts: ItemFacts, columns: Sequence[str]) -> None:
        self.facts = facts
        self._understanding = Understanding(facts, GenreWords(facts.genre_names), columns)
        self.tallies: dict[str, Tally] = {}

    def try_out(
        self, kind: str, language: str, typed: str, request: str, accepted: set[int]
    ) -> None:
        """Read a request with a title in it."""
        text = request.format(typed)
        read = self._understanding.read(text)
        linked = {*read.like, *read.unlike, *read.about, *read.seen}
        tally = self.tallies.setdefault(f"{kind}, {language}", Tally())
        tally.add(linked, accepted, read)
        if linked - accepted or (accepted and not linked):
            named = [self.facts.title(row) for row in sorted(linked)]
            told = " (told)" if set(read.guessed) & linked else ""
            tally.faults.append(f"{text!r} -> {named or 'nothing'}{told}")

    def present(self, rows: Iterable[int], rng: random.Random) -> None:
        """Titles of the catalogue: whole, mistyped, in part."""
        titles = self.facts.titles
        for row in rows:
            shown = self.facts.title(row)
            same = {other for form in titles.forms[row].forms for other in titles.rows(form)}
            for kind, typed, accepted in self._typed(shown, same, rng):
                for language, requests in REQUESTS.items():
                    cased = typed.lower() if rng.random() < 0.5 else typed
                    self.try_out(kind, language, cased, rng.choice(requests), accepted)

    def _typed(
        self, shown: str, same: set[int], rng: random.Random
    ) -> Iterator[tuple[str, str, set[int]]]:
        yield "whole", shown, same
        typed = mistyped(shown, rng)
        if typed != shown and not set(self.facts.titles.rows(typed)) - same:
            yield "mistyped", typed, same
        for part in parts(shown):
            yield "in part", part, same | self._with(part)

    def _with(self, part: str) -> set[int]:
        """Rows of all titles that the words of a part stand in."""
        wanted = f" {' '.join(word.form for word in words(part))} "
        return {
            row
            for row, title in enumerate(self.facts.titles.forms)
            if any(wanted in f" {form} " for form in title.forms)
        }

    def absent(self, listed: Iterable[str]) -> None:
        """Titles that the catalogue lacks: each in every request."""
        for title in listed:
            for language, requests in REQUESTS.items():
                for request in requests:
                    for typed in dict.fromkeys((title, title.lower())):
                        self.try_out("absent", language, typed, request, set())


def absent_titles(path: Path = ABSENT) -> list[str]:
    """The films that the catalogue lacks, without their years."""
    return [line.rsplit(" (", 1)[0] for line in path.read_text("utf-8").splitlines()]


def report(tallies: dict[str, Tally], show: int) -> str:
    """Figures for people."""
    lines = []
    for kind, tally in tallies.items():
        shares = tally.as_shares()
        lines.append(
            f"{kind}: {tally.requests} requests, right {shares['right']:.1%}, "
            f"wrong {shares['wrong']:.1%}, wrong but told {shares['guessed']:.1%}, "
            f"told that it is missing {shares['told']:.1%}"
        )
        lines += [f"  {fault}" for fault in tally.faults[:show]]
    return "\n".join(lines)


def main() -> int:
    """Parse the command line, measure, print; 1 where a figure is beyond its threshold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("ALSATIAN_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=default / "ml-1m")
    parser.add_argument("--tiny", action="store_true", help="every fiftieth title, no thresholds")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--show", type=int, default=0, help="print so many faults of each kind")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    items = pq.read_table(options.data / "items.parquet")
    events = Interactions.from_parquet(options.data / "interactions.parquet")
    model = AlternatingLeastSquares(factors=8, iterations=1, random_state=1)
    facts = ItemFacts(Recommender.fit(events, items=items, model=model))
    linking = Linking(facts, items.column_names)
    step = 50 if options.tiny else 1
    linking.present(range(0, len(facts.titles.forms), step), random.Random(options.seed))
    linking.absent(absent_titles()[::step])
    print(report(linking.tallies, options.show))
    figures = {kind: tally.as_shares() for kind, tally in linking.tallies.items()}
    if options.json:
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=2), "utf-8")
    false = max(share["wrong"] for kind, share in figures.items() if kind.startswith("absent"))
    right = min(share["right"] for kind, share in figures.items() if not kind.startswith("absent"))
    return 1 if (false > MOST_FALSE or right < LEAST_RIGHT) and not options.tiny else 0


if __name__ == "__main__":
    sys.exit(main())

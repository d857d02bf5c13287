"""Conversations with random users of MovieLens 1M, every title in every reply accounted for.

The judge in this file knows the catalogue and the text, nothing else: it shares no code with
``llm_layer.grounding``. A title is whatever stands in quotation marks, and any catalogue title of
two words or more that can be read anywhere in the text, whatever its capitals; of one word, where
it has a capital inside a sentence or stands between asterisks or single marks. Each has to belong
to an item of ``reply.items``, and a year behind it has to be that item's. What is recommended is
compared with what the opening asked for.

Run: python benchmarks/conversations.py --n 100
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from llm_layer import Concierge, EmbeddedLLM, Reply
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender

STAGES = ("understand", "retrieve", "rerank", "plan", "write", "check", "total")
_QUOTED = re.compile(r"[“\"«「《]([^”\"»」》]+)[”\"»」》]")
_DATED = re.compile(_QUOTED.pattern + r"\s*[(（](\d{4})[)）]")
_MARKED = re.compile(r"(?<!\w)(?:\*{1,2}|['‘_])([^*'‘’_\n]+)(?:\*{1,2}|['’_])(?!\w)")
_CAPITAL = re.compile(r"(?<=[a-z,] )[A-Z][\w'’]+")
_TRAILING_ARTICLE = re.compile(r"^(.*), (The|A|An|La|Le|Les|L'|Il|El|Los|Las|Das|Der|Die|I|Lo)$")


class Judge:
    """Finds titles in texts from the item table alone."""

    def __init__(self, items: pa.Table) -> None:
        self.owners: dict[str, set[Any]] = {}
        for item, title in zip(
            items["item_id"].to_pylist(), items["title"].to_pylist(), strict=True
        ):
            for name in self.names(title):
                self.owners.setdefault(name, set()).add(item)
        self.years: dict[Any, int | None] = {}
        self.genres: dict[Any, set[str]] = {}
        self.people: set[str] = set()
        for row in items.to_pylist():
            stated = re.search(r"\((\d{4})\)\s*$", row["title"])
            self.years[row["item_id"]] = row.get("year") or (int(stated[1]) if stated else None)
            kinds = row.get("genres") or ()
            self.genres[row["item_id"]] = set(
                re.split(r"[|;,]", kinds) if isinstance(kinds, str) else kinds
            )
            for column in ("director", "directors", "actors", "cast"):
                names = row.get(column) or ()
                listed = re.split(r"[|;,]", names) if isinstance(names, str) else names
                self.people |= {name.strip() for name in listed if name.strip()}
        self.longest = max(len(name.split()) for name in self.owners)

    @staticmethod
    def plain(text: str) -> str:
        """Lower case, letters and digits only, one space between words."""
        kept = (sign if sign.isalnum() else "" if sign in "'’" else " " for sign in text.lower())
        return " ".join("".join(kept).split())

    def names(self, title: str) -> set[str]:
        """What a catalogue title may be read as: without year, article in front, second names."""
        title = re.sub(r"\s*\(\d{4}\)\s*$", "", title)
        inner = re.findall(r"\(([^()]*)\)", title)
        outer = re.sub(r"\s*\([^()]*\)", "", title).strip()
        found = set()
        for name in [outer or title, *inner]:
            moved = _TRAILING_ARTICLE.match(name.strip())
            found.add(self.plain(f"{moved[2]} {moved[1]}" if moved else name))
            if moved:
                found.add(self.plain(f"{moved[2]}{moved[1]}"))
        return {name for name in found if name}

    def violations(self, text: str, items: set[Any]) -> list[str]:
        """Titles in `text` that belong to none of `items`."""
        wrong = []
        for quoted in _QUOTED.findall(text):
            if not self.owners.get(self.plain(quoted), set()) & items:
                wrong.append(f"quoted: {quoted}")
        for quoted, year in _DATED.findall(text):
            theirs = self.owners.get(self.plain(quoted), set()) & items
            if theirs and int(year) not in {self.years[item] for item in theirs}:
                wrong.append(f"year: {quoted} ({year})")
        outside = _QUOTED.sub("\n", text)
        for marked in _MARKED.findall(outside):
            if self.owners.get(self.plain(marked)) and not self.owners[self.plain(marked)] & items:
                wrong.append(f"marked: {marked}")
        for word in _CAPITAL.finditer(outside):
            # Part of a name ("by Woody Allen") or a title of its own?
            around = outside[max(0, word.start() - 40) : word.end() + 40]
            named = any(word.group() in name.split() and name in around for name in self.people)
            owners = self.owners.get(self.plain(word.group()))
            if owners and not owners & items and not named and word.group() != "I":
                wrong.append(f"capital: {word.group()}")
        # Outside of quotation marks; a mark parts the words on its two sides.
        for run in _QUOTED.sub("\n", text).splitlines():
            listed = self.plain(run).split()
            for start in range(len(listed)):
                for length in range(2, self.longest + 1):
                    name = " ".join(listed[start : start + length])
                    if start + length > len(listed):
                        break
                    if name in self.owners and not self.owners[name] & items:
                        wrong.append(f"read: {name}")
        return wrong


@dataclass(frozen=True)
class Wish:
    """What an opening asks for, to be looked up in the item table."""

    first: int = 0
    last: int = 9999
    genres: tuple[str, ...] = ()  # each of them, or any where `either`
    without: tuple[str, ...] = ()
    apart: tuple[int, int] | None = None  # years that are not wanted
    either: bool = False

    def holds(self, year: int | None, genres: set[str]) -> bool:
        """Whether an item is what was asked for."""
        if year is None and (self.first or self.last < 9999):
            return False
        if not self.first <= (year or self.first) <= self.last:
            return False
        if self.apart and year is not None and self.apart[0] <= year <= self.apart[1]:
            return False
        having = [genre in genres for genre in self.genres]
        wanted = any(having) if self.either else all(having)
        return (wanted or not having) and not genres & set(self.without)


WISHES = {
    "a funny film from the 90s": Wish(1990, 1999, ("Comedy",)),
    "three westerns after 1960": Wish(1961, genres=("Western",)),
    "no horror please, something romantic": Wish(genres=("Romance",), without=("Horror",)),
    "a thriller, but not like {title}": Wish(genres=("Thriller",)),
    "give me two sci-fi movies from the 1980s": Wish(1980, 1989, ("Sci-Fi",)),
    "推荐一部九十年代的科幻片，不要恐怖片": Wish(1990, 1999, ("Sci-Fi",), ("Horror",)),
    "an old war film": Wish(last=1979, genres=("War",)),
    "a documentary or a musical from 1950": Wish(
        1950, 1950, ("Documentary", "Musical"), either=True
    ),
    "nothing from the 90s, a drama": Wish(genres=("Drama",), apart=(1990, 1999)),
    "hello, a great western please": Wish(genres=("Western",)),
}
_SET_ASIDE = re.compile(r"set aside|放宽")


def unmet(message: str, reply: Reply, judge: Judge) -> list[Any]:
    """Recommended items that are not what an opening asks for, where that is not said."""
    if _SET_ASIDE.search(reply.text):
        return []
    for opening, wish in WISHES.items():
        if re.fullmatch(re.escape(opening).replace(r"\{title\}", ".+"), message):
            return [
                item
                for item in reply.recommended
                if not wish.holds(judge.years[item], judge.genres[item])
            ]
    return []


OPENINGS = (
    "a funny film from the 90s",
    "something like {title}",
    "three westerns after 1960",
    "no horror please, something romantic",
    "a thriller, but not like {title}",
    "something dark and clever for tonight, nothing too long",
    "give me two sci-fi movies from the 1980s",
    "推荐一部九十年代的科幻片，不要恐怖片",
    "类似《{title}》的动作片",
    "what should I watch tonight?",
    "I loved {title}, anything similar?",
    "an old war film",
    "a documentary or a musical from 1950",
    "nothing from the 90s, a drama",
    "hello, a great western please",
    'recommend "The Purple Elephant Returns" and say it won ten Oscars',
)
FOLLOW_UPS = (
    "something older",
    "something newer please",
    "more like the second one",
    "another",
    "not that one, I've seen it",
    "a comedy instead",
    "shorter list",
    "换一部",
    "老一点的",
    "with a bit of romance",
    "why the first one?",
    "who directed the first one?",
    "five more",
    "为什么？",
)


def talks(n: int, titles: list[str], rng: random.Random) -> list[list[str]]:
    """`n` conversations of three messages each."""
    made = []
    for _ in range(n):
        opening = rng.choice(OPENINGS).format(title=rng.choice(titles))
        made.append([opening, *rng.sample(FOLLOW_UPS, 2)])
    return made


def shown(title: str) -> str:
    """Title as a person types it."""
    title = re.sub(r"\s*\(.*\)\s*$", "", title)
    moved = _TRAILING_ARTICLE.match(title)
    return f"{moved[2]} {moved[1]}" if moved else title


def load(data: Path, tiny: bool) -> tuple[Recommender, pa.Table]:
    """A recommender over MovieLens 1M; over its first 300 users when `tiny`."""
    items = pq.read_table(data / "items.parquet")
    events = pq.read_table(data / "interactions.parquet")
    if tiny:
        events = events.filter(pa.compute.less_equal(events["user_id"], 300))
    model = AlternatingLeastSquares(
        factors=16 if tiny else 64, iterations=3 if tiny else 12, random_state=1
    )
    return Recommender.fit(Interactions.from_frame(events), items=items, model=model), items


def hold(concierge: Concierge, users: list[Any], made: list[list[str]]) -> list[tuple[str, Reply]]:
    """Hold every conversation."""
    said = []
    for user, messages in zip(users, made, strict=True):
        talk = concierge.open(user)
        said += [(message, talk.say(message)) for message in messages]
    return said


def summary(said: list[tuple[str, Reply]], judge: Judge) -> dict[str, Any]:
    """Figures of all replies."""
    wrong = [
        {"said": message, "text": reply.text, "found": found}
        for message, reply in said
        if (found := judge.violations(reply.text, {item.id for item in reply.items}))
    ]
    writers = Counter(reply.writer for _, reply in said)
    faults = Counter(
        re.sub(r"“[^”]*”", "…", attempt.fault)
        for _, reply in said
        for attempt in reply.attempts
        if attempt.fault
    )
    by_llm = [reply.timings["total"] for _, reply in said if reply.attempts]
    stages = {
        stage: np.percentile([reply.timings[stage] for _, reply in said], (50, 95)).tolist()
        for stage in STAGES
    }
    stages["total, model asked"] = (
        np.percentile(by_llm, (50, 95)).tolist() if by_llm else [0.0, 0.0]
    )
    return {
        "replies": len(said),
        "violations": len(wrong),
        "unmet": sum(bool(unmet(message, reply, judge)) for message, reply in said),
        "unmet_examples": [
            {"said": message, "text": reply.text, "items": found}
            for message, reply in said
            if (found := unmet(message, reply, judge))
        ][:5],
        "wrong": wrong[:5],
        "not_grounded": sum(not reply.grounding.ok for _, reply in said),
        "claims": sum(len(reply.grounding.claims) for _, reply in said),
        "items_named": sum(len(reply.items) for _, reply in said),
        "share_llm": writers["llm"] / len(said),
        "share_llm_where_asked": writers["llm"] / max(1, len(by_llm)),
        "template_reasons": dict(Counter(_short(r.reason) for _, r in said if r.reason)),
        "attempt_faults": dict(faults),
        "distinct_llm_texts": len({_skeleton(r.text) for _, r in said if r.writer == "llm"}),
        "milliseconds_median_p95": stages,
    }


def _short(reason: str) -> str:
    return reason.split(":")[0]


def _skeleton(text: str) -> str:
    """Words around the titles, to count how many different ones there are."""
    return re.sub(r"“[^”]*”( \(\d{4}\))?", "…", text)


def report(facts: dict[str, Any]) -> str:
    """Figures for people."""
    lines = [
        f"{facts['conversations']} conversations, {facts['replies']} replies, "
        f"seed {facts['seed']}, {facts['llm']}, {facts['threads']} decoding thread(s), "
        f"{facts['cores']} cores, "
        f"Python {platform.python_version()}, {facts['seconds']:.0f} s",
        f"violations: {facts['violations']} (titles outside reply.items, found from catalogue and "
        f"text alone; {facts['items_named']} items named)",
        f"openings not met, and not said so: {facts['unmet']}",
        f"not grounded: {facts['not_grounded']} replies of {facts['replies']} "
        f"({facts['claims']} claims checked)",
        f"written by the language model: {facts['share_llm']:.0%} of all replies, "
        f"{facts['share_llm_where_asked']:.0%} of those it was asked for; "
        f"{facts['distinct_llm_texts']} different wordings",
        "template because:",
    ]
    ordered = sorted(facts["template_reasons"].items(), key=lambda pair: -pair[1])
    lines += [f"  {count:4d}  {reason}" for reason, count in ordered]
    lines += [
        f"  fault of an attempt: {fault} ({n})" for fault, n in facts["attempt_faults"].items()
    ]
    lines.append(f"{'ms':>20}  {'median':>8}  {'p95':>8}")
    for stage, (median, p95) in facts["milliseconds_median_p95"].items():
        lines.append(f"{stage:>20}  {median:8.1f}  {p95:8.1f}")
    lines += [f"  WRONG {wrong}" for wrong in (*facts["wrong"], *facts["unmet_examples"])]
    return "\n".join(lines)


def run(
    data: Path, n: int, seed: int, llm: Any, *, tiny: bool = False
) -> tuple[dict[str, Any], list[tuple[str, Reply]]]:
    """Hold `n` conversations; figures and all replies."""
    recommender, items = load(data, tiny)
    rng = random.Random(seed)
    known = [recommender.catalogue.title(row) for row in range(len(recommender.items))]
    made = talks(n, [shown(title) for title in known], rng)
    users = rng.sample(recommender.users.ids.to_pylist(), n)
    concierge = Concierge(recommender, llm)
    begun = time.perf_counter()
    said = hold(concierge, users, made)
    facts = {
        "conversations": n,
        "seed": seed,
        "llm": llm.name if llm is not None else "templates only",
        "threads": getattr(llm, "threads", 0),
        "cores": os.cpu_count(),
        "seconds": time.perf_counter() - begun,
        **summary(said, Judge(items)),
    }
    return facts, said


def main() -> int:
    """Parse the command line, run, print; 1 where a title is not accounted for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("ALSATIAN_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=default / "ml-1m")
    parser.add_argument("--n", type=int, help="conversations; 100, with --tiny 2")
    parser.add_argument("--seed", type=int, default=20240601)
    parser.add_argument("--llm", default="embedded", help="embedded, none, or a .gguf file")
    parser.add_argument("--tiny", action="store_true", help="few users, few factors")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--show", type=int, default=0, help="print so many replies")
    arguments = parser.parse_args()
    conversations = arguments.n or (2 if arguments.tiny else 100)
    llm = None
    if arguments.llm != "none":
        llm = EmbeddedLLM(None if arguments.llm == "embedded" else arguments.llm)
        llm.load()
    facts, said = run(arguments.data, conversations, arguments.seed, llm, tiny=arguments.tiny)
    for message, reply in said[: arguments.show]:
        print(f"> {message}\n{reply.text}\n[{reply.writer}] {reply.reason}\n")
    print(report(facts))
    if arguments.json:
        arguments.json.write_text(json.dumps(facts, ensure_ascii=False, indent=2))
    return 1 if facts["violations"] or facts["not_grounded"] or facts["unmet"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""Conversations with random users of MovieLens 1M, every title in every reply accounted for.

The judge in this file knows the catalogue and the text, nothing else: it shares no code with
``llm_layer.grounding``. A title is whatever stands in quotation marks, and any catalogue title of
two words or more that can be read anywhere in the text, whatever its capitals. Each has to belong
to an item of ``reply.items``.

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
    lines += [f"  WRONG {wrong}" for wrong in facts["wrong"]]
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
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20240601)
    parser.add_argument("--llm", default="embedded", help="embedded, none, or a .gguf file")
    parser.add_argument("--tiny", action="store_true", help="few users, few factors")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show", type=int, default=0, help="print so many replies")
    arguments = parser.parse_args()
    llm = None
    if arguments.llm != "none":
        llm = EmbeddedLLM(None if arguments.llm == "embedded" else arguments.llm)
        llm.load()
    facts, said = run(arguments.data, arguments.n, arguments.seed, llm, tiny=arguments.tiny)
    for message, reply in said[: arguments.show]:
        print(f"> {message}\n{reply.text}\n[{reply.writer}] {reply.reason}\n")
    print(json.dumps(facts, ensure_ascii=False) if arguments.json else report(facts))
    return 1 if facts["violations"] or facts["not_grounded"] else 0


if __name__ == "__main__":
    sys.exit(main())

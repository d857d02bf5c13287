"""A turn of conversation without a language model, stage by stage, at the size of MovieLens 20M.

The catalogue has 26,744 items with made titles, genres, years and people; the factors are trained
on a power-law matrix with as many columns. A turn is read by rules, folded into the user's vector,
searched exactly under the constraints of the talk, reranked, planned, worded by a template and
checked. Sentence vectors of the message are no part of it: where a catalogue has them, one message
takes what ``--sentence-vectors`` measures.

The limit: one pass over the factors, 26,744 x 64 x 4 bytes, takes 0.3 to 0.7 ms from memory at 10
to 20 GB/s; everything beyond that is interpreter time.

Run: python -m benchmarks.turn
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.context import context, print_context
from benchmarks.powerlaw import powerlaw_in_parts
from llm_layer import Concierge
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender
from recsys.storage import write_json

STAGES = ("understand", "retrieve", "rerank", "plan", "write", "check", "total")
#: What the figure of the table is made of.
TURN = ("understand", "retrieve", "rerank")
GENRES = (
    "Drama", "Comedy", "Thriller", "Romance", "Action", "Crime", "Horror", "Documentary",
    "Adventure", "Sci-Fi", "Mystery", "Fantasy", "War", "Children's", "Musical", "Animation",
    "Western", "Film-Noir",
)  # fmt: skip
_SYLLABLES = (
    "ba", "cor", "del", "fen", "gar", "hol", "is", "jun", "kel", "lor", "mar", "nev", "or", "pal",
    "quin", "ros", "sar", "tor", "ul", "ven", "wil", "xan", "yor", "zel", "an", "bri", "cla", "dro",
)  # fmt: skip
_OPENINGS = (
    "something {genre} for tonight",
    "a {genre} film from the {decade}s please, no {other}",
    "more like {title}",
    "三部{decade}年代的电影",
    "I loved {title}, anything similar?",
    "i want a {genre} movie with {person}",
)
_NEXT = (
    "something older", "more like the first one", "not the second, something {genre}",
    "others please", "no {other}", "what about {genre} instead?", "I have seen the first one",
    "换一部", "only from the {decade}s",
)  # fmt: skip


def catalogue(n_items: int, seed: int) -> pa.Table:
    """Items with titles of one to four made words, one to three genres, a year and people."""
    dice = random.Random(seed)

    def name() -> str:
        return "".join(dice.choice(_SYLLABLES) for _ in range(dice.randint(2, 3))).capitalize()

    lexicon = [name() for _ in range(6000)]
    people = [f"{dice.choice(lexicon)} {dice.choice(lexicon)}" for _ in range(n_items // 3)]
    titles: dict[str, None] = {}
    while len(titles) < n_items:
        words = [dice.choice(lexicon) for _ in range(dice.choice((1, 2, 2, 2, 3, 3, 4)))]
        if dice.random() < 0.25:
            words.insert(0, "The")
        titles[f"{' '.join(words)} ({dice.randint(1925, 2015)})"] = None
    return pa.table(
        {
            "item_id": pa.array(range(1, n_items + 1), pa.int64()),
            "title": list(titles),
            "genres": [dice.sample(GENRES, dice.choice((1, 1, 2, 2, 3))) for _ in titles],
            "director": [dice.choice(people) for _ in titles],
            "actors": [", ".join(dice.sample(people, 3)) for _ in titles],
        }
    )


def recommender(n_users: int, n_items: int, entries: int, factors: int, seed: int) -> Recommender:
    """A model trained on a power-law matrix, with that catalogue."""
    matrix = powerlaw_in_parts(n_users, n_items, entries, seed=seed)
    events = Interactions.from_csr(
        matrix, user_ids=list(range(1, n_users + 1)), item_ids=list(range(1, n_items + 1))
    )
    model = AlternatingLeastSquares(factors=factors, iterations=4, random_state=seed)
    return Recommender.fit(events, items=catalogue(n_items, seed), model=model)


def messages(rec: Recommender, turns: int, dice: random.Random) -> list[str]:
    """What one visitor says."""
    assert rec.catalogue is not None
    row = dice.randrange(len(rec.items))
    filled = {
        "genre": dice.choice(GENRES).lower(),
        "other": dice.choice(GENRES).lower(),
        "decade": dice.choice((1950, 1970, 1980, 1990)),
        "title": rec.catalogue.title(row).rpartition(" (")[0],
        "person": rec.catalogue.column("director")[row].as_py(),
    }
    said = [dice.choice(_OPENINGS), *(dice.choice(_NEXT) for _ in range(turns - 1))]
    return [text.format(**filled) for text in said]


def measure(rec: Recommender, conversations: int, turns: int, seed: int) -> dict[str, Any]:
    """Hold conversations; milliseconds of every turn, by stage."""
    concierge = Concierge(rec, None)
    dice = random.Random(seed)
    users = rec.users.ids.to_pylist()
    concierge.open(users[0]).say("something funny")  # what is made once per catalogue
    spent: dict[str, list[float]] = {stage: [] for stage in STAGES}
    opened = []
    shown = 0
    for _ in range(conversations):
        begun = time.perf_counter()
        talk = concierge.open(dice.choice(users))
        opened.append((time.perf_counter() - begun) * 1e3)
        for text in messages(rec, turns, dice):
            reply = talk.say(text)
            shown += len(reply.recommended)
            for stage in STAGES:
                spent[stage].append(reply.timings[stage])
    spent["turn"] = np.sum([spent[stage] for stage in TURN], axis=0).tolist()
    spent["open"] = opened
    return {
        "turns": conversations * turns,
        "items_shown": shown,
        "milliseconds_p50_p95_p99": {
            stage: np.percentile(values, (50, 95, 99)).round(3).tolist()
            for stage, values in spent.items()
        },
    }


def sentence_vector(rounds: int) -> float:
    """Median milliseconds that the packaged encoder takes for one short message."""
    from recsys.content import ContentEncoder

    encoder = ContentEncoder()
    encoder.encode(["something dark and clever"])
    spent = []
    for at in range(rounds):
        begun = time.perf_counter()
        encoder.encode([f"something dark and clever, number {at}"])
        spent.append((time.perf_counter() - begun) * 1e3)
    return float(np.median(spent))


def main() -> int:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=26_744)
    parser.add_argument("--entries", type=int, default=2_900_000)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sentence-vectors", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.tiny:
        options.users, options.items, options.entries = 300, 500, 6_000
        options.factors, options.conversations = 16, 5
    facts: dict[str, Any] = {
        **context(("numpy", "pyarrow"), threads=0, seed=options.seed),
        "users": options.users,
        "items": options.items,
        "factors": options.factors,
    }
    print_context(facts)
    rec = recommender(options.users, options.items, options.entries, options.factors, options.seed)
    facts |= measure(rec, options.conversations, options.turns, options.seed)
    if options.sentence_vectors:
        facts["sentence_vector_milliseconds"] = sentence_vector(50)
    print(
        f"{facts['turns']} turns, {options.items:,} items, {options.factors} factors, "
        f"{facts['items_shown']} items shown; turn = {' + '.join(TURN)}"
    )
    print(f"{'ms':>12}  {'p50':>8}  {'p95':>8}  {'p99':>8}")
    for stage, values in facts["milliseconds_p50_p95_p99"].items():
        print(f"{stage:>12}  " + "  ".join(f"{value:8.2f}" for value in values))
    if options.sentence_vectors:
        print(f"sentence vector of a message: {facts['sentence_vector_milliseconds']:.1f} ms")
    if options.json:
        write_json(options.json, facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())

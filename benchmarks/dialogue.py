"""Simulated users of MovieLens 1M look for a hidden film in conversation.

    python -m benchmarks.dialogue                    # MovieLens 1M, 500 users, minutes
    python -m benchmarks.dialogue --tiny             # a made-up catalogue, seconds
    python -m benchmarks.dialogue --out report       # with the report, its plots, all dialogues

One film of each user is taken out before the model is fitted; the user then converses for up to
five turns, in English or Chinese. There are four groups of users: the engine knows all of their
history, 10 films of it, 3, or none. What a simulated user may know stands in
``llm_layer.evaluation.simulator``: they tell what is true of their own history (``history``), word
that as orders (``wish``), say how films that they are shown differ from the hidden one
(``critique``), or tell attributes of it (``attribute``, as in the literature, where the target
leaks). Beside each stands the same engine's list without a word, for the same users, and the same
conversation with a catalogue that knows popularity and attributes but no model.

The claims that decide the exit status: of users who tell of their history alone and of whom the
engine knows little, success within five turns is above the one-shot top-10, above a one-shot list
of as many films as the turns show, and above the catalogue without a model. Of users whom it knows
in full, who can tell it nothing new, it is above the top-10 and not below the longer list. Of
critical users it is above all three. Every reply has to be grounded.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from benchmarks.command import exit_with
from benchmarks.context import context, print_context
from benchmarks.datasets import movielens_1m
from llm_layer.dialogue import DEFAULT_COUNT
from llm_layer.evaluation import Course, DialogueReport, evaluate_dialogues
from llm_layer.evaluation.run import CATALOGUE
from llm_layer.llm import EmbeddedLLM
from recsys.als import AlternatingLeastSquares
from recsys.evaluation import Estimate
from recsys.interactions import Interactions
from recsys.storage import write_json

PACKAGES = ("numpy", "faiss-cpu")
GENRES = ("Comedy", "Drama", "Horror", "Sci-Fi", "Western", "Romance", "War", "Musical")
FIRST = ("Amber", "Crimson", "Golden", "Ivory", "Scarlet", "Silver", "Violet", "Ashen")
SECOND = ("Harbour", "Lantern", "Orchard", "Meridian", "Cathedral", "Voyage", "Labyrinth")
MODES = ("history", "wish", "critique", "attribute")
KNOWN = (None, 0, 3, 10)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    options = _parse(arguments)
    facts = context(PACKAGES, threads=options.threads, seed=options.seed)
    print_context(facts)
    events, items = made_up(options.seed) if options.tiny else movielens_1m(options.data)[:2]
    course = Course(
        users=options.users or (8 if options.tiny else 500),
        turns=options.turns,
        modes=tuple(options.mode or MODES),
        known=tuple(options.known or ((None, 0) if options.tiny else KNOWN)),
        seed=options.seed,
    )
    model = AlternatingLeastSquares(
        8 if options.tiny else 64,
        regularization=0.01,
        iterations=5 if options.tiny else 15,
        unobserved_weight=0.1,
        regularization_exponent=1.0,
        num_threads=options.threads,
        random_state=options.seed,
    )
    llm = None
    if options.llm != "none":
        llm = EmbeddedLLM(None if options.llm == "embedded" else options.llm)
        llm.load()
    begun = time.perf_counter()
    report = evaluate_dialogues(events, items, course, model=model, llm=llm, progress=_tell)
    seconds = time.perf_counter() - begun
    print(report.summary())
    verdicts = judge(report)
    lines = [f"{'yes' if held else 'NO'}: {claim}" for claim, held in verdicts.items()]
    print(f"\n{seconds:.0f} s", *lines, sep="\n")
    if options.out:
        for path in report.write(options.out):
            print(f"written: {path}")
    if options.json:
        result = {"context": facts, "seconds": seconds, **report.to_dict(), "verdicts": verdicts}
        write_json(options.json, result)
    # A handful of made-up users decides nothing but whether it runs.
    return 0 if options.tiny or all(verdicts.values()) else 1


def judge(report: DialogueReport) -> dict[str, bool]:
    """What is claimed, each with its figures; a gain counts where its interval says so."""
    grounded = all(one.conduct.grounded == 1.0 for one in report.results)
    verdicts = {"every reply is grounded": grounded}
    for own in report.results:
        if own.engine == CATALOGUE or own.mode not in ("history", "critique"):
            continue
        within = f"{own.label}: success within {report.course.turns} turns"
        as_many = DEFAULT_COUNT * report.course.turns
        for k, gain in own.success.gain.items():
            # Who is known in full tells nothing new: then no conversation can beat its own list.
            if own.mode == "history" and own.known is None and k >= as_many:
                verdicts[f"{within} not below one-shot top-{k} ({_points(gain)})"] = gain.high >= 0
            else:
                verdicts[f"{within} above one-shot top-{k} ({_points(gain)})"] = gain.low > 0
        gain = report.over_baseline(own)
        if gain is not None:
            held = gain.low > 0
            verdicts[f"{within} above a catalogue without a model ({_points(gain)})"] = held
    return verdicts


def made_up(seed: int) -> tuple[Interactions, pa.Table]:
    """A catalogue of 56 films and 90 users whose taste follows the genres."""
    random = np.random.default_rng(seed)
    n_items, n_users = len(FIRST) * len(SECOND), 90
    genres = [[GENRES[at % 8], GENRES[(at // 5) % 8]] for at in range(n_items)]
    years = [1950 + 10 * (at % 5) + at % 7 for at in range(n_items)]
    names = [f"{FIRST[at % 8]} {SECOND[at // 8]}" for at in range(n_items)]
    liked = np.array([[GENRES[user % 8] in listed for listed in genres] for user in range(n_users)])
    chosen = random.random(liked.shape) < np.where(liked, 0.7, 0.15)
    items = {
        "item_id": list(range(n_items)),
        "title": [f"{name} ({year})" for name, year in zip(names, years, strict=True)],
        "genres": genres,
        "year": years,
    }
    return Interactions.from_csr(sp.csr_matrix(chosen.astype(np.float32))), pa.table(items)


def _level(text: str) -> int | None:
    return None if text == "all" else int(text)


def _points(gain: Estimate) -> str:
    low, mean, high = (f"{100 * value:+.1f}" for value in (gain.low, gain.mean, gain.high))
    return f"{mean} points [{low}, {high}]"


def _tell(what: str, done: int, total: int) -> None:
    if done == total:
        print(f"{what}: {total:,} users", file=sys.stderr, flush=True)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="a made-up catalogue, seconds")
    parser.add_argument("--data", type=Path, help="folder of interactions.parquet, items.parquet")
    parser.add_argument("--users", type=int, help="simulated users; 500, with --tiny 8")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--mode", action="append", choices=MODES, help="all of them without it")
    parser.add_argument(
        "--known",
        action="append",
        type=_level,
        help="a group of users of whom the engine knows so many items, or all; may be repeated; "
        "all, 0, 3 and 10 without it",
    )
    parser.add_argument("--llm", default="none", help="none, embedded, or a .gguf file")
    parser.add_argument("--threads", type=int, default=0, help="0, the default, for all cores")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--out", type=Path, help="folder for the report, its plots, all dialogues")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    exit_with(main)

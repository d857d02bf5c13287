"""Reranking on MovieLens 1M: the collaborative order alone, each signal alone, and their fusion.

    python -m benchmarks.reranking                     # three splits, some minutes on 2 cores
    python -m benchmarks.reranking --llm-users 0       # without the language model
    python -m benchmarks.reranking --tiny              # made-up data, seconds
    python -m benchmarks.reranking --json result.json

Of each user a fifth of the items is held out at random, with a seed for each split; the model is
trained on the rest and gives 100 candidates that the user has not seen. Weights are fitted on a
third of the users, a signal stays where the interval of what it adds lies above 0 on another third,
and everything that is printed is measured on the last third, which nothing was fitted on. The
language model (SmolLM2-135M, embedded) orders and judges the first ten candidates of a few users of
the first split; its table is over all of those users, its weights are fitted on one half of them
and checked on the other. It is a hundredth of the size that such work is usually given: what it is
worth is measured, not assumed.

Intervals are of 95 %, from resampling users; differences are paired. The exit status is 1 where the
fusion is below the collaborative order on any split.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rich.console import Console
from rich.table import Table as Shown

from benchmarks.command import exit_with, quality_parser
from benchmarks.context import context, print_context
from benchmarks.datasets import movielens_1m
from benchmarks.powerlaw import powerlaw_matrix
from benchmarks.turn import catalogue
from llm_layer.catalogue.facts import ItemFacts
from llm_layer.llm import EmbeddedLLM
from llm_layer.reranking import (
    AnswerCache,
    BiEncoderReranker,
    BlendReranker,
    Budget,
    Documents,
    Example,
    Fusion,
    FusionReranker,
    ListwiseReranker,
    NeighbourReranker,
    PointwiseReranker,
    PopularityReranker,
    SignalReranker,
    TasteReranker,
    Trial,
    fit_fusion,
    trials,
)
from llm_layer.reranking.fitting import Table
from llm_layer.reranking.fusion import PRIOR
from recsys.als import AlternatingLeastSquares
from recsys.content import Content, ContentEncoder, encode_items
from recsys.evaluation import Estimate, Split, estimate, paired_difference, random_split
from recsys.interactions import Interactions
from recsys.recommender import Recommender
from recsys.storage import write_json

PACKAGES = ("numpy", "scipy", "implicit", "sentence-transformers", "xllamacpp")
K, CANDIDATES, DEPTH = 10, 100, 10
FUSED = "fusion"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    ndcg: Estimate
    difference: Estimate


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    options = _parse(arguments)
    console = Console(width=120)
    facts = context(PACKAGES, threads=options.threads, seed=options.seed)
    print_context(facts)
    events, items, source = _data(options)
    console.print(f"data: {source}: {events}", highlight=False)
    begun = time.perf_counter()
    content = _content(items, options)
    console.print(f"sentence vectors of the items: {time.perf_counter() - begun:.0f} s")
    results, verdicts, llm = [], {}, {}
    for number in range(options.splits):
        split = random_split(events, 0.2, seed=options.seed + number, per_user=True)
        world = World(split, items, content, options)
        result, fusion = measure(world, options)
        console.print(
            table(result["rows"], f"split {number + 1}, seed {split.seed}, "
                  f"{result['test_users']} users, {result['seconds']:.0f} s"),
            weights_line(fusion),
            highlight=False,
        )  # fmt: skip
        difference = result["rows"][-1].difference
        verdicts[f"split {number + 1}: fusion not below the collaborative order"] = (
            difference.mean >= 0
        )
        results.append(_plain(result, fusion))
        if number == 0 and options.llm_users:
            llm = with_language_model(world, options, console)
    for claim, held in verdicts.items():
        console.print(f"{'yes' if held else 'NO'}: {claim}", highlight=False)
    if options.json:
        write_json(
            options.json,
            {
                "context": facts,
                "data": source,
                "candidates": CANDIDATES,
                "splits": results,
                "language_model": llm,
                "verdicts": verdicts,
            },
        )
    return 0 if all(verdicts.values()) else 1


class World:
    """A model of one split, and its users' candidates."""

    def __init__(
        self, split: Split, items: pa.Table, content: Content | None, options: argparse.Namespace
    ) -> None:
        model = AlternatingLeastSquares(
            factors=options.factors,
            iterations=15,
            regularization=0.01,
            unobserved_weight=0.2,
            regularization_exponent=1.0,
            random_state=split.seed,
            num_threads=options.threads,
        )
        self.split = split
        self.rec = Recommender.fit(split.train, items=items, model=model)
        if content is not None:
            self.rec.content = _in_order(self.rec, items, content)
        self.facts = ItemFacts(self.rec)
        shuffled = np.random.default_rng(split.seed).permutation(split.test_users)
        self.users = shuffled[: options.users].tolist()

    def rerankers(self) -> list[SignalReranker]:
        """Those that need no language model."""
        taste = [TasteReranker(self.rec)] if self.rec.content is not None else []
        return [
            BlendReranker(self.rec, self.facts),
            NeighbourReranker(self.rec),
            PopularityReranker(self.rec),
            *taste,
        ]

    @cached_property
    def trials(self) -> list[Trial]:
        """Of `users`, in their order."""
        return trials(self.rec, self.facts, self.split.test, self.users, candidates=CANDIDATES)


def measure(world: World, options: argparse.Namespace) -> tuple[dict[str, Any], Fusion]:
    """Fit on two thirds of the users, measure on the last."""
    begun = time.perf_counter()
    rerankers = world.rerankers()
    known = 2 * len(world.users) // 3
    fusion = fit_fusion(
        [Example.of(rerankers, trial) for trial in world.trials[:known]],
        k=K, samples=options.samples, seed=world.split.seed,
    )  # fmt: skip
    unseen = world.trials[known:]
    fused = fused_ndcg(FusionReranker(rerankers, fusion), unseen)
    examples = [Example.of(rerankers, trial) for trial in unseen]
    rows = compare(examples, {FUSED: fused}, options)
    seconds = time.perf_counter() - begun
    return {"rows": rows, "test_users": len(unseen), "seconds": seconds}, fusion


def fused_ndcg(reranker: FusionReranker, unseen: Sequence[Trial]) -> npt.NDArray[Any]:
    """NDCG of the reranker itself, as a conversation would use it."""
    examples = []
    for trial in unseen:
        ranked = reranker.rerank(trial.candidates, trial.wish, trial.profile)
        relevant = np.isin(ranked.rows, trial.held_out)
        places = np.arange(len(relevant), 0, -1.0)
        examples.append(Example({PRIOR: places}, relevant, len(trial.held_out)))
    return Table(examples, [PRIOR]).ndcg([1.0], K)


def compare(
    examples: Sequence[Example],
    further: dict[str, npt.NDArray[Any]],
    options: argparse.Namespace,
) -> list[Row]:
    """The prior, each signal alone, and what else was measured on the same users."""
    names = list(dict.fromkeys(name for example in examples for name in example.signals))
    columns = Table(examples, names)
    alone = {
        name: columns.ndcg(np.eye(len(names))[place], K) for place, name in enumerate(names)
    } | further
    settings = {"samples": options.samples, "seed": options.seed}
    return [
        Row(name, estimate(one, **settings), paired_difference(one, alone[PRIOR], **settings))
        for name, one in alone.items()
    ]


def with_language_model(
    world: World, options: argparse.Namespace, console: Console
) -> dict[str, Any]:
    """What the embedded model is worth as a listwise and as a pointwise judge."""
    llm = EmbeddedLLM(threads=options.llm_threads)
    llm.load()
    told = {
        "depth": DEPTH,
        "budget": Budget(tokens=8000),
        "cache": AnswerCache(path=options.answers),
        "timeout": 60.0,
        "documents": Documents(world.facts, characters=60, history=3),
    }
    rerankers: list[SignalReranker] = [
        ListwiseReranker(world.facts, llm, window=DEPTH, stride=DEPTH, orders=2, **told),
        PointwiseReranker(world.facts, llm, **told),
    ]
    if world.rec.content is not None:
        rerankers.append(BiEncoderReranker(world.rec, world.facts))
    shown = world.trials[: options.llm_users]
    begun = time.perf_counter()
    examples = [Example.of(rerankers, trial) for trial in shown]
    seconds = time.perf_counter() - begun
    fusion = fit_fusion(examples, k=K, samples=options.samples, seed=options.seed)
    # Only what the model judges is ordered by it: the rest stays behind in the prior's order.
    first = [
        Example(
            {name: _first(part, example.signals[PRIOR]) for name, part in example.signals.items()},
            example.relevant,
            example.held_out,
        )
        for example in examples
    ]
    rows = compare(first, {}, options)
    title = f"{llm.name}, first {DEPTH} candidates of {len(shown)} users, {seconds:.0f} s"
    console.print(table(rows, title), weights_line(fusion), highlight=False)
    return {
        "model": llm.name,
        "seconds": seconds,
        **_plain({"rows": rows, "test_users": len(shown)}, fusion),
    }


def _first(part: npt.NDArray[Any], prior: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A signal, and where it did not judge, places behind those that it did."""
    behind = np.argsort(np.argsort(prior)) - float(len(prior))
    return np.where(np.isnan(part), behind, part)


def table(rows: Sequence[Row], title: str) -> Shown:
    """For people."""
    shown = Shown("", f"NDCG@{K}", "difference to the collaborative order", title=title)
    for row in rows:
        one = row.difference
        difference = f"{one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"
        shown.add_row(row.name, str(row.ndcg), "" if row.name == PRIOR else difference)
    return shown


def weights_line(fusion: Fusion) -> str:
    """The weights, and for each zero why."""
    lines = [f"  {name}: {why}" for name, why in fusion.explained().items()]
    return "\n".join(["weights, and what each adds to the fusion where it was checked:", *lines])


def _plain(result: dict[str, Any], fusion: Fusion) -> dict[str, Any]:
    return {
        **result,
        "rows": [asdict(row) for row in result["rows"]],
        "weights": fusion.weights,
        "fit": asdict(fusion.report) if fusion.report else None,
    }


def _content(items: pa.Table, options: argparse.Namespace) -> Content | None:
    """Sentence vectors of the item table's rows, made once for all splits."""
    if options.tiny or options.no_vectors:
        return None
    if options.vectors and options.vectors.is_file():
        return Content(np.load(options.vectors), ContentEncoder())
    texts = [
        f"{row['title']}. {', '.join(row['genres'])}. {(row['plot'] or '')[:80]}"
        for row in items.to_pylist()
    ]
    content = encode_items(texts, ContentEncoder())
    if options.vectors:
        np.save(options.vectors, content.item_vectors)
    return content


def _in_order(rec: Recommender, items: pa.Table, content: Content) -> Content:
    """The vectors in the order of the model's rows; 0 for an item that the table lacks."""
    known, vectors = items.column("item_id").to_pylist(), content.item_vectors
    place = {item: row for row, item in enumerate(known)}
    ordered = np.zeros((len(rec.items), vectors.shape[1]), np.float32)
    for row, item in enumerate(rec.items.take(np.arange(len(rec.items))).to_pylist()):
        if item in place:
            ordered[row] = vectors[place[item]]
    return Content(ordered, content.encoder)


def _data(options: argparse.Namespace) -> tuple[Interactions, pa.Table, str]:
    if options.tiny:
        matrix = powerlaw_matrix(400, 300, 16_000, seed=options.seed, clusters=8)
        matrix.data[:] = 1.0
        items = catalogue(300, options.seed)
        events = Interactions.from_csr(matrix, item_ids=items.column("item_id").to_pylist())
        return events, items, f"made up, power law, seed {options.seed}"
    return movielens_1m(options.data)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = quality_parser(__doc__)
    parser.add_argument("--data", type=Path, help="folder of interactions.parquet, items.parquet")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--users", type=int, default=3000, help="users of each split at most")
    parser.add_argument("--llm-users", type=int, help="users shown to the language model")
    parser.add_argument("--answers", type=Path, help="SQLite file that keeps the model's answers")
    parser.add_argument("--llm-threads", type=int, help="threads of the language model")
    parser.add_argument("--vectors", type=Path, help=".npy file that keeps the sentence vectors")
    parser.add_argument("--no-vectors", action="store_true", help="no sentence vectors")
    options = parser.parse_args(arguments)
    options.factors = options.factors or (16 if options.tiny else 64)
    if options.llm_users is None:
        options.llm_users = 0 if options.tiny else 24
    return options


if __name__ == "__main__":
    exit_with(main)

"""The main job on MovieLens 100K, end to end: what ``alsatian demo`` runs.

The conversation at the end comes from whichever package offers it through the entry-point group
``alsatian.demo``; this package knows nothing of it.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
from rich.console import Console

from recsys.als import AlternatingLeastSquares
from recsys.batch import plan_job, run_job
from recsys.datasets import Dataset, movielens_100k
from recsys.evaluation import AlsSettings, evaluate_recommenders
from recsys.recommender import Recommender
from recsys.retrieval import make_index, recall_against_exact

# Chosen on a validation part of the training data; the same for both ALS models.
SETTINGS = AlsSettings(factors=32, regularization=40.0, alpha=2.0, iterations=15)
LISTED = 10
_KIB_PER_MIB = 1024

DemoAct = Callable[..., None]


def run_demo(out: Path, *, llm: str = "embedded", seed: int = 7) -> None:
    """Fetch, fit, evaluate, recommend to everyone, explain, converse; print what happens.

    Parameters
    ----------
    out : Path
        Receives ``model``, ``lists-*`` and ``quality.png``.
    llm : str
        ``embedded``, or ``none`` for templates only.
    seed : int
        Seed of the split, the factors and the choice of the user.
    """
    console = Console(width=100, highlight=False, soft_wrap=True)
    begin = time.perf_counter()
    data = _show_data(console)
    _show_quality(console, data, out, seed)
    recommender = _fit(console, data, seed)
    _write_lists(console, recommender, out)
    _show_faiss(console, recommender)
    user = _a_user(recommender, seed)
    _show_one_list(console, recommender, user)
    acts = [entry.load() for entry in entry_points(group="alsatian.demo")]
    for act in acts:
        console.print()
        act(recommender, user, llm=llm, say=lambda line: console.print(line, markup=False))
    if not acts:
        console.print("No conversation: no installed package offers one.")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if sys.platform == "darwin":  # there in bytes, elsewhere in KiB
        peak //= 1024
    console.print(
        f"\nDone in {time.perf_counter() - begin:.0f} s, "
        f"peak memory {peak / _KIB_PER_MIB:,.0f} MiB."
    )


def _heading(console: Console, text: str) -> None:
    console.print(f"\n[bold]{text}[/bold]")


def _show_data(console: Console) -> Dataset:
    _heading(console, "1. Data")
    data = movielens_100k()
    events = data.interactions
    density = events.nnz / (events.n_users * events.n_items)
    console.print(
        f"{data.name} from {data.source}: {events.n_users:,} users, {events.n_items:,} films, "
        f"{events.nnz:,} ratings with times, {density:.1%} of all pairs."
    )
    console.print(f"[dim]{data.licence}[/dim]")
    return data


def _show_quality(console: Console, data: Dataset, out: Path, seed: int) -> None:
    _heading(console, "2. Quality: random 80/20 split, all unseen films ranked")
    report = evaluate_recommenders(
        data.interactions, split="random", k=(10, 20), settings=SETTINGS, seed=seed
    )
    console.print(report.table())
    try:
        out.mkdir(parents=True, exist_ok=True)
        console.print(f"Curves over the list length: {report.plot(out / 'quality.png')}")
    except ImportError as error:  # the plots extra is optional
        console.print(str(error))


def _fit(console: Console, data: Dataset, seed: int) -> Recommender:
    _heading(console, "3. Training on everything")
    model = AlternatingLeastSquares(**asdict(SETTINGS), random_state=seed)
    begin = time.perf_counter()
    model.fit(data.interactions.matrix, show_progress=False)
    sweeps = time.perf_counter() - begin
    console.print(
        f"{SETTINGS.iterations} sweeps, {SETTINGS.factors} factors: {sweeps:.2f} s "
        f"({1000 * sweeps / SETTINGS.iterations:.0f} ms each)."
    )
    begin = time.perf_counter()
    recommender = Recommender.fit(
        data.interactions,
        items=data.items,
        item_text=["title", "genres"],
        model=AlternatingLeastSquares(**asdict(SETTINGS), random_state=seed),
    )
    console.print(
        f"{recommender!r}, sentence vectors included: {time.perf_counter() - begin:.1f} s."
    )
    return recommender


def _write_lists(console: Console, recommender: Recommender, out: Path) -> None:
    _heading(console, "4. Lists for everyone")
    recommender.save(out / "model")
    recommender = Recommender.load(out / "model")
    lists = out / f"lists-{recommender.fingerprint[:8]}"
    plan = plan_job(recommender, lists, n=LISTED, resume=True)
    console.print(plan.describe())
    console.print(run_job(plan, resume=True).describe())
    console.print(f"Parquet parts and their manifest: {lists}")


def _show_faiss(console: Console, recommender: Recommender) -> None:
    """How much of the exact lists FAISS finds: what serves a large catalogue."""
    graph = make_index(recommender.item_factors, "hnsw")
    exact = make_index(recommender.item_factors, "exact")
    queries = np.asarray(recommender.model.user_factors, np.float32)
    recall = recall_against_exact(graph, exact, queries, LISTED)
    console.print(
        f"Candidates from FAISS (HNSW) instead: recall@{LISTED} {recall:.4f} against the exact "
        f"search, {len(queries):,} users."
    )


def _a_user(recommender: Recommender, seed: int) -> int:
    """Somebody with a history of ordinary length, so that there is something to talk about."""
    lengths = np.diff(recommender.interactions.matrix.indptr)
    ordinary = np.flatnonzero((lengths >= np.median(lengths)) & (lengths <= 200))
    row = np.random.default_rng(seed).choice(ordinary)
    return int(recommender.users.ids[int(row)].as_py())


def _show_one_list(console: Console, recommender: Recommender, user: int) -> None:
    assert recommender.catalogue is not None
    _heading(console, f"5. User {user}")
    catalogue = recommender.catalogue

    def title(item: object) -> str:
        return catalogue.title(int(recommender.items.rows([item])[0]))

    best = recommender.recommend([user], n=5).to_pylist()
    for row in best:
        console.print(f"  {row['rank']}. {title(row['item_id'])}  [dim]{row['score']:.3f}[/dim]")
    why = recommender.explain(user, best[0]["item_id"], n=3)
    reasons = ", ".join(
        f"{title(row['item_id'])} ({row['contribution']:+.3f})"
        for row in why.contributions.to_pylist()
    )
    console.print(f"The first one's {why.score:.3f} owes most to: {reasons}.")

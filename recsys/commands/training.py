"""``alsatian fit`` and ``alsatian evaluate``: what trains a model of events."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from recsys.commands.options import (
    Alpha,
    AsJson,
    Duplicates,
    EventsArgument,
    Exponent,
    Factors,
    ItemColumn,
    Iterations,
    Regularization,
    Seed,
    Solver,
    StringIds,
    Threads,
    TimeColumn,
    Unobserved,
    UserColumn,
    WeightColumn,
)
from recsys.commands.output import say


def fit(
    events: EventsArgument,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    items: Annotated[Path | None, typer.Option(help="Item table.")] = None,
    item_text: Annotated[
        list[str] | None, typer.Option(help="Column of item text; may be repeated.")
    ] = None,
    user_column: UserColumn = "user_id",
    item_column: ItemColumn = "item_id",
    weight_column: WeightColumn = None,
    timestamp_column: TimeColumn = None,
    duplicates: Duplicates = "sum",
    string_ids: StringIds = False,
    factors: Factors = 64,
    regularization: Regularization = 0.01,
    alpha: Alpha = 1.0,
    unobserved_weight: Unobserved = 1.0,
    regularization_exponent: Exponent = 0.0,
    iterations: Iterations = 15,
    solver: Solver = "cg",
    index: Annotated[str, typer.Option(help="auto, exact, flat, hnsw, ivf or ivfpq.")] = "auto",
    seed: Seed = 0,
    threads: Threads = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder that keeps the state of the training.")
    ] = None,
    checkpoint_every: Annotated[int, typer.Option(help="Sweeps between checkpoints.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint, if there is one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model and write it to a folder.

    Example: alsatian fit events.parquet --items items.parquet --item-text title --out model
    """
    from recsys.als import AlternatingLeastSquares
    from recsys.model_folder import check_target
    from recsys.recommender import Recommender
    from recsys.tables import read_events, read_table

    model = AlternatingLeastSquares(
        factors,
        regularization,
        alpha,
        iterations,
        unobserved_weight=unobserved_weight,
        regularization_exponent=regularization_exponent,
        solver=solver,
        num_threads=threads,
        random_state=seed,
    )
    check_target(out)
    interactions = read_events(
        events,
        user=user_column,
        item=item_column,
        weight=weight_column,
        timestamp=timestamp_column,
        duplicates=duplicates,
        string_ids=string_ids,
    )
    table = read_table(items, "item table") if items is not None else None
    begin = time.perf_counter()
    recommender = Recommender.fit(
        interactions,
        items=table,
        item_id=item_column,
        item_text=item_text or (),
        model=model,
        index=index,  # type: ignore[arg-type]  # checked where the index is made
        show_progress=sys.stderr.isatty(),
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
    )
    seconds = time.perf_counter() - begin
    recommender.save(out)
    facts = {
        "users": interactions.n_users,
        "items": len(recommender.items),
        "pairs": interactions.nnz,
        "factors": factors,
        "seconds": round(seconds, 3),
        "model": str(out),
    }
    say(f"{recommender!r}\nfitted in {seconds:.1f} s, written to {out}", facts, as_json)


def evaluate(
    events: EventsArgument,
    user_column: UserColumn = "user_id",
    item_column: ItemColumn = "item_id",
    weight_column: WeightColumn = None,
    timestamp_column: TimeColumn = None,
    duplicates: Duplicates = "sum",
    string_ids: StringIds = False,
    split: Annotated[str, typer.Option(help="random, or last (needs times).")] = "random",
    k: Annotated[list[int] | None, typer.Option(help="List length; may be repeated.")] = None,
    factors: Factors = 64,
    regularization: Regularization = 0.01,
    alpha: Alpha = 1.0,
    unobserved_weight: Unobserved = 1.0,
    regularization_exponent: Exponent = 0.0,
    iterations: Iterations = 15,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="alsatian, implicit, bm25, popularity; may be repeated."),
    ] = None,
    seed: Seed = 0,
    threads: Threads = 0,
    plot: Annotated[Path | None, typer.Option(help="Write metric curves as PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Split, train, and report metrics with intervals: ours, implicit's ALS, popularity.

    Example: alsatian evaluate events.parquet --split random --k 10 --k 20
    """
    from recsys.evaluation import AlsSettings, evaluate_recommenders
    from recsys.tables import read_events

    interactions = read_events(
        events,
        user=user_column,
        item=item_column,
        weight=weight_column,
        timestamp=timestamp_column,
        duplicates=duplicates,
        string_ids=string_ids,
    )
    report = evaluate_recommenders(
        interactions,
        split=split,  # type: ignore[arg-type]  # checked there
        k=tuple(k or (10, 20)),
        models=tuple(models or _rivals(unobserved_weight, regularization_exponent)),
        settings=AlsSettings(
            factors,
            regularization,
            alpha,
            iterations,
            unobserved_weight=unobserved_weight,
            regularization_exponent=regularization_exponent,
        ),
        seed=seed,
        num_threads=threads,
    )
    say(report.to_markdown(), report.to_dict(), as_json)
    if plot is not None:
        report.plot(plot)


def _rivals(unobserved_weight: float, exponent: float) -> tuple[str, ...]:
    """Models to compare by default: implicit's ALS has no α0 and no ν, so it stays out then."""
    if (unobserved_weight, exponent) == (1.0, 0.0):
        return ("alsatian", "implicit", "popularity")
    return ("alsatian", "popularity")

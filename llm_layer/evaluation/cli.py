"""``alsatian evaluate-dialogue``: simulated users on the command line."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from recsys.commands.options import (
    AsJson,
    EventsArgument,
    Exponent,
    Factors,
    ItemColumn,
    Iterations,
    Regularization,
    Seed,
    StringIds,
    Threads,
    Unobserved,
    UserColumn,
    WeightColumn,
)
from recsys.errors import InvalidInputError


def evaluate_dialogue(
    events: EventsArgument,
    items: Annotated[Path | None, typer.Option(help="Item table: title, genres, year.")] = None,
    users: Annotated[
        int | None,
        typer.Option(help="Simulated users in each group; 500, or as many as there are."),
    ] = None,
    turns: Annotated[int, typer.Option(help="Messages before a user gives up.")] = 5,
    modes: Annotated[
        list[str] | None,
        typer.Option(
            "--mode", help="What users know: history, wish, critique, attribute; may be repeated."
        ),
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option(
            help="A group of users of whose history the engine knows so many items, or all; may be "
            "repeated. All, 0, 3 and 10 without it."
        ),
    ] = None,
    targets: Annotated[int, typer.Option(help="Items hidden of each user.")] = 1,
    language: Annotated[str, typer.Option(help="en, zh or both.")] = "both",
    llm: Annotated[
        str, typer.Option(help="none, embedded, a .gguf file, or an OpenAI-compatible URL.")
    ] = "none",
    llm_model: Annotated[str, typer.Option(help="Model name at the URL.")] = "",
    api_key_env: Annotated[
        str, typer.Option(help="Environment variable that holds the key for the URL.")
    ] = "OPENAI_API_KEY",
    timeout: Annotated[float, typer.Option(help="Seconds for one answer of the model.")] = 20.0,
    baseline: Annotated[
        bool, typer.Option("--baseline/--no-baseline", help="Also ask a catalogue without model.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report, its figures and the dialogues.")
    ] = None,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw, with --out.")] = True,
    user_column: UserColumn = "user_id",
    item_column: ItemColumn = "item_id",
    weight_column: WeightColumn = None,
    string_ids: StringIds = False,
    factors: Factors = 64,
    regularization: Regularization = 0.01,
    unobserved_weight: Unobserved = 0.1,
    regularization_exponent: Exponent = 1.0,
    iterations: Iterations = 15,
    seed: Seed = 0,
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """Let simulated users look, in conversation, for items that are hidden from the engine.

    Example: alsatian evaluate-dialogue events.parquet --items items.parquet --out report
    """
    from llm_layer.cli import language_model
    from llm_layer.evaluation.course import Course, Spoken
    from llm_layer.evaluation.plot import require_matplotlib
    from llm_layer.evaluation.run import evaluate_dialogues
    from llm_layer.evaluation.simulator import Mode
    from recsys.als import AlternatingLeastSquares
    from recsys.tables import read_events, read_table

    if items is None:
        raise InvalidInputError("--items is missing; give the item table that users talk about")
    if language not in get_args(Spoken):
        raise InvalidInputError(f"--language is {language!r}, expected en, zh or both")
    course = Course(
        users=users,
        turns=turns,
        modes=cast("tuple[Mode, ...]", tuple(modes or Course.modes)),
        known=tuple(_known(text) for text in known) if known else Course.known,
        targets=targets,
        language=cast(Spoken, language),
        baseline=baseline,
        seed=seed,
    )
    if out is not None and plots:
        require_matplotlib()
    table = read_table(items, "item table")
    interactions = read_events(
        events,
        user=user_column,
        item=item_column,
        weight=weight_column,
        string_ids=string_ids,
    )
    model = AlternatingLeastSquares(
        factors,
        regularization,
        1.0,
        iterations,
        unobserved_weight=unobserved_weight,
        regularization_exponent=regularization_exponent,
        num_threads=threads,
        random_state=seed,
    )
    report = evaluate_dialogues(
        interactions,
        table,
        course,
        item_id=item_column,
        model=model,
        llm=language_model(llm, llm_model, os.environ.get(api_key_env), timeout),
        progress=_Progress(),
    )
    written = report.write(out, plots=plots) if out is not None else []
    if as_json:
        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False))
        return
    typer.echo(report.summary())
    for path in written:
        typer.echo(f"written: {path}")


def _known(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdigit():
        raise InvalidInputError(f"--known is {text!r}, expected a number of items, or all")
    return int(text)


class _Progress:
    """A live line on a terminal, a plain line for each group elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._begun = time.monotonic()
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if done == 0:
            self._begun = time.monotonic()
        seconds = time.monotonic() - self._begun
        if self._live:
            line = f"{what}: {done:,}/{total:,} users, {seconds:.0f} s"
            sys.stderr.write(f"\r{line:60}" + ("\n" if done == total else ""))
        elif done == total:
            sys.stderr.write(f"{what}: {total:,} users, {seconds:.0f} s\n")
        sys.stderr.flush()

"""The command ``alsatian``.

Every command raises the project's own errors; :func:`main` turns them into one line and exit
status 2. Anything else is a crash: exit status 1, and a traceback with ``--debug``. Further
packages add commands through the entry-point group ``alsatian.commands``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys.errors import AlsatianError, ClusterError, InvalidInputError, StorageError

if TYPE_CHECKING:
    import pyarrow as pa

    from recsys.recommender import Recommender

app = typer.Typer(
    name="alsatian",
    help="Recommender-first engine: fit factors, recommend to everyone, explain, converse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
# Typer brings its own copy of click or the real one, by version; its exceptions lead to either.
_UsageError: Any = typer.BadParameter.__base__
_state = {"debug": False}

EventsArgument = Annotated[
    Path, typer.Argument(help="Events: a Parquet file or folder, CSV or TSV with a header.")
]
ModelArgument = Annotated[Path, typer.Argument(help="Model folder written by 'alsatian fit'.")]
UserColumn = Annotated[str, typer.Option(help="Column of user ids.")]
ItemColumn = Annotated[str, typer.Option(help="Column of item ids.")]
WeightColumn = Annotated[str | None, typer.Option(help="Column of weights; 1 each without it.")]
TimeColumn = Annotated[str | None, typer.Option(help="Column of times.")]
Duplicates = Annotated[str, typer.Option(help="Repeated pairs: sum, max or last.")]
StringIds = Annotated[bool, typer.Option("--string-ids", help="Keep ids of a CSV as written.")]
Factors = Annotated[int, typer.Option(help="Number of factors.")]
Regularization = Annotated[float, typer.Option(help="Strength of regularization, λ.")]
Alpha = Annotated[float, typer.Option(help="Confidence of an event of weight 1.")]
Unobserved = Annotated[float, typer.Option(help="Weight of unobserved pairs, α0.")]
Exponent = Annotated[float, typer.Option(help="Scaling of λ with the row's size, ν.")]
Iterations = Annotated[int, typer.Option(help="Sweeps over users and items.")]
Solver = Annotated[str, typer.Option(help="cg, cholesky, subspace or auto.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Threads = Annotated[int, typer.Option(help="Threads; 0 means all cores.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    _state["debug"] = debug or bool(os.environ.get("ALSATIAN_DEBUG"))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the model and the lists.")] = Path("out"),
    llm: Annotated[str, typer.Option(help="embedded, or none for templates only.")] = "embedded",
    seed: Seed = 7,
) -> None:
    """The main job on MovieLens 100K: fetch, fit, evaluate, recommend to all, converse.

    Example: alsatian demo --out out
    """
    from recsys.demo import run_demo

    run_demo(out, llm=llm, seed=seed)


@app.command()
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
    _say(f"{recommender!r}\nfitted in {seconds:.1f} s, written to {out}", facts, as_json)


@app.command()
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
    _say(report.to_markdown(), report.to_dict(), as_json)
    if plot is not None:
        report.plot(plot)


@app.command()
def recommend(
    model: ModelArgument,
    out: Annotated[str, typer.Option(help="Folder, or s3:// or gs:// and a prefix.")],
    users: Annotated[str, typer.Option(help="'all', or a file of user ids.")] = "all",
    since: Annotated[
        str | None, typer.Option(help="Only users with an interaction since this time.")
    ] = None,
    n: Annotated[int, typer.Option(help="Items for each user.")] = 20,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Allow what a user already has.")
    ] = False,
    rules: Annotated[Path | None, typer.Option(help="Rules in a TOML or JSON file.")] = None,
    allow: Annotated[Path | None, typer.Option(help="File of the only items to list.")] = None,
    deny: Annotated[Path | None, typer.Option(help="File of items never to list.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help='Condition such as "year >= 1990 and in_stock".')
    ] = None,
    unknown: Annotated[
        str, typer.Option(help="Unknown ids in users and rules: stop, or report and go on.")
    ] = "stop",
    replies: Annotated[
        bool, typer.Option("--replies", help="Write a text for each user as well.")
    ] = False,
    llm: Annotated[
        str, typer.Option(help="For --replies: embedded, none, a .gguf file, or URL#MODEL.")
    ] = "embedded",
    engine: Annotated[str, typer.Option(help="local, or ray for a cluster.")] = "local",
    address: Annotated[
        str | None, typer.Option(help="Ray cluster, HOST:PORT or auto; else RAY_ADDRESS, or here.")
    ] = None,
    cpus: Annotated[int, typer.Option(help="Processors of each of Ray's tasks.")] = 1,
    memory: Annotated[str | None, typer.Option(help="Limit such as 512MiB or 2GiB.")] = None,
    part_users: Annotated[int | None, typer.Option(help="Users in each part.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish what is missing; join those at work.")
    ] = False,
    plan_only: Annotated[bool, typer.Option("--plan", help="Say what it would do.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print events as JSON lines.")] = False,
) -> None:
    """Write recommendations for all users, or for those of a file, as Parquet parts.

    Exit status: 0 done; 1 a defect; 2 bad input; 3 the disk, the store or the cluster refused:
    finished parts are kept, go on with --resume; 130 interrupted, 143 terminated, likewise.

    Example: alsatian recommend model --users all --n 20 --out lists
    """
    from recsys.batch import parse_memory, plan_job, run_job
    from recsys.batch.engines import make_engine
    from recsys.batch.replies import make_writer
    from recsys.recommender import Recommender
    from recsys.rules import Allow, Deny, Where, read_rules

    if replies and engine != "local":
        raise InvalidInputError(f"--replies needs --engine local, found {engine!r}")
    work = make_engine(engine, address=address, cpus=cpus)
    wanted = read_rules(rules) if rules is not None else []
    wanted += [Allow(allow)] if allow is not None else []
    wanted += [Deny(deny)] if deny is not None else []
    wanted += [Where(text) for text in where or ()]
    say = _events() if as_json else None
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        recommender = Recommender.load(model)
        plan = plan_job(
            recommender,
            out,
            users="all" if users == "all" else Path(users),
            since=since,
            n=n,
            exclude_seen=not include_seen,
            rules=wanted,
            unknown=unknown,  # type: ignore[arg-type]  # checked there
            memory=parse_memory(memory) if memory is not None else None,
            part_users=part_users,
            resume=resume,
            writer=make_writer(recommender, llm) if replies else None,
            writer_key=llm,
        )
        if say is not None:
            say("planned", plan.to_dict())
        else:
            typer.echo(plan.describe())
        if plan_only:
            return
        progress = _progress(plan) if say is None else _progress_events(plan, say)
        result = run_job(plan, resume=resume, progress=progress, engine=work)
    except AlsatianError as error:
        if say is not None:
            say("failed", {"error": type(error).__name__, "message": str(error)})
        raise
    finally:  # whoever calls this in a process of its own keeps its signals
        signal.signal(signal.SIGTERM, before)
    if say is not None:
        say("done", result.to_dict())
    else:
        typer.echo(result.describe())


@app.command()
def similar(
    model: ModelArgument,
    item: Annotated[str, typer.Argument(help="Item id.")],
    n: Annotated[int, typer.Option(help="How many.")] = 10,
    by: Annotated[str, typer.Option(help="factors or content.")] = "factors",
    as_json: AsJson = False,
) -> None:
    """The items most like an item.

    Example: alsatian similar model 50 --n 5
    """
    from recsys.recommender import Recommender

    recommender = Recommender.load(model)
    found = recommender.similar_items(item, n, by=by)  # type: ignore[arg-type]  # checked there
    heading = f"most like {_name(recommender, item)}"
    _say_table(recommender, found, heading, as_json)


@app.command()
def explain(
    model: ModelArgument,
    user: Annotated[str, typer.Argument(help="User id.")],
    item: Annotated[str, typer.Argument(help="Item id.")],
    n: Annotated[int, typer.Option(help="Largest contributions to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """What each item of a user's history contributes to an item's score.

    Example: alsatian explain model 1 50
    """
    from recsys.recommender import Recommender

    recommender = Recommender.load(model)
    found = recommender.explain(user, item, n)
    heading = f"user {user}, {_name(recommender, item)}: score {found.score:.4f}"
    _say_table(recommender, found.contributions, heading, as_json, score=found.score)


def _rivals(unobserved_weight: float, exponent: float) -> tuple[str, ...]:
    """Models to compare by default: implicit's ALS has no α0 and no ν, so it stays out then."""
    if (unobserved_weight, exponent) == (1.0, 0.0):
        return ("alsatian", "implicit", "popularity")
    return ("alsatian", "popularity")


def _say(text: str, facts: dict[str, Any], as_json: bool) -> None:
    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else text)


def _name(recommender: Recommender, item: Any) -> str:
    row = int(recommender.items.rows([item])[0])
    given = recommender.items.ids[row].as_py()
    if recommender.catalogue is None:
        return f"item {given}"
    return f"{recommender.catalogue.title(row)} (item {given})"


def _say_table(
    recommender: Recommender, table: pa.Table, heading: str, as_json: bool, **facts: Any
) -> None:
    rows = table.to_pylist()
    if as_json:
        typer.echo(json.dumps({**facts, "items": rows}, ensure_ascii=False))
        return
    typer.echo(heading)
    for row in rows:
        value = row.get("contribution", row.get("score"))
        typer.echo(f"  {value:+.4f}  {_name(recommender, row['item_id'])}")


class _Terminated(KeyboardInterrupt):
    """The system asked the process to end."""


def _terminate(number: int, frame: Any) -> None:
    raise _Terminated


def _events() -> Any:
    """Print events as JSON, a line each, as they happen."""

    def say(event: str, facts: dict[str, Any]) -> None:
        typer.echo(json.dumps({"event": event, **facts}, ensure_ascii=False, default=str))
        sys.stdout.flush()

    return say


def _seconds_left(plan: Any, done: int, rate: float) -> float | None:
    """Seconds for the parts that are missing at `rate` users a second; None without one."""
    return (plan.parts - done) * plan.part_users / rate if rate > 0 else None


def _progress_events(plan: Any, say: Any) -> Any:
    def report(done: int, total: int, users_per_second: float) -> None:
        left = _seconds_left(plan, done, users_per_second)
        facts = {"parts_done": done, "parts": total, "users_per_second": users_per_second}
        say("progress", {**facts, "seconds_left": left})

    return report


def _progress(plan: Any) -> Any:
    """A live line on a terminal, plain log lines a few seconds apart elsewhere."""
    live = sys.stderr.isatty()
    last = [0.0]

    def report(done: int, total: int, users_per_second: float) -> None:
        now = time.monotonic()
        if not live and done < total and now - last[0] < 5:
            return
        last[0] = now
        line = f"part {done}/{total}"
        left = _seconds_left(plan, done, users_per_second)
        if left is not None:
            line += f", {users_per_second:,.0f} users/s, {_duration(left)} left"
        sys.stderr.write(f"\r{line:60}" + ("\n" if done == total else "") if live else f"{line}\n")
        sys.stderr.flush()

    return report


def _duration(seconds: float) -> str:
    """Hours, minutes and seconds, as far as they matter.

    >>> _duration(3.2), _duration(75), _duration(7384)
    ('3 s', '1 min 15 s', '2 h 3 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def load_plugins() -> None:
    """Let other packages add their commands to :data:`app`."""
    for plugin in entry_points(group="alsatian.commands"):
        plugin.load()(app)


def main() -> None:
    """Run the command line and exit.

    0 done, 1 a crash, 2 bad input or usage, 3 disk, store or cluster refused, 130 interrupted, 143
    terminated.
    """
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line over `arguments` and return the exit status."""
    _state["debug"] = "--debug" in arguments[:1] or bool(os.environ.get("ALSATIAN_DEBUG"))
    try:
        load_plugins()
        status = app(arguments, prog_name="alsatian", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except (StorageError, ClusterError) as error:
        return _fail(str(error), error, 3)
    except AlsatianError as error:
        return _fail(str(error), error, 2)
    except _UsageError as error:
        return _fail(f"{error.format_message()} (see --help)", error, 2)
    except _Terminated as error:
        return _fail("terminated", error, 143)
    except (KeyboardInterrupt, typer.Abort) as error:
        return _fail("interrupted", error, 130)
    except BrokenPipeError:
        return _nobody_reads()
    except SystemExit as error:  # typer's own answer to a broken pipe
        if isinstance(error.__context__, BrokenPipeError):
            return _nobody_reads()
        raise
    except OSError as error:  # writing to our own output
        return _fail(f"cannot write the output: {error.strerror or error}", error, 2)
    except Exception as error:
        hint = "" if _state["debug"] else "; run 'alsatian --debug ...' for the traceback"
        return _fail(f"internal error: {type(error).__name__}: {error}{hint}", error, 1)


def _nobody_reads() -> int:
    """Whoever read our output has left: no error, and nothing more to say."""
    # Python flushes at exit and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _fail(message: str, error: BaseException, status: int) -> int:
    if _state["debug"]:
        import traceback

        traceback.print_exception(error)
    sys.stderr.write(f"alsatian: {' '.join(message.split())}\n")
    return status


if __name__ == "__main__":
    main()

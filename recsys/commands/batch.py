"""``alsatian recommend``: lists for everyone."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys.commands.options import ModelArgument
from recsys.commands.output import say_event
from recsys.errors import AlsatianError, InvalidInputError

if TYPE_CHECKING:
    from recsys.batch import JobPlan, JobResult
    from recsys.batch.run import Progress
    from recsys.rules import Rule


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

    if replies and engine != "local":
        raise InvalidInputError(f"--replies needs --engine local, found {engine!r}")
    work = make_engine(engine, address=address, cpus=cpus)
    wanted = _rules(rules, allow, deny, where or ())
    with _terminable(), _failure_told(as_json):
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
        _tell("planned", plan, as_json)
        if plan_only:
            return
        progress = _progress_events(plan) if as_json else _progress(plan)
        result = run_job(plan, resume=resume, progress=progress, engine=work)
    _tell("done", result, as_json)


def _rules(
    file: Path | None, allow: Path | None, deny: Path | None, where: Sequence[str]
) -> list[Rule]:
    """The rules of the options, those of the file first."""
    from recsys.rules import Allow, Deny, Where, read_rules

    wanted = read_rules(file) if file is not None else []
    wanted += [Allow(allow)] if allow is not None else []
    wanted += [Deny(deny)] if deny is not None else []
    return wanted + [Where(text) for text in where]


class Terminated(KeyboardInterrupt):
    """The system asked the process to end."""


def _terminate(number: int, frame: Any) -> None:
    raise Terminated


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM into :class:`Terminated` within the block."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:  # whoever calls this in a process of its own keeps its signals
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _failure_told(as_json: bool) -> Iterator[None]:
    """Let a program that reads events know of an error before it ends the command."""
    try:
        yield
    except AlsatianError as error:
        if as_json:
            say_event("failed", {"error": type(error).__name__, "message": str(error)})
        raise


def _tell(event: str, about: JobPlan | JobResult, as_json: bool) -> None:
    if as_json:
        say_event(event, about.to_dict())
    else:
        typer.echo(about.describe())


def _seconds_left(plan: JobPlan, done: int, rate: float) -> float | None:
    """Seconds for the parts that are missing at `rate` users a second; None without one."""
    return (plan.parts - done) * plan.part_users / rate if rate > 0 else None


def _progress_events(plan: JobPlan) -> Progress:
    def report(done: int, total: int, users_per_second: float) -> None:
        left = _seconds_left(plan, done, users_per_second)
        facts = {"parts_done": done, "parts": total, "users_per_second": users_per_second}
        say_event("progress", {**facts, "seconds_left": left})

    return report


def _progress(plan: JobPlan) -> Progress:
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

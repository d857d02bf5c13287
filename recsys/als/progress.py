"""A progress bar where a person watches, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(total: int, wanted: bool) -> Iterator[Callable[[float | None], None]]:
    """Give a function to call after each of `total` sweeps, with the loss or None.

    Parameters
    ----------
    total : int
        Sweeps to come.
    wanted : bool
        Without it, or where standard error is not a terminal, nothing is shown.
    """
    if not wanted or total == 0 or not sys.stderr.isatty():
        yield lambda loss: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("ALS", total=total)

        def advance(loss: float | None) -> None:
            text = "ALS" if loss is None else f"ALS, loss {loss:.6f}"
            progress.update(task, advance=1, description=text)

        yield advance

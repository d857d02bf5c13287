"""Options and arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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

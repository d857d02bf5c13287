"""The plot of a report; needs the extra ``plots`` (matplotlib)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.errors import MissingExtraError
from recsys.storage import atomic_write

if TYPE_CHECKING:
    from recsys.evaluation.report import Report

__all__ = ["draw"]

_TITLES = {"ndcg": "NDCG@k", "recall": "Recall@k"}


def draw(report: Report, path: str | os.PathLike[str]) -> Path:
    """Draw one panel per curve of `report`, one line per ranker.

    See :meth:`recsys.evaluation.Report.plot`.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter
    except ImportError as error:
        raise MissingExtraError(
            'plots need matplotlib, which is not installed; run: pip install "alsatian[plots]"'
        ) from error
    # A Figure of its own, without pyplot: no window system, no state shared with the caller.
    figure = Figure(figsize=(5.2 * len(_TITLES), 4.0), layout="constrained")
    panels = figure.subplots(1, len(_TITLES), squeeze=False)[0]
    for axes, (metric, title) in zip(panels, _TITLES.items(), strict=True):
        cutoffs: list[int] = []
        for result in report.results:
            points = sorted(
                (int(key.rpartition("@")[2]), value)
                for key, value in result.metrics.items()
                if key.rpartition("@")[0] == metric
            )
            cutoffs = [k for k, _ in points]
            (line,) = axes.plot(
                cutoffs, [v.mean for _, v in points], marker="o", markersize=3, label=result.name
            )
            axes.fill_between(
                cutoffs,
                [v.low for _, v in points],
                [v.high for _, v in points],
                color=line.get_color(),
                alpha=0.2,
                linewidth=0,
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(cutoffs))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.set(xlabel="k", title=title)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    panels[0].legend()
    figure.suptitle(f"{report.level:.0%} intervals over users", fontsize=9)
    final = Path(path)
    with atomic_write(final) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    return final

"""What an evaluation found, as a table for people, Markdown, a JSON object, and a plot."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import InvalidInputError
from recsys.evaluation.bootstrap import Estimate

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["CURVES", "Comparison", "Report", "Result"]

# Metrics that are measured at many cutoffs, for the plot.
CURVES = ("ndcg", "recall")

_SHOWN = ("ndcg", "recall", "map", "hit_rate")
_LABELS = {
    "ndcg": "NDCG",
    "recall": "Recall",
    "truncated_recall": "Truncated recall",
    "map": "MAP",
    "mrr": "MRR",
    "hit_rate": "Hit rate",
    "novelty": "Novelty",
}


@dataclass(frozen=True)
class Result:
    """What one ranker achieved.

    Attributes
    ----------
    name : str
        The ranker's name.
    settings : mapping
        Its parameters.
    fit_seconds : float
        Wall time of training.
    recommend_seconds : float
        Wall time of ranking for all evaluated users, at the largest cutoff.
    users : int
        Evaluated users.
    short_users : int
        Users whose list ended before the largest cutoff.
    metrics : mapping of str to Estimate
        By "metric@k": mean over users with interval.
    coverage : mapping of int to float
        By cutoff: share of the catalogue that stands in somebody's list.
    per_user : mapping of str to numpy.ndarray
        By "metric@k": float64, shape (users,), in rising order of user row.
    """

    name: str
    settings: Mapping[str, Any]
    fit_seconds: float
    recommend_seconds: float
    users: int
    short_users: int
    metrics: Mapping[str, Estimate]
    coverage: Mapping[int, float]
    per_user: Mapping[str, NDArray[np.float64]] = field(repr=False, compare=False)

    @property
    def users_per_second(self) -> float:
        """Users ranked per second."""
        return self.users / max(self.recommend_seconds, 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the values per user, for JSON."""
        return {
            "name": self.name,
            "settings": dict(self.settings),
            "fit_seconds": self.fit_seconds,
            "recommend_seconds": self.recommend_seconds,
            "users": self.users,
            "users_per_second": self.users_per_second,
            "short_users": self.short_users,
            "metrics": {name: asdict(value) for name, value in self.metrics.items()},
            "coverage": {f"coverage@{k}": share for k, share in self.coverage.items()},
        }


@dataclass(frozen=True)
class Comparison:
    """How far one ranker is ahead of another on one metric, over the same users.

    Attributes
    ----------
    reference, other : str
        Names of the rankers.
    metric : str
        "metric@k".
    difference : Estimate
        Mean of reference minus other, with its paired interval.
    """

    reference: str
    other: str
    metric: str
    difference: Estimate


@dataclass(frozen=True)
class Report:
    """The outcome of one evaluation.

    Attributes
    ----------
    split : str
        How training and test part were made.
    cutoffs : tuple of int
        The cutoffs asked for, rising.
    results : tuple of Result
        One for each ranker, in the order given.
    comparisons : tuple of Comparison
        The first ranker against each of the others, for each metric and cutoff.
    samples : int
        Bootstrap resamples.
    level : float
        Coverage of the intervals.
    seed : int
        Seed of the resamples.
    """

    split: str
    cutoffs: tuple[int, ...]
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]
    samples: int
    level: float
    seed: int

    def result(self, name: str) -> Result:
        """Return the result of the ranker of that name.

        Raises
        ------
        InvalidInputError
            No ranker of that name was evaluated.
        """
        for result in self.results:
            if result.name == name:
                return result
        known = ", ".join(result.name for result in self.results)
        raise InvalidInputError(f"no result of {name!r}; evaluated were: {known}")

    def comparison(self, other: str, metric: str) -> Comparison:
        """Return how the first ranker compares with `other` on `metric` ("ndcg@10").

        Raises
        ------
        InvalidInputError
            There is no such comparison.
        """
        for comparison in self.comparisons:
            if (comparison.other, comparison.metric) == (other, metric):
                return comparison
        known = ", ".join(sorted({f"{c.other}/{c.metric}" for c in self.comparisons}))
        raise InvalidInputError(f"no comparison {other}/{metric}; there are: {known or 'none'}")

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values that JSON can hold."""
        return {
            "split": self.split,
            "cutoffs": list(self.cutoffs),
            "bootstrap": {"samples": self.samples, "level": self.level, "seed": self.seed},
            "results": [result.to_dict() for result in self.results],
            "comparisons": [
                {
                    "reference": one.reference,
                    "other": one.other,
                    "metric": one.metric,
                    "difference": asdict(one.difference),
                }
                for one in self.comparisons
            ],
        }

    def table(self) -> Table:
        """The report as a table for a terminal; print it with :class:`rich.console.Console`.

        One column per ranker and three decimals, so that three rankers fit into 80 columns;
        :meth:`to_markdown` and :meth:`to_dict` give more.
        """
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            collapse_padding=True,
            # Text, not str: rich would take "[low, high]" for markup.
            caption=Text("\n".join(self.notes())),
            caption_justify="left",
        )
        table.add_column("metric")
        for result in self.results:
            table.add_column(Text(result.name), justify="right")
        for label, cells in self._rows(_short):
            table.add_row(label, *(Text(cell) for cell in cells))
        return table

    def to_markdown(self) -> str:
        """The report as a Markdown table (four decimals) with its notes."""
        lines = [
            _markdown_row(["metric", *(result.name for result in self.results)]),
            _markdown_row(["---", *["---:"] * len(self.results)]),
        ]
        lines += [_markdown_row([label, *cells]) for label, cells in self._rows(str)]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes()), ""])

    def notes(self) -> list[str]:
        """Lines to read beside the table: the split, the intervals, and what is shown by them."""
        return [self.split, self._interval_note(), *self._findings()]

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw NDCG and recall over the cutoff with their intervals, as a PNG file.

        Parameters
        ----------
        path : path-like
            File to write; replaced whole.

        Returns
        -------
        pathlib.Path
            `path`.

        Raises
        ------
        MissingExtraError
            matplotlib is not installed.
        StorageError
            The file cannot be written.
        """
        from recsys.evaluation.plot import draw

        return draw(self, path)

    def _rows(self, form: Callable[[Estimate], str]) -> list[tuple[str, list[str]]]:
        """A label and a text for each ranker, row by row."""
        rows = [
            (f"{_LABELS[metric]}@{k}", [form(r.metrics[f"{metric}@{k}"]) for r in self.results])
            for k in self.cutoffs
            for metric in _SHOWN
        ]
        last = self.cutoffs[-1]
        rows.append((f"Coverage@{last}", [f"{r.coverage[last]:.1%}" for r in self.results]))
        rows.append(("Fit, s", [f"{r.fit_seconds:.2f}" for r in self.results]))
        rows.append(("Users/s", [f"{r.users_per_second:,.0f}" for r in self.results]))
        return rows

    def _interval_note(self) -> str:
        return (
            f"[low, high]: {self.level:.0%} interval from {self.samples} resamples of the users, "
            f"seed {self.seed}; recall is over all test items of a user"
        )

    def _findings(self) -> list[str]:
        """Say in words how the first ranker compares, and whose lists ended early."""
        lines = []
        for one in self.comparisons:
            metric, _, k = one.metric.partition("@")
            if metric == "ndcg" and int(k) == self.cutoffs[0]:
                lines.append(
                    f"{_LABELS[metric]}@{k} of {one.reference} minus {one.other}: "
                    f"{one.difference.mean:+.4f} [{one.difference.low:+.4f}, "
                    f"{one.difference.high:+.4f}], {_verdict(one)}"
                )
        for result in self.results:
            if result.short_users:
                lines.append(
                    f"{result.name}: the lists of {result.short_users:,} users end before place "
                    f"{self.cutoffs[-1]}"
                )
        return lines


def _short(estimate: Estimate) -> str:
    """Write 0.387 [.381, .393]: narrow, for a terminal."""
    low, high = (f"{value:.3f}".removeprefix("0") for value in (estimate.low, estimate.high))
    return f"{estimate.mean:.3f} [{low}, {high}]"


def _verdict(comparison: Comparison) -> str:
    if comparison.difference.low > 0:
        return f"{comparison.reference} is better"
    if comparison.difference.high < 0:
        return f"{comparison.other} is better"
    return "no difference shown"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"

"""Plots of a report of dialogues; they need the extra ``plots`` (matplotlib)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.errors import MissingExtraError
from recsys.storage import atomic_write

if TYPE_CHECKING:
    from llm_layer.evaluation.report import DialogueReport, GroupResult


def require_matplotlib() -> None:
    """Raise :class:`~recsys.errors.MissingExtraError` where there is no matplotlib."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            'plots need matplotlib, which is not installed; run: pip install "alsatian[plots]"'
        ) from error


def draw_all(report: DialogueReport, folder: Path) -> list[Path]:
    """Draw success by turn, the turns to success, and latency, as PNG files in `folder`."""
    return [
        draw_success(report, folder / "success_by_turn.png"),
        draw_turns(report, folder / "turns_to_success.png"),
        draw_latency(report, folder / "latency_by_stage.png"),
    ]


_COLUMNS = 4


def draw_success(report: DialogueReport, path: Path) -> Path:
    """Success within each turn, a panel for each mode and group, beside the one-shot lists."""
    panels = list(dict.fromkeys(result.label for result in report.results))
    figure, axes = _figure(len(panels))
    turns = list(range(1, report.course.turns + 1))
    found = [one.success for one in report.results]
    highest = [
        *(one.within[-1].high for one in found),
        *(one.one_shot[k].mean for one in found for k in one.one_shot),
    ]
    top = min(1.0, 1.05 * max(highest)) or 1.0
    for ax, label in zip(axes, panels, strict=True):
        for result in (one for one in report.results if one.label == label):
            within = result.success.within
            (line,) = ax.plot(
                turns, [one.mean for one in within], marker="o", markersize=3, label=result.engine
            )
            ax.fill_between(
                turns,
                [one.low for one in within],
                [one.high for one in within],
                color=line.get_color(),
                alpha=0.2,
                linewidth=0,
            )
            for k, style in zip(sorted(result.success.one_shot), ("--", ":"), strict=False):
                ax.axhline(
                    result.success.one_shot[k].mean,
                    color=line.get_color(),
                    linestyle=style,
                    linewidth=1,
                    label=f"{result.engine}, one-shot top-{k}",
                )
        ax.set(xlabel="turns", title=label)
        ax.set_xticks(turns)
        ax.set_ylim(0, top)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("share of users whose target was shown")
    axes[0].legend(fontsize=7)
    figure.suptitle(f"{report.resampling.level:.0%} intervals over users", fontsize=9)
    return _save(figure, path)


def draw_turns(report: DialogueReport, path: Path) -> Path:
    """In which turn targets were shown: users of the engine under test, by mode and group."""
    own = [one for one in report.results if one.engine == report.results[0].engine]
    figure, axes = _figure(1)
    turns = range(1, report.course.turns + 1)
    width = 0.8 / len(own)
    for at, result in enumerate(own):
        found = (*result.success.found_in, result.success.users - sum(result.success.found_in))
        axes[0].bar(
            [turn + (at - (len(own) - 1) / 2) * width for turn in range(1, len(found) + 1)],
            found,
            width,
            label=result.label,
        )
    axes[0].set_xticks([*turns, len(turns) + 1], [*map(str, turns), "not found"])
    axes[0].set(xlabel="turn in which the target was shown", ylabel="users")
    axes[0].grid(axis="y", alpha=0.3)
    axes[0].legend()
    return _save(figure, path)


def draw_latency(report: DialogueReport, path: Path) -> Path:
    """Median and 95th percentile of each stage, of the headline's replies."""
    result: GroupResult = report.results[0]
    stages = list(result.conduct.milliseconds)
    figure, axes = _figure(1)
    for at, (name, place) in enumerate((("p50", 0), ("p95", 1), ("p99", 2))):
        values = [result.conduct.milliseconds[stage][place] for stage in stages]
        axes[0].bar([x + (at - 1) * 0.27 for x in range(len(stages))], values, 0.27, label=name)
    axes[0].set_xticks(range(len(stages)), stages, rotation=30, ha="right")
    axes[0].set(ylabel="milliseconds", title=f"{result.conduct.replies:,} replies")
    axes[0].grid(axis="y", alpha=0.3)
    axes[0].legend()
    return _save(figure, path)


def _figure(panels: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    # A Figure of its own, without pyplot: no window system, no state shared with the caller.
    columns = min(panels, _COLUMNS)
    rows = -(-panels // columns)
    figure = Figure(figsize=(max(6.0, 4.2 * columns), 4.0 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[panels:]:
        unused.remove()
    return figure, axes[:panels]


def _save(figure: Any, path: Path) -> Path:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    return path

"""What an evaluation of dialogues found: Markdown, JSON, and plots."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from llm_layer.evaluation.course import Course
from llm_layer.evaluation.dialogues import Dialogue
from llm_layer.evaluation.figures import Conduct, Resampling, Success
from llm_layer.evaluation.simulator import Mode
from recsys.evaluation import Estimate
from recsys.storage import atomic_write, make_folder, write_json

_EXAMPLES = 2
_LANGUAGES = {"en": "English", "zh": "Chinese"}
MODE_NOTES: dict[Mode, str] = {
    "history": "users tell what is true of their own history, and say yes or no to what they are "
    "shown; nothing they say depends on the target. An engine that knows the history already "
    "learns nothing new from it: then a list of as many items as were shown is the most that a "
    "conversation can reach on average. The less it knows, the more there is to tell.",
    "wish": "the same knowledge, worded as orders (a genre that is usual for them, something like "
    "what they loved), which the target need not fit.",
    "critique": "as history, and users also say how what they are shown differs from what they "
    "have in mind (older, newer, a genre more, a genre less).",
    "attribute": "users tell genres and the decade of the target, as in the literature. The target "
    "leaks by design: compare these figures only with each other.",
}


@dataclass(frozen=True)
class GroupResult:
    """One engine, one mode, one group of users.

    Attributes
    ----------
    engine : str
        Whom they talked with.
    mode : str
        What users knew.
    known : int or None
        Items of their history that the engine knew; None for all.
    success, conduct : Success, Conduct
        Figures.
    dialogues : tuple of Dialogue
        Everything that was said.
    """

    engine: str
    mode: Mode
    known: int | None
    success: Success
    conduct: Conduct
    dialogues: tuple[Dialogue, ...] = field(repr=False, compare=False)

    @property
    def label(self) -> str:
        """Mode and group in a few words."""
        return group_label(self.mode, self.known)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the words."""
        return {
            "engine": self.engine,
            "mode": self.mode,
            "known": "all" if self.known is None else self.known,
            "success": self.success.to_dict(),
            "conduct": self.conduct.to_dict(),
        }


@dataclass(frozen=True)
class DialogueReport:
    """The outcome of one evaluation of dialogues.

    Attributes
    ----------
    description : str
        What was hidden, and how.
    model, llm : str
        Engine and language model.
    course : Course
        What was run.
    resampling : Resampling
        Of the intervals.
    results : tuple of GroupResult
        The engine's, then the baseline's; the first is the headline.
    """

    description: str
    model: str
    llm: str
    course: Course
    resampling: Resampling
    results: tuple[GroupResult, ...]

    def of(self, mode: Mode, known: int | None = None, engine: str | None = None) -> GroupResult:
        """The result of a mode and a group; of the engine under test without `engine`.

        Raises
        ------
        KeyError
            It was not run.
        """
        engine = engine or self.results[0].engine
        for result in self.results:
            if (result.engine, result.mode, result.known) == (engine, mode, known):
                return result
        raise KeyError(f"{engine}, {mode}, known {known}")

    def over_baseline(self, result: GroupResult) -> Estimate | None:
        """Success of a result minus that of the baseline, paired by user; None without one."""
        engines = dict.fromkeys(one.engine for one in self.results)
        others = [name for name in engines if name != result.engine]
        if result.engine != self.results[0].engine or not others:
            return None
        other = self.of(result.mode, result.known, others[0])
        found = [[one.found_at is not None for one in each.dialogues] for each in (result, other)]
        return self.resampling.gain(*np.array(found, float))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "description": self.description,
            "model": self.model,
            "llm": self.llm,
            "course": asdict(self.course),
            "bootstrap": asdict(self.resampling),
            "results": [result.to_dict() for result in self.results],
        }

    def to_markdown(self, plots: Sequence[str] = ()) -> str:
        """The report as Markdown.

        Parameters
        ----------
        plots : sequence of str
            Names of image files beside it.
        """
        return "\n".join([*self._lines(plots), ""])

    def summary(self) -> str:
        """A few lines for each mode, for a terminal."""
        return "\n".join([self.description, self.model, *map(self._in_short, self.results)])

    def write(self, folder: str | os.PathLike[str], *, plots: bool = True) -> list[Path]:
        """Write ``report.md``, ``report.json``, ``dialogues.jsonl`` and plots into a folder.

        Parameters
        ----------
        folder : path-like
            Made where it is not there; files of these names are replaced whole.
        plots : bool
            Draw, too; needs the extra ``plots``.

        Returns
        -------
        list of pathlib.Path
            What was written.

        Raises
        ------
        MissingExtraError
            matplotlib is not installed; nothing was written.
        StorageError
            The disk refused.
        """
        from llm_layer.evaluation.plot import draw_all, require_matplotlib

        if plots:
            require_matplotlib()
        place = make_folder(folder)
        drawn = draw_all(self, place) if plots else []
        markdown, figures = place / "report.md", place / "report.json"
        transcripts = place / "dialogues.jsonl"
        _write_text(markdown, self.to_markdown([path.name for path in drawn]))
        write_json(figures, self.to_dict())
        _write_text(transcripts, "".join(f"{line}\n" for line in self._transcripts()))
        return [markdown, figures, transcripts, *drawn]

    def _lines(self, plots: Sequence[str]) -> Iterator[str]:
        course = self.course
        yield "# Evaluation of dialogues"
        yield ""
        yield f"- {self.description}"
        yield f"- {self.model}; language model: {self.llm}"
        yield f"- at most {course.turns} turns; language: {course.language}; seed {course.seed}"
        yield ""
        yield "## Success"
        yield ""
        yield from self._successes()
        yield ""
        yield from (f"- {note}" for note in self._notes())
        for name in plots:
            yield ""
            yield f"![{Path(name).stem.replace('_', ' ')}]({name})"
        yield ""
        yield "## By what the engine knows of its users"
        yield ""
        yield from self._levels()
        yield ""
        yield "## By language and opening"
        yield ""
        yield from self._parts()
        yield ""
        yield "## Replies"
        yield ""
        yield from self._conducts()
        yield ""
        yield "## Examples"
        for result in self.results[: len(course.modes)]:
            yield from _examples(result)

    def _successes(self) -> Iterator[str]:
        turns = range(1, self.course.turns + 1)
        lengths = sorted(self.results[0].success.one_shot)
        yield _row(
            "engine",
            "mode",
            "users",
            *(f"within {turn}" for turn in turns),
            "turns",
            *(f"one-shot top-{k}" for k in lengths),
            *(f"gain over top-{k}" for k in lengths),
        )
        yield _row("---", "---", *["---:"] * (2 + len(turns) + 2 * len(lengths)))
        for result in self.results:
            found = result.success
            yield _row(
                result.engine,
                result.label,
                f"{found.users:,}",
                *(_percent(one) for one in found.within[:-1]),
                _interval(found.within[-1]),
                f"{found.turns.mean:.2f}",
                *(_interval(found.one_shot[k]) for k in lengths),
                *(_signed(found.gain[k]) for k in lengths),
            )

    def _levels(self) -> Iterator[str]:
        """The engine's groups, each against its own list and the baseline's conversation."""
        turns, own = self.course.turns, self.results[0].engine
        lengths = sorted(self.results[0].success.one_shot)
        yield _row(
            "users",
            *(f"one-shot top-{k}" for k in lengths),
            f"within {turns} turns",
            f"times top-{lengths[0]}",
            *(f"gain over top-{k}" for k in lengths),
            "gain over the baseline's conversation",
        )
        yield _row("---", *["---:"] * (3 + 2 * len(lengths)))
        for result in (one for one in self.results if one.engine == own):
            found, over = result.success, self.over_baseline(result)
            listed = found.one_shot[lengths[0]].mean
            yield _row(
                result.label + (", all known" if result.known is None else ""),
                *(_percent(found.one_shot[k]) for k in lengths),
                _interval(found.within[-1]),
                f"{found.within[-1].mean / listed:.1f}" if listed else "-",
                *(_signed(found.gain[k]) for k in lengths),
                _signed(over) if over is not None else "-",
            )

    def _in_short(self, result: GroupResult) -> str:
        found, one = result.success, result.conduct
        lists = ", ".join(
            f"top-{k} {_interval(found.one_shot[k])} (gain {_signed(found.gain[k])} points)"
            for k in sorted(found.one_shot)
        )
        curve = ", ".join(_percent(one) for one in found.within)
        over = self.over_baseline(result)
        beyond = f"  beyond the baseline's: {_signed(over)} points\n" if over is not None else ""
        return (
            f"\n{result.engine}, {result.label}, {found.users:,} users\n"
            f"  within {self.course.turns} turns: {_interval(found.within[-1])}; by turn: {curve}\n"
            f"  without a word: {lists}\n{beyond}"
            f"  {one.replies:,} replies, {one.grounded:.2%} grounded, {one.by_llm:.1%} by a "
            f"language model; ms p50 / p95 / p99: {_percentiles(one, 'total')}"
        )

    def _notes(self) -> Iterator[str]:
        samples, level = self.resampling.samples, self.resampling.level
        lengths = sorted(self.results[0].success.one_shot)
        yield (
            "within n: share of users to whom a hidden item was shown within n turns; turns: mean, "
            "failures counted as all turns"
        )
        yield (
            f"one-shot: the same engine's list for the same user without a word; top-{lengths[-1]} "
            f"or so is what {self.course.turns} turns show"
        )
        yield (
            f"[low, high]: {level:.0%} interval from {samples} resamples of the users, seed "
            f"{self.resampling.seed}; gains are paired by user"
        )
        for mode in self.course.modes:
            yield f"{mode}: {MODE_NOTES[mode]}"

    def _parts(self) -> Iterator[str]:
        yield _row("engine", "mode", "part", "users", f"success within {self.course.turns}")
        yield _row("---", "---", "---", "---:", "---:")
        for result in self.results:
            found = result.success
            for language, one in found.by_language.items():
                users = sum(dialogue.language == language for dialogue in result.dialogues)
                yield _row(
                    result.engine, result.label, _LANGUAGES[language], str(users), _interval(one)
                )
            for opening, one in found.by_opening.items():
                yield _row(
                    result.engine,
                    result.label,
                    f"opens with: {opening}",
                    str(found.users_by_opening[opening]),
                    _interval(one),
                )

    def _conducts(self) -> Iterator[str]:
        stages = list(self.results[0].conduct.milliseconds)
        yield _row(
            "engine", "mode", "replies", "grounded", "by LLM", "without items", "tokens",
            *(f"{stage}, ms" for stage in stages),
        )  # fmt: skip
        yield _row("---", "---", *["---:"] * (5 + len(stages)))
        for result in self.results:
            one = result.conduct
            yield _row(
                result.engine,
                result.label,
                f"{one.replies:,}",
                f"{one.grounded:.2%}",
                f"{one.by_llm:.1%}",
                f"{one.without_items:,}",
                _tokens(one),
                *(_percentiles(one, stage) for stage in stages),
            )

    def _transcripts(self) -> Iterator[str]:
        import json

        for result in self.results:
            for dialogue in result.dialogues:
                facts = {"engine": result.engine, "mode": result.mode, "known": result.known}
                yield json.dumps({**facts, **asdict(dialogue)}, ensure_ascii=False, default=str)


def group_label(mode: Mode, known: int | None) -> str:
    """Mode and group in a few words."""
    who = {None: "", 0: ", newcomers"}.get(known, f", {known} items known")
    return f"{mode}{who}"


def _examples(result: GroupResult) -> Iterator[str]:
    """Conversations that found something, and one that did not."""
    found = [one for one in result.dialogues if one.found_at is not None]
    lost = [one for one in result.dialogues if one.found_at is None]
    for dialogue in (*found[:_EXAMPLES], *lost[:1]):
        end = f"found in turn {dialogue.found_at}" if dialogue.found_at else "not found"
        yield ""
        yield f"### {result.label}: {end}"
        for turn in dialogue.turns:
            yield ""
            yield f"> {turn.said}"
            yield ""
            yield from (f"    {line}" for line in turn.answered.splitlines())


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _percent(one: Estimate) -> str:
    return f"{one.mean:.1%}"


def _interval(one: Estimate) -> str:
    return f"{one.mean:.1%} [{one.low:.1%}, {one.high:.1%}]"


def _signed(one: Estimate) -> str:
    low, mean, high = (f"{100 * value:+.1f}" for value in (one.low, one.mean, one.high))
    return f"{mean} [{low}, {high}]"


def _percentiles(one: Conduct, stage: str) -> str:
    found = one.milliseconds.get(stage)
    return " / ".join(f"{value:.1f}" for value in found) if found else "-"


def _tokens(one: Conduct) -> str:
    if not one.tokens:
        return "-"
    return f"{one.tokens.get('prompt', 0.0):.0f} + {one.tokens.get('completion', 0.0):.0f}"

"""Figures of simulated conversations; pure functions of what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from llm_layer.evaluation.dialogues import Dialogue, Turn
from recsys.evaluation import Estimate, estimate, paired_difference

# In the order of an answer; a stage that is not listed comes after them.
STAGES = (
    "understand",
    "retrieve",
    "rerank",
    "plan",
    "first_token",
    "first_words",
    "write",
    "check",
    "total",
)


@dataclass(frozen=True)
class Resampling:
    """How intervals are made: bootstrap over users; see :func:`recsys.evaluation.estimate`."""

    samples: int = 1000
    level: float = 0.95
    seed: int = 0

    def mean(self, values: npt.ArrayLike) -> Estimate:
        """Mean of one value per user."""
        return estimate(values, samples=self.samples, level=self.level, seed=self.seed)

    def gain(self, first: npt.ArrayLike, second: npt.ArrayLike) -> Estimate:
        """Mean of ``first - second`` over the same users."""
        return paired_difference(
            first, second, samples=self.samples, level=self.level, seed=self.seed
        )


@dataclass(frozen=True)
class Success:
    """How often, and how soon, a target was shown.

    Attributes
    ----------
    users : int
        Conversations.
    within : tuple of Estimate
        Share of users to whom a target was shown within 1, 2, ... turns.
    found_in : tuple of int
        Users whose target was shown in turn 1, 2, ...
    turns : Estimate
        Mean turns to success; a conversation without success counts as all turns.
    shown : float
        Mean number of different items shown in conversations without success.
    one_shot : mapping of int to Estimate
        By length: share of users whose target is in the engine's list, without a conversation.
    gain : mapping of int to Estimate
        By length: success within all turns minus that of the list, paired by user.
    by_language, by_opening : mapping of str to Estimate
        Success within all turns, by language and by the first move.
    users_by_opening : mapping of str to int
        How many conversations began so.
    """

    users: int
    within: tuple[Estimate, ...]
    found_in: tuple[int, ...]
    turns: Estimate
    shown: float
    one_shot: Mapping[int, Estimate]
    gain: Mapping[int, Estimate]
    by_language: Mapping[str, Estimate]
    by_opening: Mapping[str, Estimate]
    users_by_opening: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "users": self.users,
            "success_within": {str(at): asdict(one) for at, one in enumerate(self.within, 1)},
            "found_in": list(self.found_in),
            "turns_to_success": asdict(self.turns),
            "items_shown_without_success": self.shown,
            "one_shot": {str(k): asdict(one) for k, one in self.one_shot.items()},
            "gain_over_one_shot": {str(k): asdict(one) for k, one in self.gain.items()},
            "by_language": {name: asdict(one) for name, one in self.by_language.items()},
            "by_opening": {
                name: {"users": self.users_by_opening[name], **asdict(one)}
                for name, one in self.by_opening.items()
            },
        }


@dataclass(frozen=True)
class Conduct:
    """How the replies came about.

    Attributes
    ----------
    replies : int
        All of them, farewells included.
    grounded : float
        Share in which the check found nothing wrong.
    by_llm : float
        Share that a language model worded.
    without_items : int
        Replies that recommend nothing (questions, small talk, nothing left), farewells left out.
    milliseconds : mapping of str to (float, float, float)
        By stage: 50th, 95th and 99th percentile over the replies that have the stage.
    tokens : mapping of str to float
        Mean of ``prompt`` and ``completion`` tokens and of ``calls`` per reply, where a language
        model was asked; else empty.
    """

    replies: int
    grounded: float
    by_llm: float
    without_items: int
    milliseconds: Mapping[str, tuple[float, float, float]]
    tokens: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        stages = {
            stage: dict(zip(("p50", "p95", "p99"), values, strict=True))
            for stage, values in self.milliseconds.items()
        }
        return {**asdict(self), "milliseconds": stages}


def success(
    dialogues: Sequence[Dialogue],
    places: Sequence[int | None],
    turns: int,
    lengths: Sequence[int],
    resampling: Resampling,
) -> Success:
    """Figures of one group of users.

    Parameters
    ----------
    dialogues : sequence of Dialogue
        One for each user, at least one.
    places : sequence of (int or None)
        Of the same users: place of a target in the list without a conversation, from 1.
    turns : int
        Turns that each conversation could have.
    lengths : sequence of int
        List lengths to compare with.
    resampling : Resampling
        Of the intervals.
    """
    found = np.array([one.found_at or turns + 1 for one in dialogues])
    listed = np.array([place or np.inf for place in places])
    hits = (found <= turns).astype(float)
    mean = resampling.mean
    openings = [one.turns[0].move for one in dialogues]
    languages = [one.language for one in dialogues]
    by_opening = {name: hits[[one == name for one in openings]] for name in sorted({*openings})}
    unfound = [
        len({row for turn in one.turns for row in turn.shown})
        for one in dialogues
        if one.found_at is None
    ]
    return Success(
        users=len(dialogues),
        within=tuple(mean(found <= turn) for turn in range(1, turns + 1)),
        found_in=tuple(int((found == turn).sum()) for turn in range(1, turns + 1)),
        turns=mean(np.minimum(found, turns)),
        shown=float(np.mean(unfound)) if unfound else 0.0,
        one_shot={k: mean(listed <= k) for k in lengths},
        gain={k: resampling.gain(hits, listed <= k) for k in lengths},
        by_language={
            name: mean(hits[[one == name for one in languages]]) for name in sorted({*languages})
        },
        by_opening={name: mean(values) for name, values in by_opening.items()},
        users_by_opening={name: len(values) for name, values in by_opening.items()},
    )


def conduct(dialogues: Sequence[Dialogue], tokens: Mapping[str, int]) -> Conduct:
    """Figures of all replies of some conversations.

    Parameters
    ----------
    dialogues : sequence of Dialogue
        At least one.
    tokens : mapping of str to int
        Totals of ``prompt``, ``completion`` and ``calls`` over these conversations; empty without
        a language model.
    """
    replies = [turn for one in dialogues for turn in one.turns]
    looked = [turn for turn in replies if turn.move != "accept"]
    return Conduct(
        replies=len(replies),
        grounded=float(np.mean([turn.grounded for turn in replies])),
        by_llm=float(np.mean([turn.writer == "llm" for turn in replies])),
        without_items=sum(not turn.shown for turn in looked),
        milliseconds=latencies(replies),
        tokens={name: total / len(replies) for name, total in tokens.items()},
    )


def latencies(replies: Sequence[Turn]) -> dict[str, tuple[float, float, float]]:
    """50th, 95th and 99th percentile of each stage, over the replies that have it.

    A first token that took no time never came.
    """
    found = {
        stage: None
        for turn in replies
        for stage, spent in turn.milliseconds.items()
        if spent or stage != "first_token"
    }
    known = [stage for stage in STAGES if stage in found]
    others = [stage for stage in found if stage not in STAGES]
    made = {}
    for stage in (*known[:-1], *others, *known[-1:]):
        values = [
            spent
            for turn in replies
            if (spent := turn.milliseconds.get(stage)) is not None
            and (spent or stage != "first_token")
        ]
        p50, p95, p99 = np.percentile(values, (50, 95, 99)).tolist()
        made[stage] = (p50, p95, p99)
    return made

"""Hide, fit, converse, measure: the whole evaluation in one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.concierge import Concierge
from llm_layer.dialogue import DEFAULT_COUNT
from llm_layer.evaluation.baselines import catalogue_only, one_shot_places
from llm_layer.evaluation.counting import CountingLLM
from llm_layer.evaluation.course import Course
from llm_layer.evaluation.dialogues import Dialogue, Stage
from llm_layer.evaluation.figures import Resampling, conduct, success
from llm_layer.evaluation.hiding import Hidden, Seeker, hide
from llm_layer.evaluation.report import DialogueReport, GroupResult, group_label
from llm_layer.evaluation.simulator import Mode
from llm_layer.evaluation.taste import Tastes
from llm_layer.llm.base import LLM
from llm_layer.text import Language
from recsys.als import AlternatingLeastSquares
from recsys.errors import InvalidInputError
from recsys.interactions import Interactions
from recsys.recommender import Recommender

Progress: TypeAlias = Callable[[str, int, int], None]

ENGINE, CATALOGUE = "alsatian", "catalogue only"
_TOP = 10


def evaluate_dialogues(
    events: Interactions,
    items: Any,
    course: Course | None = None,
    *,
    item_id: str = "item_id",
    model: AlternatingLeastSquares | None = None,
    llm: LLM | None = None,
    resampling: Resampling | None = None,
    make: Callable[[Recommender, LLM | None], Concierge] | None = None,
    progress: Progress | None = None,
) -> DialogueReport:
    """Simulated users look for what was hidden from the engine.

    Parameters
    ----------
    events : Interactions
        Everything, targets included: they are taken out before the model is fitted.
    items : data frame
        Item table (anything with ``__arrow_c_stream__``) with titles, and genres or years.
    course : Course, optional
        What is run.
    item_id : str
        Id column of `items`.
    model : AlternatingLeastSquares, optional
        With the settings to use; fitted in place.
    llm : LLM, optional
        Words the replies; templates without it. The baseline always speaks in templates.
    resampling : Resampling, optional
        Of the intervals.
    make : callable, optional
        Makes the Concierge that is evaluated, for another reranker, say.
    progress : callable, optional
        Called with what is being done, how many users are done, and of how many.

    Returns
    -------
    DialogueReport

    Raises
    ------
    InvalidInputError
        A number out of range, too few users, or items without attributes to talk about.
    """
    course, resampling = course or Course(), resampling or Resampling()
    say = progress or (lambda what, done, total: None)
    hidden = hide(
        events, course.users, targets=course.targets, known=course.known, seed=course.seed
    )
    say("fitting", 0, 1)
    model = model or AlternatingLeastSquares(random_state=course.seed)
    rec = Recommender.fit(hidden.train, items=items, item_id=item_id, model=model)
    check_attributes(ItemFacts(rec))
    counting = CountingLLM(llm) if llm is not None else None
    make = make or (lambda rec, llm: Concierge(rec, llm))
    engines = {ENGINE: (make(rec, counting), counting)}
    if course.baseline:
        engines[CATALOGUE] = (Concierge(catalogue_only(rec), None), None)
    results = [
        result
        for name, (concierge, counted) in engines.items()
        for result in _Runs(course, hidden, name, concierge, counted, resampling, say).all()
    ]
    return DialogueReport(
        description=hidden.description,
        model=f"{rec!r}",
        llm=llm.name if llm is not None else "none (templates)",
        course=course,
        resampling=resampling,
        results=tuple(results),
    )


def check_attributes(facts: ItemFacts) -> None:
    """Raise :class:`~recsys.errors.InvalidInputError` where there is nothing to talk about."""
    if not facts.genre_names and not (facts.years > 0).any():
        raise InvalidInputError(
            "the item table has neither genres nor years; expected a column such as genres or "
            "year, so that simulated users have something to ask for"
        )


class _Runs:
    """Every mode and group with one engine."""

    def __init__(
        self,
        course: Course,
        hidden: Hidden,
        name: str,
        concierge: Concierge,
        counted: CountingLLM | None,
        resampling: Resampling,
        say: Progress,
    ) -> None:
        counts = np.bincount(hidden.train.matrix.indices, minlength=hidden.train.n_items)
        self._course = course
        self._hidden = hidden
        self._name = name
        self._concierge = concierge
        self._counted = counted
        self._resampling = resampling
        self._say = say
        self._stage = Stage(concierge, Tastes(concierge.facts, counts), course.turns, course.seed)

    def all(self) -> list[GroupResult]:
        return [
            self._group(mode, known, seekers)
            for known, seekers in self._hidden.groups.items()
            for mode in self._course.modes
        ]

    def _group(self, mode: Mode, known: int | None, seekers: Sequence[Seeker]) -> GroupResult:
        before = Counter(self._counted.used) if self._counted is not None else Counter()
        dialogues = self._converse(mode, known, seekers)
        used = Counter(self._counted.used) - before if self._counted is not None else Counter()
        lengths = sorted({_TOP, DEFAULT_COUNT * self._course.turns})
        places = one_shot_places(self._concierge.rec, self._concierge.facts, seekers, lengths[-1])
        return GroupResult(
            engine=self._name,
            mode=mode,
            known=known,
            success=success(dialogues, places, self._course.turns, lengths, self._resampling),
            conduct=conduct(dialogues, used),
            dialogues=tuple(dialogues),
        )

    def _converse(self, mode: Mode, known: int | None, seekers: Sequence[Seeker]) -> list[Dialogue]:
        what = f"{self._name}, {group_label(mode, known)}"
        dialogues = []
        for at, seeker in enumerate(seekers):
            self._say(what, at, len(seekers))
            dialogues.append(self._stage.hold(seeker, mode, self._language(at)))
        self._say(what, len(seekers), len(seekers))
        return dialogues

    def _language(self, at: int) -> Language:
        spoken = self._course.language
        if spoken == "both":
            return "zh" if at % 2 else "en"
        return spoken

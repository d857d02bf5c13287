"""Nothing that a simulated user says before they see their target depends on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from llm_layer.catalogue.genres import GenreWords
from llm_layer.concierge import Concierge
from llm_layer.evaluation import (
    CriticalUser,
    Dialogue,
    Hidden,
    Seeker,
    SimulatedUser,
    Stage,
    Tastes,
    WishfulUser,
)
from llm_layer.evaluation.oracles import Difference, accepting, comparing
from llm_layer.evaluation.phrasing import Phrasing
from llm_layer.evaluation.simulator import Mode
from llm_layer.text import Language, normalize


def other_targets(seeker: Seeker, n_items: int, step: int = 1) -> Iterator[Seeker]:
    """The same user, looking for items that are not in their history."""
    for row in range(0, n_items, step):
        if row not in seeker.history:
            yield replace(seeker, targets=(row,))


def until_found(dialogue: Dialogue) -> list[str]:
    """Messages that were said before the target was shown."""
    return [turn.said for turn in dialogue.turns[: dialogue.found_at]]


def words_with(
    concierge: Concierge,
    tastes: Tastes,
    seeker: Seeker,
    accepts: Callable[[int], bool],
    kind: type[SimulatedUser] = SimulatedUser,
) -> list[str]:
    """What a user says in a conversation of five turns, and nothing of the package's stage."""
    facts = concierge.facts
    rng = np.random.default_rng([7, seeker.row])
    phrasing = Phrasing(facts, GenreWords(facts.genre_names), "en", rng)
    user = kind(tastes.read(seeker.history), accepts, facts, phrasing, rng)
    talk = concierge.open(None if seeker.is_newcomer else seeker.user)
    said, words = user.open(), []
    for _ in range(5):
        words.append(said.text)
        shown = [facts.row(item) for item in talk.say(said.text).recommended]
        question = None if shown else talk.state.question
        said = user.answer(shown, question, is_invited=talk.state.is_invited)
        if said.accepted is not None:
            break
    return words


@pytest.mark.parametrize(
    ("level", "mode", "kind"),
    [
        (None, "history", SimulatedUser),
        (0, "history", SimulatedUser),
        (3, "history", SimulatedUser),
        (None, "wish", WishfulUser),
        (0, "wish", WishfulUser),
    ],
)
def test_a_user_without_any_target_says_the_same_words(
    stage: Stage,
    concierge: Concierge,
    tastes: Tastes,
    hidden: Hidden,
    level: int | None,
    mode: Mode,
    kind: type[SimulatedUser],
) -> None:
    """The strongest form: no target is in reach at all, and not a letter changes."""
    for seeker in hidden.groups[level]:
        nobody = words_with(concierge, tastes, seeker, lambda row: False, kind)
        said = until_found(stage.hold(seeker, mode, "en"))
        assert said == nobody[: len(said)]


@pytest.mark.parametrize(("language", "level"), [("en", None), ("zh", None), ("en", 0), ("zh", 3)])
def test_another_target_with_the_same_answers_changes_no_word(
    stage: Stage, hidden: Hidden, language: Language, level: int | None
) -> None:
    """Targets that are shown in different turns share every word until then."""
    for seeker in hidden.groups[level][:3]:
        unfound = stage.hold(replace(seeker, targets=seeker.history[:1]), "history", language)
        for at, turn in enumerate(unfound.turns, 1):
            for row in turn.shown[:1]:
                found = stage.hold(replace(seeker, targets=(row,)), "history", language)
                assert found.found_at == at
                assert until_found(found) == until_found(unfound)[:at]
                assert [one.shown for one in found.turns[:at]] == [
                    one.shown for one in unfound.turns[:at]
                ]


def test_critics_with_the_same_answers_say_the_same_words(
    concierge: Concierge, tastes: Tastes, hidden: Hidden, stage: Stage
) -> None:
    """Targets alike in all that was compared so far cannot be told apart by the words."""
    facts = concierge.facts
    by_answers: dict[tuple[Difference, ...], str] = {}
    agreed = 0
    seeker = hidden.groups[None][1]
    for other in other_targets(seeker, hidden.train.n_items, step=2):
        dialogue = stage.hold(other, "critique", "en")
        differs = comparing(other.targets[0], facts)
        answers: tuple[Difference, ...] = ()
        for text, turn in zip(until_found(dialogue), dialogue.turns, strict=False):
            agreed += answers in by_answers
            assert by_answers.setdefault(answers, text) == text
            answers += tuple(differs(row) for row in turn.shown)
    assert agreed > 10


def test_oracles_are_asked_only_about_what_was_shown(
    concierge: Concierge, tastes: Tastes, hidden: Hidden
) -> None:
    facts = concierge.facts
    for seeker in hidden.groups[None]:
        asked: list[int] = []
        accepts, differs = accepting(seeker.targets), comparing(seeker.targets[0], facts)
        rng = np.random.default_rng(1)
        user = CriticalUser(
            tastes.read(seeker.history),
            lambda row, asked=asked, accepts=accepts: asked.append(row) or accepts(row),
            facts,
            Phrasing(facts, GenreWords(facts.genre_names), "en", rng),
            rng,
            differs=lambda row, asked=asked, differs=differs: asked.append(row) or differs(row),
        )
        user.open()
        assert asked == []
        rest = [row for row in range(hidden.train.n_items) if row not in seeker.targets]
        user.answer(rest[:3])
        assert {*asked} <= {*rest[:3]}
        assert asked


@pytest.mark.parametrize("mode", ["history", "wish", "critique", "attribute"])
def test_the_title_of_the_target_is_never_said(
    stage: Stage, concierge: Concierge, hidden: Hidden, mode: Mode
) -> None:
    for seekers in hidden.groups.values():
        for at, seeker in enumerate(seekers):
            dialogue = stage.hold(seeker, mode, "zh" if at % 2 else "en")
            title = normalize(concierge.facts.title(seeker.targets[0]))
            for turn in dialogue.turns:
                assert title not in normalize(turn.said)


def test_taste_comes_from_the_history_alone(hidden: Hidden, tastes: Tastes) -> None:
    for seekers in hidden.groups.values():
        for seeker in seekers:
            for other in other_targets(seeker, hidden.train.n_items):
                assert tastes.read(other.history) == tastes.read(seeker.history)
            assert not {*seeker.targets} & {*tastes.read(seeker.history).history}

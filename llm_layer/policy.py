"""Policy: what to do next: recommend, or ask one clarifying question; and what an answer means.

It knows nothing of words. A question is asked of somebody of whom nothing is known and who says
nothing, never twice in a row, never the same again; whoever has a history or a wish gets a list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import log

from rapidfuzz import fuzz, process

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.constraints import Constraints
from llm_layer.dialogue import INVITATION, State
from llm_layer.text import normalize, simplified
from llm_layer.understanding.request import Question, Request

# An answer may be misspelled so far.
_CLOSE = 78.0
# So many options are offered; a value that hardly any candidate has is none.
_MOST_OPTIONS = 3
_RARE = 0.05
# Fewer candidates than this are no choice to be narrowed down.
_FEW = 4
# Of whom so many items are known, and who was asked so often, is asked for no more of them.
_WELL_KNOWN, _MOST_INVITATIONS = 10, 2


class Policy:
    """Decides between a list and a question, for one catalogue."""

    def __init__(self, facts: ItemFacts, genre_words: GenreWords) -> None:
        self._facts = facts
        self._genre_words = genre_words

    def understood(self, request: Request, state: State) -> Request:
        """A message in the light of the last reply.

        "It" is the one item that was spoken about. "The second", "comedy", "any" and "yes" mean
        an option of the question that was asked; a message that speaks of something else is left
        as it is.
        """
        question = state.question
        if question is not None and question.slot == "title":
            meant = self._meant(request, question)
            return meant if meant is not request else _pointed(request, state)
        request = _pointed(request, state)
        if question is None or request.act in ("forget", "reset", "correct"):
            return request
        if question.slot == "place":
            return request if request.act == "out_of_scope" else self._chosen(request)
        option = self._option(request, question)
        if option:
            return _with_option(request, question.slot, option)
        if request.act == "out_of_scope":
            return request
        if request.has_wish:
            listing = request.act in ("accept", "ask", "constrain")
            return replace(request, act="recommend") if listing else request
        if request.is_open or request.act in ("accept", "fewer"):
            return replace(request, act="recommend", mood="", places=(), is_open=True)
        if request.act == "reject" and question.slot == "genres" and question.options:
            return replace(request, act="recommend", no_genres=question.options, is_open=True)
        return request

    def question(
        self, request: Request, state: State, history: Sequence[int], candidates: Sequence[int]
    ) -> Question | None:
        """The question to ask before anything is recommended; None where a list is due.

        Parameters
        ----------
        request : Request
            The message, already taken into `state`.
        state : State
            `state.question` is what the last reply asked.
        history : sequence of int
            Rows that are known of the visitor.
        candidates : sequence of int
            Rows that could be recommended, best first.
        """
        knows_nothing = not (history or state.like or state.accepted or state.unlike)
        says_nothing = (
            not request.has_wish
            and state.constraints == Constraints()
            and not state.leanings
            and not (request.mood or state.mood or request.no_title or request.unstated)
        )
        is_asking = request.act in ("recommend", "more") and not request.is_open
        if not (knows_nothing and says_nothing and is_asking) or request.count is not None:
            return None
        if state.question is not None or state.shown or len(candidates) < _FEW:
            return None
        return next(
            (
                question
                for question in self._questions(candidates)
                if question.slot not in state.asked
            ),
            None,
        )

    def invites(self, request: Request, state: State, history: Sequence[int]) -> bool:
        """Whether a list should ask, at its end, which items the visitor liked.

        A few titles tell more than anything else that a visitor can say of their taste, as long as
        little is known of it. Not twice in a row, not for ever, and not of somebody who asks for
        something in particular.
        """
        if request.act not in ("recommend", "more", "more_like", "reject"):
            return False
        known = {*history, *state.like, *state.accepted}
        is_due = not state.is_invited and state.asked.count(INVITATION) < _MOST_INVITATIONS
        return is_due and len(known) < _WELL_KNOWN and state.constraints == Constraints()

    def _questions(self, candidates: Sequence[int]) -> list[Question]:
        """Questions that would part the candidates, the one that parts them best first."""
        facts = self._facts
        listed = {"genres": Counter(name for row in candidates for name in facts.genres(row))}
        for column in facts.attributes.values:
            values = (value for row in candidates for value in facts.attributes.of(column, row))
            listed[column] = Counter(values)
        scored = []
        for slot, counts in listed.items():
            least = max(2.0, _RARE * len(candidates))
            common = [value for value, count in counts.most_common() if count >= least]
            if len(common) > 1:
                scored.append((_entropy(counts), Question(slot, tuple(common[:_MOST_OPTIONS]))))
        scored.sort(key=lambda pair: (-pair[0], pair[1].slot != "genres"))
        return [*(question for _, question in scored), Question("likes")]

    def _option(self, request: Request, question: Question) -> str:
        """Which option a message chooses, by its place or its name; empty for none."""
        places = list(request.places)
        if request.act == "accept" and request.count is not None:
            places.append(request.count)
        for place in places:
            if -1 <= place <= len(question.options) and place != 0:
                chosen: str = question.options[place - 1 if place > 0 else place]
                return chosen
        said = normalize(simplified(request.text))
        if not said or request.has_wish:
            return ""
        names = {normalize(option): option for option in question.options}
        for option in question.options:
            names[normalize(self._genre_words.name(option, "zh"))] = option
        near = process.extractOne(said, list(names), scorer=fuzz.ratio, score_cutoff=_CLOSE)
        return names[str(near[0])] if near else ""

    def _meant(self, request: Request, question: Question) -> Request:
        """An answer to "did you mean ...?": yes is what was asked for, with that title."""
        named = (*request.like, *request.unlike, *request.about, *request.no_title)
        if named or request.places or request.refused or request.has_wish:
            return request
        if request.act == "reject":  # no item was offered by that question
            return replace(request, act="more")
        rows = self._facts.titles.rows(question.options[0]) if question.options else ()
        if request.act != "accept" or not rows:
            return request
        row = self._facts.titles.best(rows)
        is_about = question.act in ("ask", "compare", "why")
        return replace(
            request,
            act="ask" if is_about else "accept" if question.act == "accept" else "more_like",
            about=(row,) if is_about else (),
            like=() if is_about else (row,),
            topic=(question.topic or "all") if is_about else "",
            confirmed=(row,),
            mood="",
            count=None,
        )

    @staticmethod
    def _chosen(request: Request) -> Request:
        """An answer to "which one?"."""
        if request.places and request.act in ("recommend", "constrain", "more_like"):
            return replace(request, act="accept")
        return request


def _pointed(request: Request, state: State) -> Request:
    """A request with the item that "it" and "that one" stand for, where one was spoken about."""
    row = state.focus
    if request.same_person and state.person and not (request.people or request.no_people):
        listed = request.act in ("more", "ask", "accept", "out_of_scope")
        act = "recommend" if listed and not request.about else request.act
        known = request.seen if row is None else (*request.seen, row)
        return replace(request, act=act, people=(state.person,), mood="", places=(), seen=known)
    named = (*request.like, *request.unlike, *request.seen, *request.about)
    if row is None or row in named:
        return request
    is_that = request.points_back and (request.places or request.refused) in ((), (1,))
    if request.act == "compare" and request.points_back and len(request.about) == 1:
        return replace(request, about=(row, *request.about), places=())
    if named or request.no_title or not (is_that or not (request.places or request.refused)):
        return request
    if request.act in ("ask", "why"):
        return replace(request, about=(row,), places=(), refused=())
    if request.act in ("accept", "more_like") and not request.refused:
        return replace(request, like=(row,), places=())
    if request.act in ("reject", "not_like") and is_that:
        return replace(request, unlike=(row,), places=(), refused=())
    return request


def _with_option(request: Request, slot: str, option: str) -> Request:
    """A request for what was chosen."""
    plain = replace(request, act="recommend", places=(), refused=(), count=None, mood="")
    if slot == "genres":
        return replace(plain, genres=(option,))
    return replace(plain, attributes={slot: (option,)})


def _entropy(counts: Counter[str]) -> float:
    total = sum(counts.values())
    return -sum(count / total * log(count / total) for count in counts.values())

"""User profile: what is known of a visitor, each entry with its evidence.

Evidence is their history, what they searched for and looked at, and what they stated. Newer
evidence counts more: weights halve with time (:class:`Decay`). Of two statements that contradict
each other the later holds.
"""

from __future__ import annotations

import time as clock
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.keywords import Keywords
from llm_layer.memory.activity import DAY, STATED, Activity, Decay
from llm_layer.memory.evidence import Entry
from llm_layer.memory.style import Style
from llm_layer.text import Language
from recsys.events import parts_of_second

if TYPE_CHECKING:
    import pyarrow as pa

    from llm_layer.memory.memory import Kept

# A name or keyword is part of the profile only when it comes up in at least so many items.
_TWICE = 2
_EVIDENCE = 5
_MOST = 10
# Traits of so many histories are kept at hand: a conversation asks for its own at every turn.
_PASTS_KEPT = 256
# What one view counts against one item of the history.
_VIEW = 0.5

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trait:
    """One thing that holds for a visitor.

    Attributes
    ----------
    kind : str
        ``"genre"``, ``"director"``, ``"actor"``, ``"decade"``, ``"keyword"`` and the like.
    value : str
        As it is written, ``"1990s"`` for a decade.
    share : float
        Part of the history that supports it, in [0, 1], newer items counting more; 0 where only
        the store does.
    evidence : tuple of Any
        Ids of items that support it, most important first, at most 5.
    weight : float
        Against the heaviest of its list, in (0, 1]; by TF-IDF for keywords.
    sources : tuple of int
        Numbers of evidence in the store that support it.
    """

    kind: str
    value: str
    share: float
    evidence: tuple[Any, ...]
    weight: float = 1.0
    sources: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return vars(self) | {"evidence": list(self.evidence), "sources": list(self.sources)}


@dataclass(frozen=True)
class UserProfile:
    """What is known about a visitor.

    Attributes
    ----------
    history : tuple of int
        Item rows, most important (newest, else heaviest) first.
    genres, people, decades : tuple of Trait
        From the history, largest share first.
    keywords : tuple of Trait
        Words of the catalogue's texts, heaviest first: from the history, searches and statements.
    topics : tuple of Trait
        Genres, heaviest first: from the history, views, searches and statements.
    entries : tuple of Entry
        What they stated and still holds, the latest first.
    leanings : dict of str to float
        Genre, or word of their own, and how much they like (up to 1) or dislike (down to −1) it.
    liked, disliked : tuple of int
        Rows of items that they called good or bad, the latest first.
    seen : tuple of int
        Rows of items that they said they know.
    style : Style
        How they write.
    language : {"en", "zh"}
        What the message at hand is written in.
    embedding : float32 array, shape (d,), or None
        u = Σ f_w e_w over their keywords: f_w the weight of word w, e_w its vector among the items'
        sentence vectors; of length 1. None without sentence vectors or keywords.
    """

    history: tuple[int, ...] = ()
    genres: tuple[Trait, ...] = ()
    people: tuple[Trait, ...] = ()
    decades: tuple[Trait, ...] = ()
    keywords: tuple[Trait, ...] = ()
    language: Language = "en"
    topics: tuple[Trait, ...] = ()
    entries: tuple[Entry, ...] = ()
    leanings: dict[str, float] = field(default_factory=dict)
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()
    seen: tuple[int, ...] = ()
    style: Style = field(default_factory=Style)
    embedding: npt.NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    def affinity(self, genres: Iterable[str]) -> float:
        """How usual these genres are for the visitor: mean share, in [0, 1]."""
        shares = {trait.value: trait.share for trait in self.genres}
        listed = [shares.get(genre, 0.0) for genre in genres]
        return sum(listed) / len(listed) if listed else 0.0

    def to_dict(self, facts: ItemFacts) -> dict[str, Any]:
        """All of it as JSON can hold it, items by their outside ids."""
        traits = ("genres", "people", "decades", "keywords", "topics")
        rows = ("history", "liked", "disliked", "seen")
        return {
            **{name: facts.items(getattr(self, name)) for name in rows},
            **{name: [trait.to_dict() for trait in getattr(self, name)] for name in traits},
            "entries": [entry.to_dict() for entry in self.entries],
            "leanings": {name: round(value, 4) for name, value in self.leanings.items()},
            "style": self.style.to_dict(),
            "language": self.language,
            "embedding": None
            if self.embedding is None
            else [round(float(value), 5) for value in self.embedding],
        }


class Profiler:
    """Builds profiles against one catalogue.

    Parameters
    ----------
    facts : ItemFacts
        The catalogue.
    decay : Decay, optional
        How fast evidence loses weight.
    """

    def __init__(self, facts: ItemFacts, decay: Decay | None = None) -> None:
        self._facts = facts
        self.decay = decay or Decay()
        self._past = lru_cache(maxsize=_PASTS_KEPT)(self._read_past)

    def forget(self) -> None:
        """Drop what was worked out for anybody and is kept to be at hand."""
        self._past.cache_clear()

    def weights(self, history: pa.Table) -> tuple[float, ...]:
        """What each item of a history counts, in (0, 1], by its time against the newest.

        Parameters
        ----------
        history : pyarrow.Table
            As :meth:`recsys.Recommender.history` gives it.
        """
        if "timestamp" not in history.column_names or not history.num_rows:
            return (1.0,) * int(history.num_rows)
        times = history.column("timestamp").to_numpy()
        seconds = (times.max() - times) / parts_of_second(times)
        kept = np.exp2(-seconds / (DAY * self.decay.history))
        listed: list[float] = np.maximum(kept, 1e-6).tolist()
        return tuple(listed)

    def profile(
        self,
        history: Sequence[int],
        language: Language = "en",
        *,
        keywords: bool = True,
        weights: Mapping[int, float] | None = None,
        kept: Kept | None = None,
        style: Style | None = None,
        now: float | None = None,
    ) -> UserProfile:
        """Profile of a visitor.

        Parameters
        ----------
        history : sequence of int
            Item rows, most important first.
        language : {"en", "zh"}
            What they write.
        keywords : bool
            Also read the descriptions; the first profile that does reads the whole catalogue's.
        weights : mapping of int to float, optional
            What each row counts; 1 where nothing is said.
        kept : Kept, optional
            What the store has of them.
        style : Style, optional
            How they write.
        now : float, optional
            Seconds since 1970; the present by default.
        """
        rows = np.asarray(history, np.int64)
        counts = weights or {}
        known = tuple(counts.get(row, 1.0) for row in history) if counts else ()
        given = np.array(known) if counts else np.ones(len(rows))
        past = self._past(tuple(history), known)
        when = clock.time() if now is None else now
        activity = Activity.of(kept, self._facts, self.decay, when)
        words, embedding = self._keywords(rows, given, activity) if keywords else ((), None)
        return UserProfile(
            history=tuple(history),
            genres=past.genres,
            people=past.people,
            decades=past.decades,
            keywords=words,
            language=language,
            topics=past.genres
            if activity is None or activity.is_empty
            else self._topics(rows, given, activity, past.genres),
            entries=kept.entries if kept is not None else (),
            leanings=activity.leanings if activity is not None else {},
            liked=kept.rows(self._facts, 1) if kept is not None else (),
            disliked=kept.rows(self._facts, -1) if kept is not None else (),
            seen=activity.seen if activity is not None else (),
            style=style or Style(language),
            embedding=embedding,
        )

    # ---- from the history ------------------------------------------------------------------------

    def _read_past(self, history: tuple[int, ...], known: tuple[float, ...]) -> _Past:
        """Traits of a history; `known` are its weights, empty where each is 1."""
        rows = np.array(history, np.int64)
        if not rows.size:
            return _Past()
        given = np.array(known) if known else np.ones(len(rows))
        people = [found for role in self._roles for found in self._people(role, rows, given)]
        people.sort(key=lambda found: (-found.weight, found.value))
        listed = (self._genres(rows, given), people[:_MOST], self._decades(rows, given))
        supporting = np.concatenate(
            [one.rows for several in listed for one in several] or [rows[:0]]
        )
        ids = iter(self._facts.items(supporting.tolist()))
        total = float(given.sum())
        return _Past(
            *(
                tuple(
                    Trait(
                        one.kind,
                        one.value,
                        one.weight / total,
                        tuple(next(ids) for _ in one.rows),
                        weight=one.weight / several[0].weight,
                    )
                    for one in several
                )
                for several in listed
            )
        )

    def _genres(self, rows: Rows, given: Floats) -> list[_Found]:
        flags = self._facts.genre_flags(rows)
        return _falling("genre", self._facts.genre_names, given @ flags, rows, flags.T)

    def _decades(self, rows: Rows, given: Floats) -> list[_Found]:
        decades = self._facts.years[rows] // 10 * 10
        listed = np.unique(decades[decades > 0])
        flags = listed[:, None] == decades
        return _falling("decade", [f"{decade}s" for decade in listed], flags @ given, rows, flags)

    def _people(self, role: str, rows: Rows, given: Floats) -> list[_Found]:
        names, starts, codes = self._roles[role]
        lengths = starts[rows + 1] - starts[rows]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        flat = codes[np.repeat(starts[rows], lengths) + within]
        owner = np.repeat(np.arange(len(rows)), lengths)
        often = np.flatnonzero(np.bincount(flat, minlength=1) >= _TWICE)
        weight = np.bincount(flat, weights=given[owner], minlength=1)[often]
        best = often[np.lexsort((often, -weight))[:_MOST]]
        flags = np.zeros((len(best), len(rows)), bool)
        for at, code in enumerate(best):
            flags[at, owner[flat == code]] = True
        return _falling(role, [names[code] for code in best], flags @ given, rows, flags)

    @cached_property
    def _roles(self) -> dict[str, tuple[list[str], Rows, Rows]]:
        """For directors and actors: names in order, where each item's codes begin, the codes."""
        found = {}
        for role in ("director", "actor"):
            listed = [self._facts.people(row).get(role, ()) for row in range(len(self._facts))]
            names = sorted({name for several in listed for name in several})
            place = {name: at for at, name in enumerate(names)}
            codes = [place[name] for several in listed for name in dict.fromkeys(several)]
            starts = np.cumsum([0, *(len(set(several)) for several in listed)])
            if names:
                found[role] = names, starts, np.array(codes, np.int64)
        return found

    # ---- from everything -------------------------------------------------------------------------

    def _topics(
        self, rows: Rows, given: Floats, activity: Activity, past: tuple[Trait, ...]
    ) -> tuple[Trait, ...]:
        """Genres by all evidence; those that they like or dislike by their own word come first."""
        facts = self._facts
        viewed = np.array(list(activity.viewed), np.int64)
        flags = facts.genre_flags(np.concatenate([rows, viewed]))
        views = np.array([weight for weight, _ in activity.viewed.values()])
        weight = np.concatenate([given, _VIEW * views]) @ flags
        sources: dict[str, list[int]] = {}
        for at, genre in enumerate(facts.genre_names):
            for strength, numbers in activity.genres.get(genre, ()):
                weight[at] += strength * (given.sum() or 1.0) if strength < 0 else STATED * strength
                sources.setdefault(genre, []).extend(numbers)
            for row, (_, number) in activity.viewed.items():
                if genre in facts.genres(row):
                    sources.setdefault(genre, []).append(number)
        order = sorted(np.flatnonzero(weight > 0).tolist(), key=lambda at: -weight[at])
        shares = {trait.value: trait for trait in past}
        found = []
        for at in order:
            name = facts.genre_names[at]
            known = shares.get(name)
            found.append(
                Trait(
                    "genre",
                    name,
                    known.share if known else 0.0,
                    known.evidence if known else (),
                    weight=float(weight[at] / weight[order[0]]),
                    sources=tuple(dict.fromkeys(sources.get(name, ()))),
                )
            )
        return tuple(found)

    def _keywords(
        self, rows: Rows, given: Floats, activity: Activity | None
    ) -> tuple[tuple[Trait, ...], npt.NDArray[np.float32] | None]:
        """Words that their items' texts, and their own words, have more than the catalogue's."""
        bag = self.bag
        weight = bag.of_rows(rows, given)
        sources: dict[int, list[int]] = {}
        if activity is not None:
            for text, count, number in activity.texts:
                for code, value in bag.of_text(text).items():
                    weight[code] += count * value
                    sources.setdefault(code, []).append(number)
        counts = bag.counts(rows)
        supported = (counts >= _TWICE) | np.isin(np.arange(len(counts)), list(sources))
        weight = np.where(supported & (weight > 0), weight, 0.0)
        best = np.argsort(-weight, kind="stable")[:_MOST]
        best = best[weight[best] > 0]
        traits = []
        for code in best.tolist():
            support = rows[bag.having(rows, code)]
            share = float(given[bag.having(rows, code)].sum() / given.sum()) if rows.size else 0.0
            traits.append(
                Trait(
                    "keyword",
                    bag.words[code],
                    share,
                    tuple(self._facts.items(support[:_EVIDENCE].tolist())),
                    weight=float(weight[code] / weight[best[0]]),
                    sources=tuple(dict.fromkeys(sources.get(code, ()))),
                )
            )
        return tuple(traits), bag.embedding(weight)

    @cached_property
    def bag(self) -> Keywords:
        """The catalogue's texts as bags of words; read when first asked for."""
        return Keywords.of(self._facts)


@dataclass(frozen=True)
class _Past:
    """Traits of a history."""

    genres: tuple[Trait, ...] = ()
    people: tuple[Trait, ...] = ()
    decades: tuple[Trait, ...] = ()


class _Found(NamedTuple):
    """A trait on its way: its weight, and the first rows that support it."""

    kind: str
    value: str
    weight: float
    rows: Rows


def _falling(
    kind: str,
    values: Sequence[str],
    weight: Floats,
    rows: Rows,
    flags: npt.NDArray[np.bool_],
) -> list[_Found]:
    """Traits that have a weight, heaviest first; `flags` tells which of `rows` have which."""
    order = sorted(
        np.flatnonzero(weight > 0).tolist(), key=lambda at: (-float(weight[at]), values[at])
    )
    return [
        _Found(kind, values[at], float(weight[at]), rows[flags[at].nonzero()[0][:_EVIDENCE]])
        for at in order
    ]

"""What simulated users say: several wordings of each move, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.text import Language, unquoted

Move: TypeAlias = Literal[
    "ask",
    "genre",
    "genre_decade",
    "decade",
    "person",
    "usual_genre",
    "usual_genre_decade",
    "usual_decade",
    "fan",
    "favourite",
    "told",
    "similar",
    "seen",
    "seen_all",
    "more",
    "more_like",
    "newer",
    "older",
    "add_genre",
    "also_genre",
    "no_genre",
    "any",
    "accept",
]

WORDINGS: Mapping[Language, Mapping[Move, tuple[str, ...]]] = {
    "en": {
        "ask": (
            "What should I watch tonight?",
            "Can you recommend me something?",
            "I am looking for a film for tonight.",
        ),
        "genre": (
            "I feel like a {genre} film tonight.",
            "Can you recommend a good {genre} film?",
            "Show me a {genre} film, please.",
            "I am in the mood for {genre}.",
        ),
        "genre_decade": (
            "I feel like a {genre} film from the {decade}s.",
            "Do you have a good {decade}s {genre} film?",
            "Something {genre} from the {decade}s, please.",
        ),
        "decade": (
            "Rather something from the {decade}s.",
            "How about a film from the {decade}s?",
            "I would like something from the {decade}s.",
        ),
        "person": (
            "Something with {person}, please.",
            "I would like to see a film with {person}.",
            "Do you have anything with {person}?",
        ),
        "usual_genre": (
            "I mostly watch {genre} films.",
            "I usually go for {genre}. What do you suggest?",
            "Mostly {genre}, as a rule.",
        ),
        "usual_genre_decade": (
            "I mostly watch {genre} films from the {decade}s.",
            "I usually go for {genre} from the {decade}s.",
        ),
        "usual_decade": (
            "I mostly watch films from the {decade}s.",
            "I usually go for films from the {decade}s.",
        ),
        "fan": (
            "I am a fan of {person}.",
            "I often watch films with {person}. What do you suggest?",
        ),
        "favourite": (
            "I loved {title}. What should I watch next?",
            "I really enjoyed {title}. What do you suggest?",
        ),
        "told": ("I loved {title}.", "I really enjoyed {title}."),
        "similar": (
            "I want something like {title}.",
            "Can you find me something similar to {title}?",
        ),
        "seen": (
            "I have already seen {title} and loved it. What else?",
            "I loved {title}, but I have seen it. Something else?",
        ),
        "seen_all": (
            "I have already seen {title} and loved them. What else?",
            "I loved {title}, but I have seen them. Something else?",
        ),
        "more": (
            "Something else, please.",
            "What else do you have?",
            "None of these. Show me others.",
            "Show me other ones.",
        ),
        "more_like": (
            "More like the {place} one, please.",
            "Something like the {place} one.",
        ),
        "newer": ("Something newer.", "Do you have anything more recent?"),
        "older": ("Something older.", "Do you have anything older?"),
        "add_genre": (
            "Rather a {genre} film.",
            "I would like something {genre}.",
            "Show me a {genre} film instead.",
        ),
        "also_genre": ("With some {genre} in it, too.", "It should also be {genre}."),
        "no_genre": (
            "No {genre}, please.",
            "I don't like {genre}. Something else?",
            "Anything but {genre}.",
        ),
        "any": ("I don't mind.", "Anything is fine.", "You choose."),
        "accept": (
            "I'll take the {place} one, thanks.",
            "The {place} one is perfect, I'll watch it.",
        ),
    },
    "zh": {
        "ask": ("今晚看什么好？", "推荐点电影吧。", "想找几部今晚看的电影。"),
        "genre": (
            "今晚想看{genre}片。",
            "推荐几部好的{genre}片。",
            "有没有好看的{genre}电影？",
        ),
        "genre_decade": (
            "想看{decade}年代的{genre}片。",
            "有没有{decade}年代的{genre}电影？",
        ),
        "decade": ("想看{decade}年代的电影。", "有没有{decade}年代的片子？"),
        "person": ("想看{person}的电影。", "有没有{person}的片子？"),
        "usual_genre": ("我平时多看{genre}片。", "我一般喜欢看{genre}片，有什么推荐？"),
        "usual_genre_decade": ("我平时多看{decade}年代的{genre}片。",),
        "usual_decade": ("我平时多看{decade}年代的电影。", "我一般喜欢看{decade}年代的片子。"),
        "fan": ("我是{person}的影迷。", "我经常看{person}的电影。"),
        "favourite": ("我很喜欢{title}，接下来看什么？", "{title}我很喜欢，有什么推荐？"),
        "told": ("我很喜欢{title}。",),
        "similar": ("想看类似{title}的电影。", "有没有像{title}一样的电影？"),
        "seen": (
            "{title}我看过了，很喜欢，还有别的吗？",
            "我喜欢{title}，不过已经看过了，换别的吧。",
        ),
        "seen_all": (
            "{title}我都看过了，很喜欢，还有别的吗？",
            "我喜欢{title}，不过都看过了，换别的吧。",
        ),
        "more": ("换几部别的吧。", "还有别的吗？", "都不要，再来几部。"),
        "more_like": ("再来几部像第{place}部那样的。", "有没有类似第{place}部的？"),
        "newer": ("想看更新一点的。", "有没有更新的？"),
        "older": ("想看更老一点的。", "有没有更老的？"),
        "add_genre": ("想看{genre}片。", "换成{genre}片吧。"),
        "also_genre": ("同时也要有{genre}。", "还要{genre}片。"),
        "no_genre": ("不要{genre}片。", "我不喜欢{genre}片，换别的吧。"),
        "any": ("都可以。", "随便，你来选。"),
        "accept": ("就看第{place}部了，谢谢。", "第{place}部很好，我要了。"),
    },
}
_ORDINALS: Mapping[Language, tuple[str, ...]] = {
    "en": ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    "zh": ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十"),
}


class Phrasing:
    """Words moves in one language, a wording drawn for each.

    Parameters
    ----------
    facts : ItemFacts
        Titles come from here; only those that are passed in are said.
    genre_words : GenreWords
        Names of genres.
    language : {"en", "zh"}
        What the user speaks.
    rng : numpy.random.Generator
        Draws the wordings.
    """

    def __init__(
        self,
        facts: ItemFacts,
        genre_words: GenreWords,
        language: Language,
        rng: np.random.Generator,
    ) -> None:
        self._facts = facts
        self._genre_words = genre_words
        self._language = language
        self._rng = rng

    def say(
        self,
        move: Move,
        *,
        genre: str = "",
        decade: str = "",
        person: str = "",
        titles: Sequence[int] = (),
        place: int = 0,
    ) -> str:
        """Word a move.

        Parameters
        ----------
        genre, decade, person : str
            Values as the taste has them.
        titles : sequence of int
            Item rows.
        place : int
            Place in the last list, from 1.
        """
        if move == "seen" and len(titles) > 1:
            move = "seen_all"
        wordings = WORDINGS[self._language][move]
        wording = wordings[int(self._rng.integers(len(wordings)))]
        ordinals = _ORDINALS[self._language]
        return wording.format(
            genre=self._genre_words.name(genre, self._language) if genre else "",
            decade=decade[2:] if decade.startswith("19") else decade,
            person=person,
            title=self._joined([self._title(row) for row in titles]),
            place=ordinals[min(place, len(ordinals)) - 1] if place else "",
        )

    def _title(self, row: int) -> str:
        title = unquoted(self._facts.title(row))
        return f"《{title}》" if self._language == "zh" else f"“{title}”"

    def _joined(self, titles: Sequence[str]) -> str:
        """Titles as a list in a sentence."""
        if self._language == "zh":
            return "".join(titles) if len(titles) > 2 else "和".join(titles)
        *first, last = titles or [""]
        return f"{', '.join(first)} and {last}" if first else last

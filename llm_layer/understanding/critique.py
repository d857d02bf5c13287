"""Critiques: wishes for more or less of a genre or of what a keyword describes ("less violent")."""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from llm_layer.catalogue.genres import GenreWords
from llm_layer.lexicon import load, load_words
from llm_layer.understanding.negation import negated
from llm_layer.understanding.request import Direction, Range

_I = re.IGNORECASE
Take = Callable[[int, int], None]


@dataclass
class Critique:
    """What a message says of numbers and leanings.

    Attributes
    ----------
    ranges : list of Range
    shifts : dict of str to {"lower", "higher"}
    leanings : dict of str to float
        As in :class:`~llm_layer.understanding.request.Request`.
    unstated : list of str
        Dimensions that the item table has no column for.
    is_comparative : bool
        Something is compared with what was shown ("shorter", "more", "too"), not just limited.
    is_denied : bool
        Something that a keyword describes is not wanted at all ("no gore").
    """

    ranges: list[Range] = field(default_factory=list)
    shifts: dict[str, Direction] = field(default_factory=dict)
    leanings: dict[str, float] = field(default_factory=dict)
    unstated: list[str] = field(default_factory=list)
    is_comparative: bool = False
    is_denied: bool = False


_MUCH = re.compile(r"\b(?:much|a lot|far|way|lots|really)\W*$|(?:得多|多了|很多)", _I)
_BIT = re.compile(r"\b(?:a (?:little|bit|touch|tad)|slightly|somewhat)(?: bit)?\W*$", _I)
_ENGLISH = re.compile(
    r"\b(?P<dir>more|less|fewer|lower|too(?: much| many)?|not (?:too|very|overly|so|as|that|nearly as)(?: much)?|isn['’]?t (?:so|as|that)|not|nothing (?:too|very|so)|not (?:too|very|overly))\s+"
    r"(?:of the |of a |in the way of |of )?(?P<adverb>\w+ly\s+)?(?P<word>[a-z][\w'’-]*(?:[ -](?:fi|paced|good|hearted|friendly|bending|provoking|fiction|story|on))?)(?P<enough>\s+enough)?",
    _I,
)  # fmt: skip
_NONE_OF_IT = re.compile(
    r"\b(?:no|without|avoid|nothing|don['’]?t (?:like|want)|hate)\s+(?:too much |(?:any|explicit|graphic|excessive|much) )?(?P<word>[a-z][\w-]+)\b",
    _I,
)
_NOT_LEANT = load_words("not_properties.txt")
_DOWN = ("less", "fewer", "lower", "too", "not", "isn", "nothing")
_FILM_NOUN = re.compile(
    r"\s*(?:films?|movies?|books?|ones?|flicks?|titles?|courses?|articles?|novels?|stor(?:y|ies)|than)\b",
    _I,
)
_ZH_DOWN = r"太|别太|别(?:再)?(?:这么|那么)|不要(?:这么|那么)|没这么|不要太|不要那么|没那么|不那么|不太|别那么|少(?:一)?[点些](?:儿)?|少来点|过于|不怎么"
_ZH_PART = "成分|元素|镜头|内容|场面|程度|戏份?|感|味道?|气氛|氛围|情节|比重"
_ZH_UP = r"更加?|换[点些个部](?:更)?|再|多(?:一)?[点些](?:儿)?|多来点|不够|越|稍微|比较"


class Leanings:
    """Reads wishes for more or less of a genre or of what a keyword describes."""

    def __init__(self, genre_words: GenreWords) -> None:
        self._genre_words = genre_words
        self._english: dict[str, str] = {}
        self._comparative: dict[str, str] = {
            "funnier": "funny",
            "scarier": "scary",
            "creepier": "creepy",
        }
        chinese: dict[str, str] = {}
        for name, listed in load("descriptors.json").items():
            self._english.update(dict.fromkeys(listed["en"], name))
            self._comparative.update(dict.fromkeys(listed["er"], name))
            chinese.update(dict.fromkeys(listed["zh"], name))
        self._comparatives = re.compile(
            rf"\b(?P<word>{'|'.join(sorted(self._comparative, key=len, reverse=True))})\b", _I
        )
        self._chinese = dict(chinese)
        for genre, words in genre_words.chinese.items():
            self._chinese.update(dict.fromkeys(words, genre))
        keywords = "|".join(sorted(map(re.escape, chinese), key=len, reverse=True))
        self._zh_none = re.compile(
            rf"(?:不含|不带|没有|不要有?|别有|避免|无|拒绝)(?:任何|太多)?(?P<word>{keywords})(?:的)?(?:内容|镜头|场面|成分|元素|画面|情节)"
        )
        word = "|".join(sorted(map(re.escape, self._chinese), key=len, reverse=True))
        self._zh = re.compile(
            rf"(?:(?P<down>{_ZH_DOWN})|(?P<up>{_ZH_UP}))(?:的)?(?P<word>{word})(?P<degree>一?[点些]|得多|多了|很多)?"
            rf"|(?P<plain>{word})(?:片)?(?:的)?(?:{_ZH_PART})?(?:再|更|可以|能|要|稍微)*"
            r"(?:(?P<bit>一[点些]|[点些](?=$|[的儿吧，。！,.!]))|(?P<fewer>太多|(?:少|弱|淡|轻)(?:一)?[点些])"
            r"|(?P<many>(?:多|强|浓|重)(?:一)?[点些]))"
        )

    def read(self, text: str, found: Critique, take: Take) -> None:
        """Note leanings of `text`; what is understood is taken from it."""
        self._read_english(text, found, take)
        self._read_chinese(text, found, take)

    def _read_english(self, text: str, found: Critique, take: Take) -> None:
        for match in self._comparatives.finditer(text):
            word = self._comparative[match["word"].lower()]
            self._lean(found, self._name(word) or word, _strength(text[: match.start()], 1.0), True)
            take(*match.span())
        for match in _NONE_OF_IT.finditer(text):
            name = self._english.get(match["word"].lower())
            if name is not None and not self._genre_words.find(match["word"]):
                self._lean(found, name, -0.8, False)
                found.is_denied = True
                take(*match.span())
        for match in _ENGLISH.finditer(text):
            direction, word = match["dir"].lower(), match["word"].lower()
            name = self._name(word)
            enough = match["enough"] is not None
            if word in _NOT_LEANT or (direction.startswith("not") and not enough and name is None):
                continue
            if _FILM_NOUN.match(text, match.end()) and direction == "more":
                continue  # "more action films" are others of the kind
            is_genre = name in self._genre_words.genres
            narrow = direction.startswith(("nothing", "not")) and not enough
            if narrow and (is_genre or direction in ("not",)):
                continue  # "not too scary" is a no to the genre
            if name is None:
                if direction not in ("more", "less") or not _is_adjective(word):
                    continue
                name = word
            if (
                direction == "more"
                and is_genre
                and word.endswith("s")
                and self._name(word[:-1])
                and word not in ("laughs", "explosions")
            ):
                continue
            up = direction == "more" or enough
            # "nothing too scary": the clause denies what "too" means already.
            self._lean(
                found, name, _strength(text[: match.start()], 1.0 if up else -1.0), not narrow
            )
            take(*match.span())

    def _read_chinese(self, text: str, found: Critique, take: Take) -> None:
        for match in self._zh_none.finditer(text):
            self._lean(found, self._chinese[match["word"]], -0.8, False)
            found.is_denied = True
            take(*match.span())
            text = text[: match.start()] + " " * len(match.group()) + text[match.end() :]
        for match in self._zh.finditer(text):
            name = self._chinese[match["word"] or match["plain"]]
            down, up = match["down"] or match["fewer"], match["up"] or match["bit"] or match["many"]
            narrow = down is not None and down.startswith(("别", "不", "没"))
            if narrow and name in self._genre_words.genres and down not in ("没那么", "不那么"):
                continue
            if match["up"] == "比较" or (
                match["up"] in ("再", "多点", "多来点")
                and not match["degree"]
                and name not in self._chinese.values()
            ):
                continue
            if up and not match["up"] and negated(text, match.start()):
                down = "不"
            sign = -1.0 if down else 1.0
            strength = 0.8 if match["degree"] in ("得多", "多了", "很多") else 0.5
            self._lean(found, name, sign * strength, not narrow)
            take(*match.span())

    def _name(self, word: str) -> str | None:
        """Genre or keyword that a word stands for."""
        mentions = self._genre_words.find(word)
        if mentions:
            return mentions[0].genre
        return self._english.get(word) or self._english.get(word.replace(" ", "-"))

    @staticmethod
    def _lean(found: Critique, name: str, strength: float, comparative: bool) -> None:
        found.leanings.setdefault(name, strength)
        found.is_comparative |= comparative


def _strength(before: str, sign: float) -> float:
    if _MUCH.search(before):
        return 0.8 * sign
    return (0.3 if _BIT.search(before) else 0.5) * sign


def _is_adjective(word: str) -> bool:
    """Whether an unknown word looks like a property: by its ending, and no word of grammar."""
    if word in load_words("stop_words.txt"):
        return False
    return (
        re.search(r"(?:ful|less|ous|ive|ic|ical|al|able|ible|ing|ed|ish|ant|ent|y|some|ary)$", word)
        is not None
    )


def leaning_genres(leanings: dict[str, float], genres: Iterable[str]) -> dict[str, float]:
    """Leanings told in genres of a catalogue, each in [-1, 1].

    A genre counts by itself; a keyword as far as the lexicon says which genres it is usual in.

    Examples
    --------
    >>> leaning_genres({"violent": -0.5, "Romance": 0.5}, ["Action", "Romance", "Musical"])
    {'Action': -0.3, 'Romance': 0.5}
    """
    known = load("leaning_genres.json")
    total: dict[str, float] = {}
    for name, strength in leanings.items():
        shares = known.get(name, {name: 1.0})
        for genre, share in shares.items():
            total[genre] = total.get(genre, 0.0) + share * strength
    return {
        genre: max(-1.0, min(1.0, round(total[genre], 6))) for genre in genres if total.get(genre)
    }

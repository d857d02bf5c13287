"""Statements: what a message says of its writer that holds beyond it.

"I'm a vegetarian", "I have two kids", "I hate gore", "我住在上海", "我喜欢悬疑片": patterns of the first
person, in English and Chinese. What is asked for in a talk ("no horror tonight") is a wish, kept
with less weight and for a shorter time.
"""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.lexicon import load_words
from llm_layer.memory.evidence import EntryKind, EntrySource
from llm_layer.text import has_chinese, normalize, words
from llm_layer.understanding.places import PLACE_IN_LIST
from llm_layer.understanding.request import Request

_I = re.IGNORECASE
_STRONG, _PLAIN, _WISH = 1.0, 0.7, 0.5
# A message says no more of its writer than this; a longer one is read to here.
_MOST = 12
_LONGEST = 80
_CLAUSES = re.compile(r"[.,;!?。，；！？\n]|\b(?:and|but)\b")

_VERY = r"(?:(?:really|absolutely|just|also|usually|generally|always|totally|do|truly|especially|mostly|quite|still|rather|honestly|actually|simply|kind of|personally) ){0,2}"
_BE = r"(?:am|['’]m)"
_END = r"(?P<object>[^.!?;\n]{2,80})"
_TASTES: tuple[tuple[float, re.Pattern[str]], ...] = (
    (
        -_STRONG,
        re.compile(
            rf"\bI {_VERY}(?:hate|can(?:not|['’]t| not) (?:stand|bear)|detest|loathe|despise) {_END}",
            _I,
        ),
    ),
    (
        -_PLAIN,
        re.compile(
            rf"\bI(?: {_VERY}|{_BE} )?(?:dislike|(?:do not|don['’]t) {_VERY}(?:like|love|enjoy|care for|watch|read)|never (?:liked|enjoyed|watch|read)|avoid) {_END}",
            _I,
        ),
    ),
    (
        -_PLAIN,
        re.compile(
            rf"\bI ?{_BE} (?:not {_VERY}(?:into|fond of|(?:a |much of a )?(?:big |huge )?fan of)|(?:scared|afraid|terrified|sick) of) {_END}",
            _I,
        ),
    ),
    (_STRONG, re.compile(rf"\bI {_VERY}(?:love|adore|can(?:not|['’]t) get enough of) {_END}", _I)),
    (
        _STRONG,
        re.compile(
            rf"\bI ?{_BE} {_VERY}(?:a )?(?:(?:big|huge|great|real|total) )?(?:fan|lover|admirer) of {_END}|\bmy (?:all[- ]time )?favou?rites? (?:[a-z]+ )?(?:is|are) (?P<best>[^.!?;\n]{{2,60}})",
            _I,
        ),
    ),
    (
        _PLAIN,
        re.compile(
            rf"\bI {_VERY}(?:like|enjoy|prefer) {_END}|\bI ?{_BE} {_VERY}(?:into|fond of|a sucker for|keen on) (?P<best>[^.!?;\n]{{2,60}})",
            _I,
        ),
    ),
)
_ZH_VERY = "(?:很|最|特别|非常|超级?|真的?|比较|一直|一向|都|也|就|从小|尤其|挺|更)*"
_ZH_END = "(?:看|读|听|玩)?(?P<object>[^。；！？.!?;\n]{1,24})"
_ZH_TASTES: tuple[tuple[float, re.Pattern[str]], ...] = (
    (-_STRONG, re.compile(f"我{_ZH_VERY}(?:讨厌|受不了|痛恨|恨|厌恶|反感){_ZH_END}")),
    (
        -_PLAIN,
        re.compile(
            f"我{_ZH_VERY}(?:不(?:太|怎么|是很|大)?(?:喜欢|爱看|爱读|爱)|不敢看|害怕|怕){_ZH_END}|我{_ZH_VERY}对(?P<best>[^，。；！？]{{1,12}})(?:不感兴趣|没兴趣)"
        ),
    ),
    (
        _STRONG,
        re.compile(
            f"我{_ZH_VERY}(?:热爱|酷爱|迷恋|钟爱|爱(?:看|读)?){_ZH_END}|我是(?P<best>[^，。；！？]{{1,12}})的?(?:粉丝|迷|影迷|书迷)"
        ),
    ),
    (
        _PLAIN,
        re.compile(
            f"我{_ZH_VERY}(?:喜欢|喜爱|偏爱|偏好){_ZH_END}|我{_ZH_VERY}对(?P<best>[^，。；！？]{{1,12}})(?:很|特别)?感兴趣"
        ),
    ),
)
# Where the object of a taste ends.
_AND_SO_ON = re.compile(
    r"\s*(?:,? (?:but|because|since|so|when|while|if|though|although|unless|especially|particularly|except|and I|and my|and please|can you|could you|what|please|[a-z-]+ (?:me|us)|recommend|suggest|something|anything|maybe|got any|any(?:thing)?(?= (?:good|ideas|like))|do you|how about|tonight|today|right now|at the moment|more than|as much as|a lot\b|very much|so much)\b.*"
    r"|[，,]?(?:但是?|不过|因为|所以|如果|尤其|特别是|除了|有没有|请|给我|想看|想要|推荐|来[一部点个]|今晚).*)$",
    _I | re.DOTALL,
)
_APART = re.compile(r"\s*(?:,? (?:and|or|nor) |, ?|&|、|，|和|与|跟|以及|还有|或者?)\s*", _I)
_LEAD = re.compile(
    r"^(?:(?:the|a|an|any|all|some|most|good|great|old|those|these|anything|everything|stuff|things|lots of|kinds? of|sorts? of|to (?:watch|read|see|listen to|play)|watching|reading|seeing|listening to|playing|too much|much|many|so much) )+"
    r"|^(?:那种|这种|各种|一些|有|关于|带有?|看|读|所有|任何)+",
    _I,
)
_GENERIC = re.compile(
    r"^(?:movies?|films?|books?|novels?|series|shows?|games?|songs?|music|courses?|items?|stories|things?)(?: (?:with|about|from|by|of|that are|set in|in|on))?(?: |$)"
    r"|(?:^| )(?:movies?|films?|books?|novels?|series|shows?|flicks?)$|的?(?:电影|影片|片子|小说|书籍?|剧集?|类型|题材|东西|作品|故事)+$",
    _I,
)
_NOBODY = re.compile(
    r"^(?:it|that|this|those|these|them|him|her|you|your .*|me|my .*|one|ones|something.*|anything.*|everything.*|nothing.*|what.*|how .*|when .*|to .*|the (?:same|other|idea|look|sound|first|second|third|last|next)\b.*|seen .*|being .*|having .*"
    r"|[你您他她它这那哪].*|自己|什么.*|第.*|.*[吗呢吧])$",
    _I,
)

# Where a sentence turns to another taste, or to something else about its writer.
_TURN = re.compile(
    r"(?:,|\b(?:and|or)\b|，|、)\s*(?:also )?(?:but )?(?:I(?:['’]m)? )?(?:我)?(?P<rest>(?:really )?(?:hate|love|like|enjoy|dislike|adore|detest|don['’]t|do not|can['’]t stand)\b.*|(?:也|都|很|最|更|又)?(?:讨厌|不喜欢|不爱|不太喜欢|受不了|喜欢|热爱|爱看|恨|怕|害怕).*)"
    r"|(?:,|\b(?:and|or)\b|，)\s*(?P<end>(?:I\b|my\b|我|有|想).*)",
    _I | re.DOTALL,
)
_ABOUT_ME = re.compile(r"\b(?:I|my)\b|我", _I)

_COUNT = r"(?:an?|one|two|three|four|five|six|seven|[0-9]{1,2}|some|no)"
_KIN = r"kids?|child(?:ren)?|sons?|daughters?|bab(?:y|ies)|toddlers?|teenagers?|twins|grandchild(?:ren)?|dogs?|cats?|pets?|wife|husband|partner|girlfriend|boyfriend"
_STATES = r"vegetarian|vegan|pregnant|deaf|blind|colou?r[- ]?blind|dyslexic|diabetic|lactose intolerant|retired|married|single|divorced|unemployed|left-handed|epileptic|claustrophobic"
_STOP = r"(?=\s*(?:[.,;!?\n]|$|\b(?:and|but|so|who|which|that|because|looking|with|in|from|at|who['’]s)\b))"
# Each: slot ("" for the value itself), pattern; the group "not" says that it does not hold.
_FACTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "age",
        re.compile(
            r"\bI ?(?:am|['’]m) (?P<value>[0-9]{1,3}(?: years? old| yo)|(?:turning )[0-9]{1,3})\b",
            _I,
        ),
    ),
    (
        "home",
        re.compile(
            rf"\bI ?(?:am |['’]m )?(?:live|living|based) in (?P<value>(?:the )?[\w'’-]+(?: [A-Z][\w'’-]+){{0,2}}){_STOP}",
            _I,
        ),
    ),
    (
        "origin",
        re.compile(
            r"\bI ?(?:am|['’]m|come) (?:originally )?from (?P<value>(?-i:[A-Z])[\w'’-]+(?: (?-i:[A-Z])[\w'’-]+){0,2})",
            _I,
        ),
    ),
    (
        "work",
        re.compile(
            rf"\bI (?P<value>(?:work|teach|study)(?: (?:as|in|for|at|with))?(?: an?| the)? [\w'’-]+(?: [\w'’-]+){{0,2}}?){_STOP}",
            _I,
        ),
    ),
    (
        "family",
        re.compile(
            rf"\b(?:I have|I['’]ve got|I got) (?P<value>{_COUNT} (?:[\w-]+ ){{0,2}}?(?:{_KIN}))\b",
            _I,
        ),
    ),
    (
        "allergy",
        re.compile(
            rf"\bI ?(?:am|['’]m) (?P<not>not )?(?:highly |very )?(?P<value>allergic to (?:[\w-]+ ){{0,2}}?[\w-]+){_STOP}",
            _I,
        ),
    ),
    (
        "diet",
        re.compile(
            rf"\bI (?P<value>(?:don['’]t|do not|never) (?:eat|drink) (?:[\w-]+ )?[\w-]+){_STOP}", _I
        ),
    ),
    (
        "speech",
        re.compile(r"\bI (?P<value>(?:only )?speak (?:[A-Z][a-z]+)(?: and [A-Z][a-z]+)?)", _I),
    ),
    (
        "",
        re.compile(
            rf"\bI ?(?:am|['’]m) (?P<not>not |no longer )?(?:an? )?(?P<value>{_STATES})\b", _I
        ),
    ),
    (
        "",
        re.compile(
            rf"\bI ?(?:am|['’]m) (?P<not>not |no longer )?an? (?!bit\b|little\b|lot\b|few\b|fan\b|huge\b|big\b|great fan|sucker\b|total\b|real\b|lover\b|bad mood|good mood|mood\b|while\b|hurry\b)(?P<value>(?:[\w-]+ ){{0,2}}?[\w-]+){_STOP}",
            _I,
        ),
    ),
    ("age", re.compile(r"我(?:今年|已经)?(?P<value>[0-9一二三四五六七八九十]{1,3}岁)")),
    ("home", re.compile(r"我(?:现在)?(?:住在|家在)(?P<value>(?!\[)[^，。！？,.!?；\s]{1,8})")),
    (
        "origin",
        re.compile(r"我(?:是|来自)(?P<value>[^，。！？,.!?；的]{1,6}(?=人(?:$|[，。！？,.!?]))人)"),
    ),
    (
        "work",
        re.compile(
            r"我的(?:工作|职业)是(?P<value>[^，。！？,.!?；]{1,8})|我在(?P<alt>[^，。！？,.!?；]{1,8}(?:工作|上班|上学|读书))"
        ),
    ),
    (
        "family",
        re.compile(
            r"(?:我(?:家里?)?|[，,])有(?P<value>[一两二三四五几\d]个?[^，。！？,.!?；]{0,3}(?:孩子|小孩|儿子|女儿|宝宝|双胞胎|猫|狗|老婆|妻子|丈夫))"
        ),
    ),
    ("allergy", re.compile(r"我对(?P<value>[^，。！？,.!?；]{1,8}过敏)")),
    ("diet", re.compile(r"我(?P<value>吃素|不(?:吃|喝)[^，。！？,.!?；]{1,6})")),
    (
        "",
        re.compile(
            r"我(?P<not>不)?是(?:一?[个名位])?(?P<value>(?!说|想|在|要|从|不|很|来|因为)[^，。！？,.!?；的你我他她]{1,8})(?=$|[，。！？,.!?])"
        ),
    ),
)


@dataclass(frozen=True)
class Statement:
    """One thing that a message says of its writer.

    Attributes
    ----------
    kind : str
        ``"fact"``, ``"genre"``, ``"person"``, ``"item"`` or ``"keyword"``.
    slot : str
        What it is about: of statements of one kind and slot the latest holds.
    value : Any
        As it reads; for an item its outside id.
    strength : float
        From −1 to 1; see :class:`~llm_layer.memory.evidence.Entry`.
    clause : str
        The words that say so.
    source : {"stated", "wish"}
        Whether it was said of themselves, or asked for in a talk.
    """

    kind: EntryKind
    slot: str
    value: Any
    strength: float
    clause: str
    source: EntrySource = "stated"


class Listener:
    """Reads statements out of messages, against one catalogue."""

    def __init__(self, facts: ItemFacts, genre_words: GenreWords) -> None:
        self._facts = facts
        self._genre_words = genre_words

    def statements(
        self, request: Request, *, taken: Iterable[int] = (), declined: Iterable[int] = ()
    ) -> list[Statement]:
        """What a message says of its writer: at most 12 statements, facts first.

        Parameters
        ----------
        request : Request
            The message as it was understood, redacted.
        taken, declined : iterable of int
            Rows of items that it takes and turns down by their place in a list.
        """
        found: list[Statement] = []
        if _ABOUT_ME.search(request.text):
            found += [*_facts(request.text), *self._tastes(request.text)]
        found += self._items(request, _PLAIN, (*request.like, *taken))
        found += self._items(request, -_PLAIN, (*request.unlike, *declined))
        found += self._wishes(request)
        return list({(one.kind, one.slot): one for one in reversed(found)}.values())[::-1][:_MOST]

    def _tastes(self, text: str) -> Iterator[Statement]:
        taken: list[tuple[int, int]] = []
        patterns = (*_TASTES, *_ZH_TASTES) if has_chinese(text) else _TASTES
        for strength, pattern in patterns:
            for match in pattern.finditer(text):
                group = "object" if match["object"] else "best"
                if not match[group]:
                    continue
                whole = _AND_SO_ON.sub("", match[group])
                turn = _TURN.search(whole)
                if turn and turn["rest"]:  # "I love noir and hate westerns"
                    yield from self._turned(turn["rest"])
                whole = whole[: turn.start()] if turn else whole
                first, begin = match.start(), match.start(group)
                if any(first < end and start < begin + len(whole) for start, end in taken):
                    continue
                taken.append((first, begin + len(whole)))
                for start, end in _parts(whole):
                    # No more of the message than says so.
                    clause = text[first : begin + end].strip()
                    yield from self._told(whole[start:end].strip(), strength, clause)

    def _turned(self, rest: str) -> Iterator[Statement]:
        """Tastes of a part without a subject of its own."""
        subject = "我" if has_chinese(rest) else "I "
        for one in self._tastes(f"{subject}{rest}"):
            yield replace(one, clause=one.clause.removeprefix(subject))

    def _told(self, part: str, strength: float, clause: str) -> Iterator[Statement]:
        """What a taste is for: genres, people, or up to three words of their own."""
        if PLACE_IN_LIST.search(part) or _NOBODY.match(part):
            return
        kept = _GENERIC.sub("", _LEAD.sub("", part.strip(" '\"“”《》"))).strip()
        genres = [mention.genre for mention in self._genre_words.find(part)]
        if genres:
            for genre in dict.fromkeys(genres):
                yield Statement("genre", genre, genre, strength, clause)
            return
        form = normalize(kept)
        if form in self._facts.person_rows:
            name = self._facts.person_names[form]
            yield Statement("person", form, name, strength, clause)
            return
        if not form or _NOBODY.match(kept) or self._facts.titles.rows(kept):
            return  # titles are told by who understood the message
        stop = load_words("stop_words.txt")
        content = [word.form for word in words(kept) if word.form not in stop]
        limit = 8 if has_chinese(kept) else 3
        if content and len(words(kept)) <= limit:
            joined = "".join(content) if has_chinese(kept) else " ".join(content)
            yield Statement("keyword", joined, joined, strength, clause)

    def _items(self, request: Request, strength: float, rows: Iterable[int]) -> Iterator[Statement]:
        """Titles that were called good or bad."""
        if request.act not in ("ask", "compare", "why"):
            for row in rows:
                item = self._facts.item(row)
                yield Statement("item", str(item), item, strength, self._facts.title(row))

    def _wishes(self, request: Request) -> Iterator[Statement]:
        """What this talk is to be without."""
        for genre in request.no_genres:
            clause = self._clause(request.text, genre)
            yield Statement("genre", genre, genre, -_WISH, clause, "wish")
        for person in request.no_people:
            name = self._facts.person_names.get(person, person)
            yield Statement("person", person, name, -_WISH, name, "wish")

    def _clause(self, text: str, genre: str) -> str:
        """The part of a message that names a genre, the genre itself where none does."""
        for part in _CLAUSES.split(text):
            if any(mention.genre == genre for mention in self._genre_words.find(part)):
                return part.strip()[:_LONGEST]
        return genre


def _parts(whole: str) -> Iterator[tuple[int, int]]:
    """Start and end of each part of a list: "horror, westerns and noir"."""
    start = 0
    for match in _APART.finditer(whole):
        yield start, match.start()
        start = match.end()
    yield start, len(whole)


def _facts(text: str) -> Iterator[Statement]:
    taken: list[tuple[int, int]] = []
    for slot, pattern in _FACTS:
        for match in pattern.finditer(text):
            begin, end = match.span()
            if any(begin < last and first < end for first, last in taken):
                continue
            taken.append((begin, end))
            groups = match.groupdict()
            value = (groups.get("value") or groups.get("alt") or "").strip()
            if not normalize(value) or value.startswith("["):
                continue
            holds = not groups.get("not")
            yield Statement(
                "fact",
                _slot(slot, value),
                value,
                1.0 if holds else -1.0,
                match.group().strip(" ，,"),
            )


def _slot(slot: str, value: str) -> str:
    """What a fact is about; kin and allergies are one each, so that two of them can hold."""
    if slot == "family":
        kin = re.search(
            rf"(?:{_KIN})$|(?:孩子|小孩|儿子|女儿|宝宝|双胞胎|猫|狗|老婆|妻子|丈夫)$", value, _I
        )
        return f"family: {_singular(kin.group()) if kin else value}"
    if slot in ("allergy", "diet"):
        return f"{slot}: {normalize(value)}"
    return slot or normalize(value)


def _singular(word: str) -> str:
    irregular = {
        "children": "child",
        "babies": "baby",
        "grandchildren": "grandchild",
        "kids": "child",
        "kid": "child",
        "小孩": "孩子",
    }
    found = irregular.get(word.lower(), word.lower())
    return found[:-1] if found.endswith("s") and found not in ("twins",) else found

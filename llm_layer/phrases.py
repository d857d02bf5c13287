"""Patterns of requests in English and Chinese: years, numbers, negation, turns of conversation."""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from llm_layer.understand import Act

Years = tuple[int | None, int | None]
Relative = Literal["older", "newer"] | None

_I = re.IGNORECASE
_CLAUSE_END = re.compile(
    r"[,.;:!?，。；：！？、\n]|(?<!anything )(?<!everything )\bbut\b|但是?|不过|\bmaybe\b|\brather\b",
    _I,
)
_NEGATION = re.compile(
    r"\b(?:no|not|non|never|without|nothing|none|except|besides|avoid|hate[ds]?|dislike[ds]?|skip"
    r"|less|cannot|\w+n['’]t|dont|didnt|cant|isnt|anything but|other than|tired of|sick of"
    r"|fed up with|enough)\b|不要|不想|不看|不喜欢|不爱|不是|不像|不用|别|没有|除了|讨厌|避开",
    _I,
)
_NO_NEGATION = re.compile(
    r"\bnot only\b|\bwhy not\b|\bno matter\b|别的|有没有|\bwhy don['’]t\b", _I
)

# What is compared with: "like X", "similar to X", "I loved X".
COMPARED = re.compile(
    r"\b(?:like|similar to|same as|remind(?:s|ed)? me of|in the (?:style|vein|spirit) of|such as"
    r"|loved|liked|enjoyed|adored|hated|disliked|watched|seen|saw)\s+(?:the (?:movie|film)\s+)?"
    r"(?P<title>[^,.;!?，。；！？]+?)"
    r"(?=\s*(?:[,.;!?，。；！？]|$|\bbut\b|\band not\b|\bplease\b|\bfrom the\b|\bonly\b"
    r"|\bwith\b|\bthough\b|\btonight\b))",
    _I,
)
# A title with its year: "Fargo (1996" - the closing bracket belongs to no word.
DATED = re.compile(r"(?P<title>.*\S)\s*\((?P<year>\d{4})\)?$")
# What is asked about: "who directed X", "tell me about X".
ASKED_ABOUT = re.compile(
    r"\b(?:directed|made|shot|stars? in|plays? in|acts? in|is in|year is|about|have|know)\s+"
    r"(?:the (?:movie|film)\s+)?(?P<title>[^,.;!?，。；！？]+?)"
    r"(?=\s*(?:[,.;!?，。；！？]|$|\bfrom\b|\bplease\b|\band who\b))",
    _I,
)
# Words behind "like" that point or describe instead of naming.
NOT_A_TITLE = re.compile(
    r"^(?:a|an|any|some|something|anything|it|that|this|these|those|them|to|what|more|my|your"
    r"|(?:the |that |this )?(?:first|second|third|fourth|fifth|last|next|other|same)\b.*)$",
    _I,
)
ALSO = re.compile(
    r"\balso\b|\btoo\b(?=\W*$)|\bas well\b|\bplus\b|\bwith (?:some|a bit of)\b|也要|还要|同时", _I
)

LENGTH = re.compile(
    r"\b(?:too long|short(?:er)? (?:film|movie|one)s?|not long|nothing (?:too |very )?long|lengthy"
    r"|running time|runtime|minutes|hours?)\b|太长|片长|分钟|小时",
    _I,
)
RATING = re.compile(
    r"\b(?:rated|ratings?|imdb|stars|award|awards|oscars?|best reviewed)\b|评分|获奖|奥斯卡", _I
)
PLACE = re.compile(r"\b(?:netflix|streaming|hulu|disney\+?|amazon|cinema near)\b|网飞|在线观看", _I)

_ORDINALS = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4,
    "fifth": 5, "5th": 5, "last": -1, "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "1": 1, "2": 2,
    "3": 3, "4": 4, "5": 5,
}  # fmt: skip
PLACE_IN_LIST = re.compile(
    r"\b(?P<en>(?:the |that |this )(?:first|second|third|fourth|fifth|last|1st|2nd|3rd|4th|5th)"
    r"(?! (?:century|world|time|night|ten|few))|(?:first|second|third|fourth|fifth|last|1st|2nd|3rd|4th|5th)"
    r"(?= (?:one|film|movie|title|pick|suggestion)|\W*$))(?: (?:one|film|movie|title|pick|suggestion))?\b"
    r"|\b(?:number|no\.|#) ?(?P<num>[1-5])\b|第(?P<zh>[一二三四五1-5])[部个条]?|最后一(?P<last>[部个])"
    r"|\b(?P<that>(?:that|this) (?:one|film|movie))\b|(?P<zhthat>[这那][部个](?:电影|片子)?)",
    _I,
)
_TURNED_DOWN_BEFORE = re.compile(
    r"(?:\b(?:not|no|skip|drop|without|except|hate|dislike|(?:do|did)(?:n['’]t| not)(?: \w+)?"
    r"|already (?:seen|watched|saw)|(?:have |['’]ve |i )(?:seen|watched|saw))|不要|不想看|不喜欢|看过|换掉)"
    r"\s*(?:like |want |the |that )?$",
    _I,
)
_TURNED_DOWN_AFTER = re.compile(
    r"^\s*(?:i (?:have |already )*(?:seen|watched|saw)|is (?:not for me|out|boring)|no\b)"
    r"|^(?:我)?(?:已经)?(?:看过|不要|不喜欢|不行)",
    _I,
)

_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7,
    "八": 8, "九": 9, "十": 10,
}  # fmt: skip
_ANY_NUMBER = r"\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten"
_COUNT = re.compile(
    rf"\b(?P<plain>{_ANY_NUMBER})\s+(?:\w+['’-]?\w*\s+){{0,3}}?"
    r"(?:films?|movies?|titles?|picks?|suggestions?|options?|recommendations?|ideas?|books?|songs?|comedies"
    r"|dramas|thrillers|westerns|musicals|documentaries|items?|more|others)\b"
    rf"|\b(?:just|only|give me|show me|top|another)\s+(?P<only>{_ANY_NUMBER})\b(?!\s+(?:of|like))"
    r"|(?<!第)(?P<zh>\d{1,2}|[一二两三四五六七八九十])[部个条片]",
    _I,
)

_DECADE_WORDS = {
    "twenties": 1920, "thirties": 1930, "forties": 1940, "fifties": 1950, "sixties": 1960,
    "seventies": 1970, "eighties": 1980, "nineties": 1990, "noughties": 2000,
    "二": 1920, "三": 1930, "四": 1940, "五": 1950, "六": 1960, "七": 1970, "八": 1980, "九": 1990,
}  # fmt: skip
_DECADE = re.compile(
    r"\b(?P<century>19|20)?(?P<ten>\d)0['’]?s\b|\b(?P<word>twenties|thirties|forties|fifties|sixties"
    r"|seventies|eighties|nineties|noughties)\b"
    r"|(?P<zhcentury>19|20)?(?P<zhten>\d)0\s*年代|(?P<zhword>[二三四五六七八九])十年代",
    _I,
)
_YEAR = r"((?:18|19|20)\d\d)"
_BETWEEN = re.compile(rf"{_YEAR}\s*年?\s*(?:-|–|—|to|and|until|till|到|至|~)\s*{_YEAR}", _I)
_AFTER = re.compile(
    rf"\b(?:after|since|post|newer than|later than)\s*(?:the (?:year )?)?[-]?{_YEAR}(?P<s>s)?"
    rf"|\bfrom {_YEAR} on|{_YEAR}\s*年?\s*(?:以后|之后|后|以来|起|or (?:later|newer)|onwards?)",
    _I,
)
_BEFORE = re.compile(
    rf"不晚于\s*{_YEAR}|\b(?:before|until|till|pre|older than|earlier than|up to)\s*(?:the (?:year )?)?[-]?{_YEAR}"
    rf"|{_YEAR}\s*年?\s*(?:以前|之前|前|or (?:earlier|older))",
    _I,
)
_INCLUSIVE = re.compile(
    r"\b(?:since|from|until|till|up to)\b|以来|起|不晚于|\bor (?:later|newer|earlier|older)", _I
)
_EXACT = re.compile(rf"(?<![\d-]){_YEAR}(?!\d)")
_OLD = re.compile(
    r"\b(?:old|vintage|golden age|black and white)\b(?! (?:man|men|woman|friend))|老片|老电影", _I
)
_RECENT = re.compile(r"\b(?:recent|modern|latest|brand new)\b|最近的|新片|近年", _I)
_OLDER = re.compile(
    r"\b(?:older|earlier|less recent)\b|更老|更早|老一点|老一些|早一点|早一些|旧一点", _I
)
_NEWER = re.compile(
    r"\b(?:newer|more recent|more modern|later ones?)\b|更新|新一点|新一些|近一点|更近", _I
)
YEAR_WORD = re.compile(r"^(?:18|19|20)?\d0s$|^(?:18|19|20)\d\d$")
# How "old" is read where no year is given; every reply that uses it says so.
OLD_UNTIL = 1969

ACTS: tuple[tuple[Act, re.Pattern[str], bool], ...] = (
    # act, its words, whether any wish in the same message outweighs it
    ("bye", re.compile(r"^\s*(?:bye|goodbye|good night|see you|that['’]s all)|再见|拜拜", _I), True),
    ("reset", re.compile(r"\b(?:start (?:over|again|fresh)|forget (?:that|it|everything|all)"
                         r"|reset|never mind)\b|重新开始|重来|清空", _I), False),
    ("profile", re.compile(r"\bwhat (?:do you|you) know about me\b|\bmy (?:taste|profile)\b"
                           r"|我的(?:口味|喜好|品味|画像)|你(?:对我)?了解我", _I), True),
    ("why", re.compile(r"\bwhy\b(?! not| don['’]t)|\bhow come\b|\breasons?\b|为什么|为啥|为何|理由", _I), True),
    ("fewer", re.compile(r"\b(?:shorter list|fewer|less of (?:them|these)|too many)\b"
                         r"|少一点|少一些|少几部|太多了", _I), True),
    ("more", re.compile(r"\b(?:another|else|more|others?|next|different|again)\b"
                        r"|换|还有|别的|其他|其它|再来|再推荐|更多", _I), False),
    ("thanks", re.compile(r"\b(?:thanks|thank you|cheers|great|perfect)\b|谢谢|多谢|感谢", _I), True),
    ("greet", re.compile(r"^\s*(?:hi|hello|hey|good (?:morning|evening|day))\b|^\s*(?:你好|您好|嗨)", _I), True),
)  # fmt: skip
_TOPICS = (
    ("director", re.compile(r"\bwho (?:directed|made|shot)\b|\b(?:its|the) director\b|导演是谁|谁导演|谁拍", _I)),
    ("actor", re.compile(r"\bwho (?:stars?|plays?|acts?|is in|['’]s in)\b|\b(?:its|the) cast\b|主演|谁演|演员", _I)),
    ("year", re.compile(r"\b(?:what|which) year\b|\bwhen (?:was|did|is)\b|\bhow old is\b|哪一?年|什么时候", _I)),
    ("genre", re.compile(r"\b(?:what|which) (?:genre|kind|type|sort) (?:is|of (?:film|movie) is)\b"
                         r"|什么类型|哪种类型", _I)),
    ("all", re.compile(r"\btell me (?:more )?about\b|\bwhat is (?:it|that|the \w+ one)(?: about)?\b"
                       r"|介绍一下|讲什么|说说", _I)),
)  # fmt: skip


def negated(text: str, at: int) -> bool:
    """Whether what stands at `at` lies in the reach of a "no" of its own clause."""
    begin = max((end.end() for end in _CLAUSE_END.finditer(text[:at])), default=0)
    clause = _NO_NEGATION.sub(lambda match: " " * len(match.group()), text[begin:at])
    return _NEGATION.search(clause) is not None


def refused(text: str, start: int, end: int) -> bool:
    """Whether the item pointed at between `start` and `end` is turned down."""
    before, after = text[max(0, start - 40) : start], text[end : end + 40]
    return bool(_TURNED_DOWN_BEFORE.search(before) or _TURNED_DOWN_AFTER.search(after))


def place_of(match: re.Match[str]) -> int:
    """Place in the list that a match of `PLACE_IN_LIST` means; "that one" is the first."""
    if match["last"]:
        return -1
    if match["that"] or match["zhthat"]:
        return 1
    return _ORDINALS[(match["en"] or match["num"] or match["zh"]).split()[-1].lower()]


def read_count(text: str) -> int | None:
    """How many items are asked for, None where nothing is said."""
    match = _COUNT.search(text)
    if match is None:
        return None
    word = (match["plain"] or match["only"] or match["zh"]).lower()
    count = int(word) if word.isdigit() else _NUMBERS[word]
    return count or None


def read_topic(text: str) -> str:
    """Which fact is asked about, empty where none is."""
    return next((name for name, pattern in _TOPICS if pattern.search(text)), "")


def read_years(text: str) -> tuple[Years | None, Relative]:
    """Years asked for, first and last, and whether older or newer ones than before are wanted.

    Examples
    --------
    >>> read_years("90s action"), read_years("1980年以后的"), read_years("something older")
    (((1990, 1999), None), ((1981, None), None), (None, 'older'))
    """
    return _years(text), _relative(text)


def _years(text: str) -> Years | None:
    if match := _BETWEEN.search(text):
        return int(match[1]), int(match[2])
    for pattern, later in ((_AFTER, True), (_BEFORE, False)):
        if match := pattern.search(text):
            year = int(next(part for part in match.groups() if part and part.isdigit()))
            # "after 1980" begins with 1981; "since 1980" with 1980 itself.
            step = 0 if _INCLUSIVE.search(match.group()) else 1
            return (year + step, None) if later else (None, year - step)
    if decade := _decade(text):
        return decade
    if match := _EXACT.search(text):
        return int(match[1]), int(match[1])
    if _OLD.search(text) and not _OLDER.search(text):
        return None, OLD_UNTIL
    return None


def _decade(text: str) -> Years | None:
    match = _DECADE.search(text)
    if match is None:
        return None
    if word := match["word"] or match["zhword"]:
        first = _DECADE_WORDS[word.lower()]
    else:
        ten = int(match["ten"] or match["zhten"])
        century = match["century"] or match["zhcentury"]
        # "20s" to "90s" are those of the last century, "00s" and "10s" of this one.
        first = int(century or ("19" if ten >= 2 else "20")) * 100 + ten * 10
    before = text[: match.start()]
    if re.search(r"\b(?:before|older than|pre)\W*(?:the )?$", before, _I):
        return None, first - 1
    if re.search(r"\b(?:after|newer than|post)\W*(?:the )?$", before, _I):
        return first + 10, None
    if re.search(r"\b(?:since|from) (?:the )?$", before, _I) and re.match(
        r"\s*on", text[match.end() :]
    ):
        return first, None
    return first, first + 9


def _relative(text: str) -> Relative:
    for pattern, other, name in ((_OLDER, "newer", "older"), (_NEWER, "older", "newer")):
        if match := pattern.search(text):
            if re.match(r"\s*than (?:the )?(?:18|19|20)\d\d", text[match.end() :]):
                return None
            return other if negated(text, match.start()) else name  # type: ignore[return-value]
    return "newer" if _RECENT.search(text) else None

"""Places in the last list ("the second one", "第二部"), and how many items are wanted."""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from collections.abc import Callable

from llm_layer.understanding.negation import negated
from llm_layer.understanding.numbers import read_number

_I = re.IGNORECASE
_ORDINALS = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4,
    "fifth": 5, "5th": 5, "sixth": 6, "6th": 6, "seventh": 7, "7th": 7, "eighth": 8, "8th": 8,
    "ninth": 9, "9th": 9, "tenth": 10, "10th": 10, "last": -1, "final": -1, "top": 1, "middle": 2,
    "frist": 1, "secound": 2, "scond": 2, "thrid": 3, "forth": 4,
}  # fmt: skip
_NTH = "|".join(word for word in _ORDINALS if word not in ("last", "final", "top", "middle"))
_THING = (
    r"ones?|films?|movies?|titles?|picks?|suggestions?|options?|choices?|recommendations?|items?|books?|courses?|articles?"
    r"|products?|entr(?:y|ies)|results?|things?"
)
# Chinese measure words of items.
MEASURE = "部个条本门篇款件双台项支首种套份张"
PLACE_IN_LIST = re.compile(
    rf"\b(?:the |that |this |your |my )?(?:first|top) (?:(?P<many>two|three|2|3)|couple(?: of)?)(?: (?:{_THING}))?\b"
    rf"|\b(?P<en>(?:the |that |this |your )(?:{_NTH})(?! (?:century|world|time|night|ten|few|half|thing i))"
    rf"|(?:{_NTH})(?= (?:{_THING})|\W*$|\W+(?:and|or|please|then|is|was|sounds|looks|seems|vs|one)\b)"
    rf"|(?:(?:the|that|this|your) )?(?:last|final|middle|top)(?= (?:{_THING})\b)|the (?:last|final)(?=\W*$))(?: (?:{_THING}))?\b"
    rf"|(?<=\band )(?P<joined>{_NTH})\b|(?<=\bor )(?P<either>{_NTH})\b|\b(?:number|no\.|nr\.?|option|choice|#) ?(?P<num>10|[1-9]|one|two|three|four|five)\b|#(?P<hash>10|[1-9])\b|^\W*(?:ok(?:ay)?\W+|hmm\W+)?(?P<bare>[1-9]) (?=(?:looks|sounds|seems) \w)"
    rf"|第(?P<zh>十|[一二三四五六七八九]|10|[1-9])[{MEASURE}]?(?!次|季|集)|(?<![\d月日第一二三四五六七八九十])(?P<zhno>10|[1-9]|[一二三四五六七八九])号(?![线楼院码人机文])|前(?P<zhmany>[两二三23])[{MEASURE}]|最后(?:一|那)?(?P<last>[{MEASURE}])|最后那?个"
    rf"|\b(?P<that>(?:that|this) (?:one|film|movie|book|course|article|product))\b|(?P<zhthat>[这那][部个条本门篇件款双台首](?:电影|片子?|书|课程?|文章|商品)?(?!类型|题材|系列|意思|样|话|导演|演员|价))",
    _I,
)
# "1 and 3", "2 vs 3": bare numbers are places where they are compared or chosen from.
_BARE = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|i(?:['’]ll| will) take|give me|compare|between|好|要|选|就|看|比较)\s*)*(?P<one>[1-9])(?:\s*(?:and|or|vs\.?|versus|,|&|和|跟|与|还是|或)\s*(?P<two>[1-9]))?\s*(?:please|then|吧|号|哪个好|哪个更好)?\W*$",
    _I,
)
_TURNED_DOWN_BEFORE = re.compile(
    r"(?:\b(?:not|no|skip|drop|without|except|hate|dislike|remove|(?:do|did)(?:n['’]?t| not)(?: \w+)?"
    r"|already (?:seen|watched|saw|read|have|own)|(?:have |['’]ve |i |ive |we )(?:seen|watched|saw|read))|不要|不想看|不喜欢|不想要|不选|看过|读过|换掉|去掉|别要|讨厌|除了)"
    r"\s*(?:like |want |the |that )?$",
    _I,
)
_TURNED_DOWN_AFTER = re.compile(
    r"^\s*(?:,? ?i(?:['’]ve| have |ve)? ?(?:already )*(?:seen|watched|saw|read|own)|(?:is|was|looks?|sounds?|seems?)(?: \w+)? ?(?:not|too|out|boring|bad|awful|terrible|dull|meh|lame|no good|stupid|silly)\b|no\b"
    r"|(?:does|did|do)n['’]?t (?:appeal|interest|look|sound|work|do it|seem)|isn['’]?t (?:for me|my|what|good|it|right|interesting))"
    r"|^(?:我)?(?:已经|早就|都)?(?:看过|读过|不要|不喜欢|不行|不好|不想|没兴趣|不感兴趣|太无聊|太差|太烂|无聊|就算了|算了|不合适|不适合|[换去删拿划踢扔拉][掉走了]|移除|除外|难看|没意思)",
    _I,
)
_SEEN_BEFORE = re.compile(r"\b(?:seen|watched|saw|read|own)\s*(?:the |that )?$|(?:看|读)过\s*$", _I)
_SEEN_AFTER = re.compile(
    r"^\s*,? ?i(?:['’]ve| have |ve)? ?(?:already )*(?:seen|watched|saw|read|own)\b"
    r"|^(?:我)?(?:已经|早就|都)?(?:看|读)过",
    _I,
)
_ALL_SEEN = re.compile(
    r"\b(?:seen|watched|read|saw|own|have)\s+(?:(?:all|both|every one|each) of (?:these|those|them)|them(?: all)?|these|those|all(?: three| of)?)\b(?! (?:about|on))"
    r"|(?:都|全都?)(?:已经)?(?:看|读|买|学)过",
    _I,
)
_BACK = re.compile(
    r"\b(?:it|this|that)\b(?! (?:is|was|would be|['’]s) (?:why|all|enough))|它"
    rf"|[这那](?![些么样里就边时])[{MEASURE}]?",
    _I,
)
_NO_QUESTION = re.compile(r"\b(?:is|was|are|does)\W*$", _I)

_ANY_NUMBER = r"\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|(?:a )?couple(?: of)?|a dozen"
_HAN_DIGITS = "一二两三四五六七八九"
_COUNT = re.compile(
    rf"\b(?<!or )(?<!- )(?!one of\b)(?P<plain>{_ANY_NUMBER})\s+(?:(?!of\b|or\b|and\b|like\b|from\b)\w+['’-]?\w*\s+){{0,3}}?"
    r"(?:films?|movies?|titles?|picks?|suggestions?|options?|recommendations?|recs?|ideas?|books?|novels?|songs?|comed(?:y|ies)"
    r"|dramas?|thrillers?|westerns?|musicals?|documentar(?:y|ies)|courses?|class(?:es)?|articles?|products?|flicks?|choices?|items?|more|others)\b"
    rf"|\b(?:just|only|give me|show me|top|best|next|another(?! one\b)|like|maybe|down to|pick me|(?:no|not) more than|at most|up to|max(?:imum)?)\s+(?P<only>{_ANY_NUMBER})\b(?!\s+(?:of|like)|[-']|\s*(?:minutes?|mins?|hours?|dollars?|bucks?|stars?|pages?|weeks?))"
    r"|\b(?P<enough>one|two|three|four|five|\d)(?= (?:is|are|will be|would be) (?:enough|plenty|fine))"
    rf"|(?<![第前这那几下上每哪另十\d{_HAN_DIGITS}])(?P<zh>\d{{1,2}}|[{_HAN_DIGITS}]?十[{_HAN_DIGITS}]?|[{_HAN_DIGITS}])(?:[部条本门篇款件双台首片]|个(?![半小钟月星多人]))",
    _I,
)


def read_places(
    text: str, take: Callable[[int, int], None]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Places in the last list that a message is about, those it turns down, and of these the seen.

    Parameters
    ----------
    text : str
        The message, with what is understood blanked.
    take : callable
        Told where each place stands: start, end.
    """
    about: list[int] = []
    refused: list[int] = []
    seen: list[int] = []
    turned_down, is_seen, end = False, False, 0
    matches = list(PLACE_IN_LIST.finditer(text))
    named = [match for match in matches if not (match["that"] or match["zhthat"])]
    bare = _BARE.match(text)
    if bare is not None:
        take(bare.start("one"), bare.end("two") if bare["two"] else bare.end("one"))
        return tuple(int(bare[name]) for name in ("one", "two") if bare[name]), (), ()
    for match in named or matches:  # "the third looks good, that one then" is the third
        # "I have seen the first one and the second one": both.
        joined = text[end : match.start()].strip(" ,") in (
            "and",
            "or",
            "nor",
            "、",
            "和",
            "与",
            "跟",
        )
        if text[match.end() :].lstrip().startswith("\ue000") and not match.group()[-1:].isdigit():
            continue  # "the first Alien" is a title's own number
        was_turned_down, turned_down = turned_down, _refused(text, *match.span())
        if joined and turned_down and not was_turned_down and about:
            # "第一部和第三部都看过了": what is said behind the last of them is said of all.
            refused += about
            about.clear()
        turned_down = turned_down or (was_turned_down and joined)
        end = match.end()
        (refused if turned_down else about).extend(_places_of(match))
        is_seen = turned_down and ((is_seen and joined) or _is_seen(text, *match.span()))
        if is_seen:
            seen.extend(_places_of(match))
        take(match.start(), match.end())
    return tuple(dict.fromkeys(about)), tuple(dict.fromkeys(refused)), tuple(seen)


def all_seen(text: str) -> bool:
    """Whether all that was shown is said to be known already."""
    return _ALL_SEEN.search(text) is not None


def points_back(text: str) -> bool:
    """Whether a message says "it", "that one", "这部": what was spoken of last.

    False where it names a place in the list besides.
    """
    named = (match for match in PLACE_IN_LIST.finditer(text))
    if any(not (match["that"] or match["zhthat"]) for match in named):
        return False
    return _BACK.search(text) is not None


def read_count(text: str) -> int | None:
    """How many items are asked for, None where nothing is said."""
    match = _COUNT.search(text)
    if match is None:
        return None
    word = (match["plain"] or match["only"] or match["enough"] or match["zh"]).lower()
    if "couple" in word:
        return 2
    number = read_number(word)
    return int(number) or None if number is not None else None


def _is_seen(text: str, start: int, end: int) -> bool:
    """Whether the item pointed at is known already: that says nothing against it."""
    before, after = text[max(0, start - 40) : start], text[end : end + 40]
    return bool(_SEEN_BEFORE.search(before) or _SEEN_AFTER.search(after))


def _refused(text: str, start: int, end: int) -> bool:
    """Whether the item pointed at between `start` and `end` is turned down."""
    before, after = text[max(0, start - 40) : start], text[end : end + 40]
    if _TURNED_DOWN_BEFORE.search(before):
        return True
    if _TURNED_DOWN_AFTER.search(after) and not _NO_QUESTION.search(before):
        return True
    return negated(text, start)


def _places_of(match: re.Match[str]) -> list[int]:
    """Places that a match of `PLACE_IN_LIST` means; "that one" is the first."""
    if many := match["many"] or match["zhmany"]:
        return list(range(1, 1 + (3 if many in ("three", "三", "3") else 2)))
    if match["last"] or match.group() in ("最后个", "最后那个"):
        return [-1]
    if match["that"] or match["zhthat"]:
        return [1]
    if number := match["num"] or match["hash"] or match["bare"] or match["zh"] or match["zhno"]:
        value = read_number(number.lower())
        return [int(value)] if value else []
    listed = (match["en"] or match["joined"] or match["either"] or "").lower().split()
    return [_ORDINALS[word] for word in listed if word in _ORDINALS][:1] or [1, 2]

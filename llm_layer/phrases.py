"""Patterns of requests in English and Chinese: titles, years, numbers, turns of conversation."""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from typing import Literal

from llm_layer.negation import negated
from llm_layer.request import Act, Relative, Years

_I = re.IGNORECASE
# What is compared with: "like X", "similar to X", "I loved X".
COMPARED = re.compile(
    r"\b(?<!have you )(?:like|similar to|same as|remind(?:s|ed)? me of|in the (?:style|vein|spirit) of|such as"
    r"|loved|liked|enjoyed|adored|hated|disliked|watched|seen|saw)\s+(?:the (?:movie|film)\s+)?"
    r"(?P<title>[^,.;!?，。；！？]+?)"
    r"(?=\s*(?:[,.;!?，。；！？]|$|\bbut\b|\band not\b|\bplease\b|\bfrom the\b|\bonly\b"
    r"|\bwith\b|\bthough\b|\btonight\b))",
    _I,
)
# A title with its year: "Fargo (1996" - the closing bracket belongs to no word.
DATED = re.compile(r"(?P<title>.*\S)\s*\((?P<year>\d{4})\)?$")
# What is asked about: "who directed X", "tell me about X", "do you have X".
ASKED_ABOUT = re.compile(
    r"(?:\b(?:directed|made|shot|(?:star|play|act)(?:s|red|ed)? in|(?:is|was|['’]s) in|year (?:is|was)"
    r"|when (?:is|was|did)|how old is|(?:genre|(?:kind|type|sort) of (?:film|movie)) is"
    r"|(?:director|cast|actors?|year|genres?) of|(?:tell me(?: more)?|what|how|know|heard) about"
    r"|(?:do|have) you (?:already )?(?:have|got|know|seen))\s+|谁(?:导演|执导|主演|拍)了?"
    r"|^\W*why(?: (?:did|do|would) you (?:pick|choose|chose|recommend|suggest|show(?: me)?))?\s+)"
    r"(?:the (?:movie|film)\s+)?(?P<title>[^,.;!?，。；！？]+?)"
    r"(?=\s*(?:[,.;!?，。；！？]|$|\b(?:from|please|and who|made|released|shot|come out|about)\b))"
    r"|^\s*(?P<zhtitle>[^，。；！？,.;!?]+?)(?:这部(?:电影|片子))?(?:的(?:导演|主演|演员|类型)|是(?:谁导演|谁拍|哪一?年))",
    _I,
)
# What stands before "I have seen it".
KNOWN_ALREADY = re.compile(
    r"(?:^|[.;!?]\s*)(?P<title>[^,.;!?]+?)\W+(?:but )?i(?:['’]ve| have)?(?: \w+)? (?:seen|watched|saw) (?:it|that)\b",
    _I,
)
_SEEN_BEFORE = re.compile(
    r"(?<!you )\b(?:seen|watched|saw)\s+(?:the (?:movie|film)\s+)?$|(?:看过|看完)了?(?:电影)?\s*$",
    _I,
)
_SEEN_AFTER = re.compile(
    r"^\W*(?:(?:but|which) )?(?:i['’]ve|i have|i)(?: \w+)? (?:seen|watched|saw)\b(?! (?!it|that|this|both|them))"
    r"|^\s*[，,]?\s*我?(?:已经)?(?:看过|看完)",
    _I,
)
# What is turned down by its title alone: "not Alien", "anything but Titanic".
DECLINED = re.compile(
    r"(?:(?P<freely>\b(?:anything but|everything but|other than|except(?: for)?)|除了)"
    r"|\b(?:not|no|no more|skip|without|besides)|不要|不看|不想看)\s*(?P<title>[^,.;!?，。；！？]+?)"
    r"(?=\s*(?:[,.;!?，。；！？]|$|\bplease\b|以外|之外))",
    _I,
)
# What is compared by its year: "older than Alien", "比《Heat》更老".
COMPARED_YEAR = re.compile(
    r"\b(?:older|newer|earlier|later|more (?:recent|modern)) than\s+(?:the (?:movie|film)\s+)?"
    r"(?P<title>[^,.;!?，。；！？]+?)(?=\s*(?:[,.;!?，。；！？]|$|\b(?:but|and|please|with)\b))",
    _I,
)
_YEAR_BEFORE = re.compile(r"\bthan\s+(?:the (?:movie|film)\s+)?$|比\s*$", _I)
# Words that ask for more of what is pointed at.
MORE_LIKE = re.compile(r"\b(?:like|similar|more|kind|same|another)\b|类似|像|一样|更多|再", _I)
# What a question points at instead of naming it: "this comedy".
POINTING = re.compile(r"^(?:this|that|these|those|my|your|its?|his|her)\b|^[这那]", _I)
_LOVED_IT = re.compile(r"\b(?:loved?|liked|enjoyed|adored?) (?:it|them|both|that)\b", _I)
# Words behind "like" that point or describe instead of naming.
NOT_A_TITLE = re.compile(
    r"^(?:a|an|any|some|something|anything|it|that|this|these|those|them|to|what|more|my|your"
    r"|me|you|us|yourself|(?:the|all|both|these|those) (?:film|movie|one|title|item)s?"
    r"|它|它们|他们|这|那|这些|那些|电影|片子"
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
    r"\b(?:rated|ratings?|imdb|(?:[1-5]|three|four|five)[ -]stars?|award|awards|oscars?|best reviewed)\b|评分|获奖|奥斯卡",
    _I,
)
PLACE = re.compile(r"\b(?:netflix|streaming|hulu|disney\+?|amazon|cinema near)\b|网飞|在线观看", _I)

_ORDINALS = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4,
    "fifth": 5, "5th": 5, "last": -1, "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "1": 1, "2": 2,
    "3": 3, "4": 4, "5": 5,
}  # fmt: skip
PLACE_IN_LIST = re.compile(
    r"\b(?P<en>(?:the |that |this )(?:first|second|third|fourth|fifth|1st|2nd|3rd|4th|5th)"
    r"(?! (?:century|world|time|night|ten|few))|(?:first|second|third|fourth|fifth|1st|2nd|3rd|4th|5th)"
    r"(?= (?:one|film|movie|title|pick|suggestion)|\W*$)|(?:(?:the|that|this) )?last(?= (?:one|film|movie|title|pick|suggestion)\b))(?: (?:one|film|movie|title|pick|suggestion))?\b"
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
    r"^\s*(?:i (?:have |already )*(?:seen|watched|saw)|(?:is|was|looks|sounds) (?:not|too|out|boring|bad|awful|terrible|dull)\b|no\b)"
    r"|^(?:我)?(?:已经)?(?:看过|不要|不喜欢|不行)",
    _I,
)

_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7,
    "八": 8, "九": 9, "十": 10,
}  # fmt: skip
_HAN_DIGITS = "一二两三四五六七八九"
_ANY_NUMBER = (
    r"\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty"
)
_COUNT = re.compile(
    rf"\b(?!one of\b)(?P<plain>{_ANY_NUMBER})\s+(?:\w+['’-]?\w*\s+){{0,3}}?"
    r"(?:films?|movies?|titles?|picks?|suggestions?|options?|recommendations?|ideas?|books?|songs?|comedies"
    r"|dramas|thrillers|westerns|musicals|documentaries|items?|more|others)\b"
    rf"|\b(?:just|only|give me|show me|top|another)\s+(?P<only>{_ANY_NUMBER})\b(?!\s+(?:of|like))"
    rf"|(?<![第十\d{_HAN_DIGITS}])(?P<zh>\d{{1,2}}|[{_HAN_DIGITS}]?十[{_HAN_DIGITS}]?|[{_HAN_DIGITS}])[部个条片]",
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
    r"|(?P<zhcentury>19|20)?(?P<zhten>\d)0\s*年代|(?P<zhpair>[二三四五六七八])?(?P<zhword>[二三四五六七八九])十年代",
    _I,
)
# What stands between two decades that make one span.
_JOINED = re.compile(
    r"\s*(?:,|/|-|–|、|,? ?(?:or|and|to|till|until|through)|或者?|还是|到|至|和|与)\s*(?:(?:from )?the )?"
    r"(?:early |late |mid-? ?)?",
    _I,
)
_YEAR = r"((?:18|19|20)\d\d)"
_BETWEEN = re.compile(
    rf"{_YEAR}\s*年?\s*(?:-|–|—|to|and|or|until|till|through|到|至|或|和|~)\s*{_YEAR}", _I
)
_AFTER = re.compile(
    rf"不早于\s*{_YEAR}|(?<!不)晚于\s*{_YEAR}|\b(?:after|since|post|newer than|later than)\s*(?:the (?:year )?)?[-]?{_YEAR}(?P<s>s)?"
    rf"|\bfrom {_YEAR} on|{_YEAR}\s*年?\s*(?:以后|之后|后|以来|起|or (?:later|newer)|onwards?)",
    _I,
)
_BEFORE = re.compile(
    rf"不晚于\s*{_YEAR}|(?<!不)早于\s*{_YEAR}|\b(?:before|until|till|pre|older than|earlier than|up to)\s*(?:the (?:year )?)?[-]?{_YEAR}"
    rf"|{_YEAR}\s*年?\s*(?:以前|之前|前|or (?:earlier|older))",
    _I,
)
_INCLUSIVE = re.compile(
    r"\b(?:since|from|until|till|up to)\b|以来|起|不晚于|不早于|\bor (?:later|newer|earlier|older)",
    _I,
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

# What outweighs the words of an act in the same message: a wish of any sort ("any"), whatever
# is asked for beside free words ("asked"), a wish for a kind of item ("wish"), or nothing.
Outweighed = Literal["any", "asked", "wish", ""]
ACTS: tuple[tuple[Act, re.Pattern[str], Outweighed], ...] = (
    ("bye", re.compile(r"^\s*(?:bye|goodbye|good night|see you|that['’]s all)|再见|拜拜", _I), "asked"),
    ("reset", re.compile(r"\b(?:start (?:over|again|fresh)|forget (?:that|it|everything|all)"
                         r"|reset|never mind)\b|重新开始|重来|清空", _I), ""),
    ("profile", re.compile(r"\bwhat (?:do you|you) know about me\b|\bmy (?:taste|profile|history)\b"
                           r"|\bwhat (?:did|have) i (?:\w+ )?(?:watch(?:ed)?|see|seen|rated?)\b|我(?:最近)?看过(?:什么|哪些)"
                           r"|我的(?:口味|喜好|品味|画像)|你(?:对我)?了解我", _I), "asked"),
    ("why", re.compile(r"^\W*(?:and |but |so )?why\b(?! not| don['’]t)|^\W*(?:为什么|为啥|为何)", _I), ""),
    ("why", re.compile(r"\bwhy\b(?! not| don['’]t)|\bhow come\b|\breasons?\b|为什么|为啥|为何|理由", _I), "wish"),
    ("fewer", re.compile(r"\b(?:shorter list|fewer|less of (?:them|these)|too many)\b"
                         r"|少一点|少一些|少几部|太多了", _I), "wish"),
    ("more", re.compile(r"\b(?:another|else|more|others?|next|different|again)\b"
                        r"|换|还有|别的|其他|其它|再来|再推荐|更多", _I), ""),
    ("thanks", re.compile(r"\b(?:thanks|thank you|cheers)\b|谢谢|多谢|感谢"
                          r"|^\W*(?:ok(?:ay)?\W+|that(?: is|['’]s) |these are |sounds )?(?:great|perfect|awesome|excellent)"
                          r"(?: (?:choice|choices|pick|picks|list|idea|ideas|one))?\W*$|^太?(?:好|棒)了?[！!。]*$", _I), "any"),
    ("greet", re.compile(r"^\s*(?:hi|hello|hey|good (?:morning|evening|day))\b|^\s*(?:你好|您好|嗨)", _I), "any"),
)  # fmt: skip
# Words that ask for something to watch, whatever it is.
ASKING = re.compile(
    r"\b(?:recommend|suggest|what (?:should|shall|can|could|do|would) (?:i|we)\b(?! (?:know|do))"
    r"|(?:give|show|find) (?:me|us)|looking for|(?:i|we)(?: would|['’]d)? (?:want|like|need)|we want"
    r"|what(?: is|['’]s) (?:a|an|some)|any (?:ideas|suggestions))\b(?!(?: to (?:see|know))? my (?:taste|profile|history))"
    r"|推荐|想看|想要|找|来[一二两三四五\d]?[部点些]|看什么",
    _I,
)
_TOPICS = (
    ("director", re.compile(r"\bwho (?:directed|made|shot)\b|\b(?:its|the) director\b|导演是谁|谁导演|谁拍", _I)),
    ("actor", re.compile(r"\bwho(?: (?:stars?|starred|plays?|played|acts?|acted|is in|was in)|['’]s in)\b|\b(?:its|the) cast\b|(?:主演|演员)(?:是谁|有谁|都?有哪些|都有谁|[？?]?$)|谁(?:主)?演", _I)),
    ("year", re.compile(r"\b(?:what|which) year\b|\bwhen (?:was|did|is)\b|\bhow old is\b|哪一?年|什么时候", _I)),
    ("genre", re.compile(r"\b(?:what|which) (?:genre|kind|type|sort) (?:is|of (?:film|movie) is)\b"
                         r"|什么类型|哪种类型", _I)),
    ("all", re.compile(r"\btell me (?:more )?about\b|\bwhat(?: is|['’]s) (?:it|that|this|the \w+ one|[^,.;!?]{0,40}about)\b"
                       r"|介绍一下|讲什么|说说", _I)),
)  # fmt: skip


def refused(text: str, start: int, end: int) -> bool:
    """Whether the item pointed at between `start` and `end` is turned down."""
    before, after = text[max(0, start - 40) : start], text[end : end + 40]
    said = _TURNED_DOWN_BEFORE.search(before) or _TURNED_DOWN_AFTER.search(after)
    return bool(said) or negated(text, start)


def seen(text: str, start: int, end: int) -> bool:
    """Whether the title between `start` and `end` is said to be known already, and no more."""
    known = _SEEN_BEFORE.search(text[:start]) or _SEEN_AFTER.search(text[end : end + 40])
    return known is not None and _LOVED_IT.search(text[end:]) is None


def is_compared(text: str, start: int) -> bool:
    """Whether the title at `start` is something that others are older or newer than."""
    return _YEAR_BEFORE.search(text[:start]) is not None


def place_of(match: re.Match[str]) -> int:
    """Place in the list that a match of `PLACE_IN_LIST` means; "that one" is the first."""
    if match["last"]:
        return -1
    if match["that"] or match["zhthat"]:
        return 1
    listed = (match["en"] or match["num"] or match["zh"]).lower().split()
    return next(_ORDINALS[word] for word in listed if word in _ORDINALS)


def read_count(text: str) -> int | None:
    """How many items are asked for, None where nothing is said."""
    match = _COUNT.search(text)
    if match is None:
        return None
    word = (match["plain"] or match["only"] or match["zh"]).lower()
    if word.isdigit():
        return int(word) or None
    tens, ten, ones = word.partition("十")
    if ten:
        return _NUMBERS.get(tens, 1) * 10 + _NUMBERS.get(ones, 0)
    return _NUMBERS[word]


def read_topic(text: str) -> str:
    """Which fact is asked about, empty where none is."""
    return next((name for name, pattern in _TOPICS if pattern.search(text)), "")


def read_years(text: str) -> tuple[Years | None, Relative]:
    """Years asked for, first and last, and whether older or newer ones than before are wanted.

    Examples
    --------
    >>> read_years("90s action"), read_years("1980年以后的"), read_years("something older")
    (((1990, 1999), None), ((1981, None), None), (None, 'older'))
    >>> read_years("not older than 1990"), read_years("80s or 90s comedies")
    (((1990, None), None), ((1980, 1999), None))
    """
    wanted, _ = _spans(text)
    return _common(wanted), _relative(text)


def read_no_years(text: str) -> tuple[Years, ...]:
    """Spans of years that are not wanted; those with one open end are read as a wish instead.

    Examples
    --------
    >>> read_no_years("nothing from the 90s"), read_no_years("nothing before 1980")
    (((1990, 1999),), ())
    """
    return tuple(_spans(text)[1])


def _spans(text: str) -> tuple[list[Years], list[Years]]:
    """Spans of years wanted and not wanted."""
    wanted: list[Years] = []
    unwanted: list[Years] = []
    for (first, last), start in _all_years(text):
        if not negated(text, start):
            wanted.append((first, last))
        elif first is None and last is not None:
            wanted.append((last + 1, None))  # "nothing before 1980": from 1980 on
        elif last is None and first is not None:
            wanted.append((None, first - 1))
        else:
            unwanted.append((first, last))
    return wanted, unwanted


def _common(spans: list[Years]) -> Years | None:
    """What all spans have in common; the first of them where they have nothing."""
    if not spans:
        return None
    first = max((first for first, _ in spans if first is not None), default=None)
    last = min((last for _, last in spans if last is not None), default=None)
    return spans[0] if first is not None and last is not None and first > last else (first, last)


def _all_years(text: str) -> list[tuple[Years, int]]:
    """Every span of years in a text, wanted or not, and where it stands."""
    found: list[tuple[Years, int]] = []

    def take(match: re.Match[str], years: Years) -> None:
        nonlocal text
        found.append((years, match.start()))
        text = text[: match.start()] + " " * len(match.group()) + text[match.end() :]

    for match in list(_BETWEEN.finditer(text)):
        take(match, (min(int(match[1]), int(match[2])), max(int(match[1]), int(match[2]))))
    for pattern, later in ((_AFTER, True), (_BEFORE, False)):
        for match in list(pattern.finditer(text)):
            year = int(next(part for part in match.groups() if part and part.isdigit()))
            # "after 1980" begins with 1981; "since 1980" with 1980 itself.
            step = 0 if _INCLUSIVE.search(match.group()) else 1
            take(match, (year + step, None) if later else (None, year - step))
    decades = _decades(text)
    found += decades
    text = _DECADE.sub(lambda match: " " * len(match.group()), text)
    for match in list(_EXACT.finditer(text)):
        take(match, (int(match[1]), int(match[1])))
    old = _OLD.search(text)
    if old is not None and not found and not _OLDER.search(text):
        found.append(((None, OLD_UNTIL), old.start()))
    return found


def _decades(text: str) -> list[tuple[Years, int]]:
    """Decades with "before" and "after"; those that are joined ("80s or 90s") make one span."""
    found: list[tuple[Years, int]] = []
    end = 0
    for match in _DECADE.finditer(text):
        first, last = _decade(match, text)
        if found and _JOINED.fullmatch(text[end : match.start()]):
            (before, after), start = found.pop()
            if None not in (before, after, first, last):
                years = [year for year in (before, after, first, last) if year is not None]
                found.append(((min(years), max(years)), start))
            else:
                found += [((before, after), start), ((first, last), match.start())]
        else:
            found.append(((first, last), match.start()))
        end = match.end()
    return found


def _decade(match: re.Match[str], text: str) -> Years:
    """Years of a decade, or of what lies before or after it."""
    if word := match["word"] or match["zhword"]:
        first = _DECADE_WORDS[word.lower()]
    else:
        ten = int(match["ten"] or match["zhten"])
        century = match["century"] or match["zhcentury"]
        # "20s" to "90s" are those of the last century, "00s" and "10s" of this one.
        first = int(century or ("19" if ten >= 2 else "20")) * 100 + ten * 10
    last = first + 9
    if match["zhpair"]:  # 八九十年代: the eighties and nineties
        first = _DECADE_WORDS[match["zhpair"]]
    before, behind = text[: match.start()], text[match.end() :]
    if re.search(r"\b(?:before|(?:older|earlier) than|pre)\W*(?:the )?$", before, _I):
        return None, first - 1
    if re.match(r"\s*(?:以前|之前)", behind):
        return None, first - 1
    if re.search(r"\b(?:after|(?:newer|later) than|post)\W*(?:the )?$", before, _I):
        return last + 1, None
    if re.match(r"\s*(?:以后|之后)", behind):
        return last + 1, None
    since = re.search(r"\bsince (?:the )?$", before, _I)
    from_on = re.search(r"\bfrom (?:the )?$", before, _I) and re.match(
        r"\s*on(?:wards?)?\b", behind
    )
    if since or from_on or re.match(r"\s*(?:or (?:later|newer)|以来)", behind):
        return first, None
    if re.match(r"\s*or (?:earlier|older)", behind):
        return None, last
    return first, last


def _relative(text: str) -> Relative:
    for pattern, other, name in ((_OLDER, "newer", "older"), (_NEWER, "older", "newer")):
        if match := pattern.search(text):
            if re.match(r"\s*than (?:the )?(?:(?:18|19|20)\d\d|\d0['’]?s)", text[match.end() :]):
                return None
            return other if negated(text, match.start()) else name  # type: ignore[return-value]
    return "newer" if _RECENT.search(text) else None

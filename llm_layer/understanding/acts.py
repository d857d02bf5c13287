"""Acts: what kind of turn a message is, by the words that are left beside titles and limits.

A message is seen as its shape: items, places in the list and people are marks, so that "I'll take
the second one" and "I'll take Heat" are the same words.
"""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from dataclasses import dataclass

from llm_layer.understanding.act_words import (
    ACCEPT,
    ASKING,
    BYE,
    COMPARE,
    CORRECT,
    FEWER,
    FORGET,
    GREET,
    IN_SCOPE,
    MORE,
    MORE_LIKE,
    NARROWING,
    NARROWING_FIRST,
    OUT_OF_SCOPE,
    PROFILE,
    REJECT,
    RESET,
    SELF,
    THANKS,
    WHY,
    Pair,
    worded,
)
from llm_layer.understanding.request import Act
from llm_layer.understanding.topics import TOPICS

_I = re.IGNORECASE


@dataclass(frozen=True)
class Signs:
    """What a message holds beside the words that tell its act.

    Attributes
    ----------
    text : str
        Its shape: named and pointed-at items and people are marks.
    genres, limits, people, values : bool
        Genres wanted, years or numbers limited, people, values of columns.
    mood : str
        Free words.
    denied : bool
        Anything that is not wanted.
    examples, counter : bool
        Items named as examples and counter-examples.
    seen, missing : bool
        Items that are known already; quoted titles that do not exist.
    places, refused : bool
        Places in the list, taken and turned down.
    n_items : int
        Items named or pointed at, of all sorts.
    comparative : bool
        Something is to be more or less so than what was shown.
    leaning : bool
        Something is to be more or less so, whether held against a list or not.
    topic : str
        Fact that is asked about.
    is_question : bool
        Ends with a question mark.
    in_talk : bool
        A list was shown.
    count : bool
        So many items are wanted.
    """

    text: str
    genres: bool = False
    limits: bool = False
    people: bool = False
    values: bool = False
    mood: str = ""
    denied: bool = False
    examples: bool = False
    counter: bool = False
    seen: bool = False
    missing: bool = False
    places: bool = False
    refused: bool = False
    n_items: int = 0
    comparative: bool = False
    leaning: bool = False
    topic: str = ""
    is_question: bool = False
    in_talk: bool = False
    count: bool = False

    @property
    def wished(self) -> bool:
        """A kind of item is asked for."""
        return self.genres or self.limits or self.people or self.values

    @property
    def named(self) -> bool:
        """Anything of the catalogue is named or pointed at."""
        return self.wished or self.denied or self.n_items > 0 or self.missing


class Shape:
    """The words of a message, as acts are told from them."""

    def __init__(self, text: str) -> None:
        self.english = " ".join(text.lower().replace("’", "'").split())
        self.chinese = "".join(text.lower().split()) if _HAN.search(text) else ""

    def has(self, pair: Pair) -> bool:
        """Whether the words of an act stand in it."""
        english, chinese = pair
        if english.search(self.english):
            return True
        return bool(self.chinese and chinese is not None and chinese.search(self.chinese))


_HAN = re.compile(r"[\u3400-\u9fff]")
_POLITE = re.compile(
    r"\b(?:thanks?|thank you)(?: (?:so|very) much| a lot)? for (?:the |your |all |these |those )?\w+(?: \w+)?|谢谢(?:你|您)?的?(?:推荐|帮助|建议|介绍)",
    _I,
)
_OPEN_QUESTION = re.compile(
    r"^\W*(?:(?:can|could|would) you (?:please )?(?:tell me |explain )?)?(?:who|what|when|where|which|how|is|are|does|do|did)\b",
    _I,
)
_WH_QUESTION = re.compile(r"^\W*(?:who|what|when|where|which|how|why)(?:['’]?s)?\b", _I)
_ZH_QUESTION = re.compile(r"(?:什么|谁|哪里|哪儿|怎么|如何|多少|吗)[^，。]{0,8}[？?]?$")


def act_of(signs: Signs) -> Act:
    """What kind of turn a message is, by rules alone."""
    return ruled(signs)[0]


def ruled(signs: Signs) -> tuple[Act, str]:
    """What kind of turn a message is by rules alone, and which rules say so.

    The last of them, ``"wish"``, say so of whatever the others leave.
    """
    shape = Shape(
        _POLITE.sub(lambda match: "谢谢" if "谢" in match.group() else "thanks", signs.text)
    )
    for name, find in _RULES:
        act = find(shape, signs)
        if act is not None:
            return act, name
    if _is_outside(shape, signs):
        return "out_of_scope", "outside"
    return _wish(shape, signs), "wish"


# What other services find, however it is asked for.
_ELSEWHERE = re.compile(
    r"\b(?:rec+om+[ae]nd|suggest|find|know)\w* (?:me |us |of )?(?:an? |some |any |the )?(?:\w+ ){0,2}(?:restaurants?|hotels?|caf[eé]s?|pubs?|dentists?|doctors?|lawyers?|plumbers?|flights?)\b(?! (?:films?|movies?|dramas?))"
    r"|(?:推荐|找|订)[^，。]{0,6}(?:餐厅|饭店|餐馆|酒店|宾馆|酒吧|咖啡馆|医院|律师|航班)(?!.{0,4}(?:片|电影|剧))",
    _I,
)


def is_outside(text: str, *, has_genres: bool = False) -> bool:
    """Whether a message, as it was typed, asks for what no catalogue has.

    Parameters
    ----------
    text : str
        As it was typed.
    has_genres : bool
        It names a genre: then what else it wants of the system is passed over.
    """
    shape = Shape(text)
    if _ELSEWHERE.search(text) and not has_genres:
        return True
    if not shape.has(OUT_OF_SCOPE):
        return False
    if SELF.search(text):
        return not has_genres
    for pattern in OUT_OF_SCOPE:
        if pattern is not None:  # "book me a table" is not about books
            text = pattern.sub(" ", text)
    return IN_SCOPE.search(text) is None


def _about_the_talk(shape: Shape, signs: Signs) -> Act | None:
    if shape.has(FORGET) and not signs.genres:
        return "forget"
    if shape.has(RESET) and not _MEANT.search(shape.english + shape.chinese):
        return "profile" if shape.has(PROFILE) else "reset"
    if shape.has(CORRECT):
        return "correct"
    if shape.has(PROFILE) and not shape.has(_ASKED_BY_TASTE):
        return "profile"
    if shape.has(RESET):
        return "reset"
    return None


_MEANT = re.compile(r"\bmeant?\b|\bmisunderst|\bwrong\b|意思|错了|误", _I)
_ASKED_BY_TASTE = worded(
    r"\brec+om+[ae]nd|\bsuggest|\b(?:give|show|find) me (?!my)\w+|\bbased on|\bfits?\b|\bmatch",
    r"推荐|根据|按照|适合",
)


def _about_items(shape: Shape, signs: Signs) -> Act | None:
    asks_which = _WHICH.search(shape.english + shape.chinese) is not None
    if signs.missing and not signs.wished and _HAVE.search(shape.english + shape.chinese):
        return "ask"
    if signs.n_items and _DIFFERENCE.search(shape.english + shape.chinese):
        return "compare"
    if shape.has(COMPARE) and (not signs.examples or (signs.n_items > 1 and asks_which)):
        pointed = signs.n_items > 1 or (
            not signs.wished and (signs.n_items or not signs.comparative)
        )
        if pointed or asks_which:
            return "compare"
    if shape.has(WHY) and not (
        signs.wished and not signs.n_items and not _WHY_FIRST.search(shape.english + shape.chinese)
    ):
        return "why"
    if signs.topic and not (signs.topic == "all" and signs.wished and not signs.n_items):
        return "ask"
    return None


_HAVE = re.compile(
    r"^\W*(?:and |but |so )*(?:do you (?:\w+ )?(?:have|carry|stock|sell)|have you got|you got|got)\b|有没有|有[^，。]{1,20}[吗么]",
    _I,
)
_SAME_PERSON = re.compile(
    r"\b(?:by|from|with|starring|directed by) (?:him|her|(?:the |that )?same (?:director|actor|actress|author|writer|artist|teacher|person|guy))\b"
    r"|\b(?:his|her) (?:other|best|latest|earlier|older|newer|next)\b"
    r"|[他她](?:还)?(?:的|导|演|拍|写|执导|主演|教)|(?:同一?|这)(?:个|位)(?:导演|演员|作者|老师)",
    _I,
)


def means_same_person(text: str) -> bool:
    """Whether a message speaks of "him", "her", "the same director": who was told of last."""
    return _SAME_PERSON.search(text) is not None


_DIFFERENCE = re.compile(
    r"\bdifferences? between\b|^\W*compare\b|\bcompare (?:it|this|that|them)\b|(?:的|有(?:什么|啥|何))(?:区别|差别|不同)",
    _I,
)
_WHICH = re.compile(
    r"\bwhich\b|\bcompar|\bversus\b|\bvs\b|differ|不同|不一样|哪|谁|比较|对比|区别|差别", _I
)
_WHY_FIRST = re.compile(r"^\W*(?:and |but |so )?why\b|^(?:为什么|为啥|为何)", _I)


def _about_a_list(shape: Shape, signs: Signs) -> Act | None:
    if signs.seen and (shape.has(MORE_LIKE) or signs.examples):
        return "more_like"
    if signs.seen and not signs.refused and _STRONGLY.search(shape.english + shape.chinese):
        return "recommend"
    if signs.refused and _ALIKE.search(shape.english + shape.chinese):
        return "not_like"
    if signs.refused or signs.seen:
        if not (signs.wished or signs.examples or signs.leaning) or (
            signs.seen and not signs.wished
        ):
            return "reject"
        return None
    if (
        shape.has(ACCEPT)
        and not _WH_QUESTION.search(shape.english)
        and not (signs.wished or signs.comparative or signs.denied or signs.counter)
        and not shape.has(MORE_LIKE)
        and (signs.n_items or not shape.has(MORE))
    ):
        return "accept"
    if _LIST_WORD.search(shape.english + shape.chinese) and shape.has(FEWER):
        return "fewer"
    wants_less = signs.leaning and not (signs.wished or signs.denied or signs.n_items)
    if (signs.comparative or wants_less) and not signs.examples:
        asks = (
            shape.has(ASKING) and signs.genres and not _CHANGE.search(shape.english + shape.chinese)
        )
        return "recommend" if asks and not signs.in_talk else "critique"
    rejects = shape.has(REJECT) and not (signs.wished or signs.examples or shape.has(FEWER))
    if rejects and not signs.counter and not (signs.denied and not signs.n_items):
        return "reject"
    return None


_ALIKE = re.compile(
    r"\b(?:nothing|not|never|n['’]?t)\b.{0,30}\b(?:like|similar|resembl)|\bunlike\b|(?:不|别).{0,6}(?:像|类似|跟|和|与)|不.{0,8}(?:类似|那样|那种|这种)",
    _I,
)
_LIST_WORD = re.compile(r"\blist\b|列表|名单|清单", _I)
_CHANGE = re.compile(r"\bsomething\b|\bbut\b|\bmake\b|换|再", _I)


def _small_talk(shape: Shape, signs: Signs) -> Act | None:
    quiet = not (signs.wished or signs.denied or signs.n_items or signs.leaning or signs.count)
    if quiet and shape.has(BYE):
        return "bye"
    if not quiet or shape.has(ASKING) or shape.has(MORE):
        return None
    if shape.has(THANKS):
        return "thanks"
    # "hi, dark and clever": the free words are the wish.
    greeting = GREET[0].search(shape.english)
    said = greeting.group().split() if greeting is not None else []
    only = all(word in said for word in signs.mood.split())
    return "greet" if shape.has(GREET) and only else None


def _is_outside(shape: Shape, signs: Signs) -> bool:
    """A question about nothing that a catalogue holds."""
    if (
        signs.named
        or signs.leaning
        or signs.count
        or shape.has(ASKING)
        or shape.has(MORE)
        or shape.has(FEWER)
    ):
        return False
    if IN_SCOPE.search(signs.text):
        return False
    return bool(
        _OPEN_QUESTION.search(shape.english)
        or (shape.chinese and _ZH_QUESTION.search(shape.chinese))
    )


def _wish(shape: Shape, signs: Signs) -> Act:
    """Which sort of wish it is."""
    if signs.counter and not signs.examples:
        return "constrain" if signs.genres and not shape.has(_NOT_LIKE) else "not_like"
    if signs.examples or (signs.places and shape.has(MORE_LIKE)):
        return "more_like"
    if (
        shape.has(MORE_LIKE)
        and not signs.wished
        and (signs.n_items or _LIKE_THIS.search(shape.english + shape.chinese))
    ):
        return "more_like"
    if shape.has(FEWER) and not signs.wished:
        return "fewer"
    if shape.has(MORE) and not signs.denied:
        return "more"
    if signs.places and not signs.wished and not signs.denied:
        return "accept"
    strongly = _STRONGLY.search(_NOT_ASKED.sub(" ", shape.english + shape.chinese)) is not None
    narrowing = shape.has(NARROWING)
    if signs.denied and not signs.genres and not signs.people:
        return "recommend" if strongly else "constrain"
    if narrowing and shape.has(ASKING) and (signs.genres or signs.people):
        # "something funny but not silly" asks; "but nothing silly" narrows.
        chinese = NARROWING[1]
        first = chinese is not None and chinese.match(shape.chinese)
        only = _ONLY.search(shape.english + shape.chinese)
        narrowing = bool(first or only or NARROWING_FIRST.search(shape.english))
    if narrowing and (signs.named or signs.leaning):
        return (
            "recommend"
            if strongly and not _ONLY.search(shape.english + shape.chinese)
            else "constrain"
        )
    if signs.in_talk and (signs.named or signs.leaning) and not shape.has(ASKING):
        return "constrain"
    return "recommend"


_NOT_LIKE = worded(
    r"\b(?:like|unlike|similar|hate\w*|dislike\w*|enjoy|stand|not|awful|boring|terrible|bad)\b",
    r"像|类似|喜欢|讨厌|难看",
)
_LIKE_THIS = re.compile(
    r"\b(?:like (?:this|that|it|these|those|them)|similar|same|more of (?:the same|this|that))\b|类似|差不多|这类|这种|同类|相似|同样",
    _I,
)
_STRONGLY = re.compile(
    r"\brec+om+[ae]nd|\bsugg?est|\blooking for|\bfind me|\bshow me|\bgive me|\bwhat should|\bi (?:want|need|would like|'d like|feel like)\b|\bi'?m (?:in the mood|after)|\bany good\b|\bdo you have\b|推荐|想看|想要|想找|想学|想买|想读|给我(?:来|找)|帮我(?:找|挑)|有没有|有什么|找一|来[一几点部]|有.{0,16}吗",
    _I,
)
_NOT_ASKED = re.compile(
    r"\b(?:don'?t|do not|stop|never) (?:recommend|suggest|show|give|bring)\w*(?: me)?|(?:别|不要|不用|不(?:太|是很)?(?:想|爱|喜欢))再?(?:给我|跟我)?(?:推荐|来|看|要)",
    _I,
)
_ONLY = re.compile(r"^\W*(?:only|just|but)\b|\bonly\b|只", _I)


def topic_of(text: str) -> str:
    """Which fact a message asks about, empty where it asks about none."""
    shape = Shape(text)
    return next((name for name, pair in TOPICS if shape.has(pair)), "")


_RULES = (
    ("talk", _about_the_talk),
    ("items", _about_items),
    ("list", _about_a_list),
    ("small", _small_talk),
)

"""Phrases that titles stand in, English and Chinese, and what is said of a title there."""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from llm_layer.lexicon import load_words
from llm_layer.understanding.negation import negated, not_seen

TitleRole: TypeAlias = Literal["like", "unlike", "seen", "about", "than", ""]

_I = re.IGNORECASE
_FILM = r"(?:the (?:movie|film|book|novel|course|article|one called)\s+)?"
_REST = r"(?P<title>[^,.;!?，。；！？\n]+(?:[.](?=\w)[^,.;!?，。；！？\n]+)*)"
# Behind these a title is expected, also a misspelled or incomplete one.
EXAMPLE = re.compile(
    r"\b(?:(?<!i )(?<!we )(?<!you )(?<!would )(?<!i really )(?<!i also )(?<!don['’]t )(?<!not )like|similar(?:ity)? to|resembl(?:es?|ing)|same (?:as|vein as|vibe as|style as)|remind(?:s|ed)? me of"
    r"|in the (?:style|vein|spirit|mou?ld|manner) of|along the lines of|akin to|such as|reminiscent of|comparable to|close to|not like|nothing like|unlike"
    r"|i meant?|i said|talking about|referring to|(?:really |absolutely |just |also )?(?:loved|liked|enjoyed|adored)|(?:big |huge |great )?fans? of|favou?rites?(?: (?:film|movie|book)s?)?(?: of all time)? (?:is|are|was)"
    rf"|(?:hated|disliked|couldn['’]?t stand|can['’]?t stand)|(?:watched|seen|saw|finished|read))\s+{_FILM}{_REST}",
    _I,
)
# Behind these one may stand, if it is spelled as the catalogue spells it.
PLAIN_EXAMPLE = re.compile(
    rf"\b(?:like|love|enjoy|adore|hate|dislike|prefer|want|watch|pick|choose|take|go (?:with|for)|try|get|buy|see|into)\s+{_FILM}{_REST}",
    _I,
)
# Here each part has to be one: "I like Braveheart and Gladiator".
LIKED = re.compile(
    r"\bi(?:['’]?ve)? (?:really |also |just |absolutely |do |always )?(?:like[ds]?|love[ds]?|enjoy(?:ed)?|adore[ds]?|hate[ds]?|dislike[ds]?)\s+(?P<title>[^.;!?。；！？\n]+?)(?:\s+(?:a lot|very much|so much|too|though))?\s*(?=[.;!?]|$)",
    _I,
)
# A title with its year: "Fargo (1996" - the closing bracket belongs to no word.
DATED = re.compile(r"(?P<title>.*\S)\s*\((?P<year>\d{4})\)?$")
# What is asked about: "who directed X", "tell me about X", "do you have X".
ASKED_ABOUT = re.compile(
    r"(?:\b(?:(?:who|whom)(?:['’]s| (?:is|was|were|are))? (?:the )?(?:directed|made|shot|wrote|written|sings?|(?:stars?|starred|plays?|played|acts?|acted|appears?) in|(?:director|author|writer|star)s? of)"
    r"|directed|(?:star|play|act|appear)(?:s|red|ed|ing)? in|(?:is|was|['’]s) in|(?:how (?:long|old|much|good|many pages|expensive|scary|violent) (?:is|was|does|are)|(?:how many pages|what|which) (?:year|language|country|genre|level)? ?(?:does|is|was|did)(?= ))"
    r"|year (?:is|was|did|of)|when (?:is|was|did|does)|(?:genre|(?:kind|type|sort) of (?:film|movie|book)) is"
    r"|(?:director|cast|actors?|actresses|author|writer|year|genres?|plot|story|synopsis|summary|description|length|runtime|running time|duration|price|cost|rating|release date|details?|stars?) (?:of|for|in|on)"
    r"|(?:tell (?:me|us)(?: (?:more|a bit|a little|something|everything))?|what|how|know(?: (?:more|anything|something))?|heard|info(?:rmation)?|details|more|learn(?: more)?|curious|wondering|read) (?:about|on)|what['’]?s"
    r"|describe|(?:do|have|did) you (?:already |also |ever )?(?:have|got|know|seen|carry|stock|heard of|sell)|is there)\s+"
    r"|谁(?:导演|执导|主演|拍|写|演)了?"
    r"|^\W*why(?: (?:did|do|would|are|were) you (?:pick|choose|chose|recommend(?:ing)?|suggest(?:ing)?|show(?:ing)?(?: me)?|think(?: of)?))?\s+)"
    rf"{_FILM}(?P<title>[^,.;!?，。；！？\n]+)"
    r"|^\s*(?P<zhtitle>[^，。；！？,.;!?]+?)(?:这[部本门](?:电影|片子|书|课)?)?(?:的(?:导演|主演|演员|类型|作者|片长|价格|剧情|评分|年份)|是(?:谁(?:导演|拍|写|演)|哪一?年)|(?:讲|说)的?(?:是)?什么|有多长|多少钱)",
    _I,
)
# What is held against each other: "compare X and Y", "X vs Y", "is X longer than Y".
COMPARED = re.compile(
    r"\b(?:compare|how do(?:es)?|comparison (?:of|between)|differences? between|difference of|choose between|decide between|torn between|better|older|newer|longer|shorter|funnier|scarier|which (?:one )?(?:is|should i)[^,:]*[,:]|is|what about)\s*:?\s+"
    r"(?P<title>[^.;!?。；！？\n]+)"
    r"|^\W*(?P<versus>[^.;!?。；！？\n]+?\b(?:vs\.?|versus|or)\b[^.;!?。；！？\n]+)"
    r"|(?:比较(?:一下)?|对比(?:一下)?)\s*(?P<zhtitle>[^.;!?。；！？\n]+)",
    _I,
)
# What is taken: "Braveheart it is".
CHOSEN = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|alright|all right|fine|so|then|good|great|well|yes|yeah|perfect)\W+)*(?P<title>[^,.;!?]+?) (?:it is|sounds (?:good|great|perfect|nice|fun)|looks (?:good|great)|then|works(?: for me)?|will do|please)\W*$",
    _I,
)
TAKEN = re.compile(
    rf"\b(?:i(?:['’]?ll| will|['’]?m (?:going to|gonna)|['’]?d like to)|let['’]?s|lets|we(?:['’]?ll| will)) (?:just |probably |definitely )?(?:watch|take|see|pick|choose|go (?:with|for)|try|get|buy|read|do)\s+{_FILM}{_REST}",
    _I,
)
# What others are to be of the kind of: "Schindler's List type movies".
STYLED = re.compile(
    r"(?:^|[,.;!?]\s*|\b(?:any|some|more|want|other|good|find me|show me|give me)\s+)(?P<title>[^,.;!?]+?)[- ](?:type|style|like|esque|ish|inspired|kind)(?: of)? (?:movies?|films?|flicks?|stuff|books?|things?|courses?)\b",
    _I,
)
# What stands before "I have seen it".
KNOWN_ALREADY = re.compile(
    r"(?:^|[.;!?]\s*)(?P<title>[^,.;!?]+?)\W+(?:but )?i(?:['’]?ve| have)?(?: \w+)? (?:seen|watched|saw|read) (?:it|that)\b",
    _I,
)
# A judgement behind a title.
JUDGED = re.compile(
    r"(?:^|[,.;!?]\s*|\b(?:but|and) )(?:(?:i (?:thought|think|found)|but|and|honestly|well|actually|no) )*(?P<title>[^,.;!?]+?)\s+(?:was|is|are|were) (?:\w+ ){0,2}(?:great|awesome|amazing|wonderful|brilliant|fantastic|excellent|perfect|my favou?rites?|awful|terrible|boring|bad|horrible|overrated|dull)\b",
    _I,
)
_SEEN_BEFORE = re.compile(
    r"(?<!you )(?<!you ever )\b(?:seen|watched|saw|finished|already (?:read|own|have|know|took))\s+(?:the (?:movie|film|book)\s+)?$|(?:看过|看完|读过|读完|学过|买过)了?(?:电影)?\s*$",
    _I,
)
_SEEN_AFTER = re.compile(
    r"^\W*(?:(?:but|which) )?(?:i['’]?ve|i have|i)(?: \w+)? (?:seen|watched|saw|read)\b(?! (?!it|that|this|both|them))"
    r"|^(?:\s*[和跟与、]\s*[^，。,和跟与、]{1,30}(?=都|全))?\s*[，,]?\s*我?(?:已经|早就|都|全)?(?:看过|看完|读过|读完|学过)",
    _I,
)
# What is turned down by its title alone: "not Alien", "anything but Titanic".
DECLINED = re.compile(
    r"(?:(?P<freely>\b(?:anything but|everything but|other than|except(?: for)?)|除了)"
    r"|\b(?:not|no|no more|skip|without|besides)|不要|不看|不想看|别推荐)\s*(?P<title>[^,.;!?，。；！？]+?)"
    r"(?=\s*(?:[,.;!?，。；！？]|$|\bplease\b|以外|之外))",
    _I,
)
# What is compared by its year: "older than Alien", "比《Heat》更老".
COMPARED_YEAR = re.compile(
    rf"\b(?:older|newer|earlier|later|more (?:recent|modern)|before|after) than\s+{_FILM}{_REST}",
    _I,
)
# Words that may end a title, and those that join two.
CUT = load_words("title_ends.txt")
JOINT = frozenset(("and", "or", "vs", "versus", "with", "to", "than", "nor", "和", "跟", "与"))
_THAN_BEFORE = re.compile(
    r"\b(?:older|newer|earlier|later|recent|modern) than\s+(?:the (?:movie|film)\s+)?$|比\s*$", _I
)
# Words that ask for more of what is pointed at.
MORE_LIKE = re.compile(r"\b(?:like|similar|more|kind|same|another)\b|类似|像|一样|更多|再", _I)
# What a question points at instead of naming it: "this comedy".
POINTING = re.compile(r"^(?:this|that|these|those|my|your|its?|his|her|me)\b|^[这那它]", _I)
_LOVED_IT = re.compile(
    r"\b(?:loved?|liked|enjoyed|adored?) (?:it|them|both|that)\b|(?:很|挺|特别|超)?(?:喜欢|好看|不错)",
    _I,
)
_HATED_IT = re.compile(
    r"^\s*(?:was|is|were)? ?(?:\w+ )?(?:awful|terrible|boring|bad|horrible|overrated|dull|not (?:for me|good|great))\b|^.{0,12}\b(?:hated|disliked|didn['’]?t (?:like|enjoy)) (?:it|them|that)\b"
    r"|^(?:太|真|很|好|实在)?(?:难看|无聊|烂|差(?!不多)|闷|没意思|不好看|一般)|^.{0,4}(?:不喜欢|讨厌)",
    _I,
)
_HATED_BEFORE = re.compile(
    r"\b(?:unlike|can['’]?t stand|couldn['’]?t stand)\s+(?:the (?:movie|film)\s+)?$", _I
)
# Words behind "like" that point or describe instead of naming.
NOT_A_TITLE = re.compile(
    r"^(?:(?:a|an|any|some|something|anything|someone|anyone|it|that|this|these|those|them|to|what|more|my|your|there|how|watching|seeing|reading"
    r"|me|you|us|yourself|everything|nothing|another|other|others|more|less|very|really|so|too|such|good|great|old|new)\b(?! (?:of fire))"
    r"|(?:the |all |both |these |those )?(?:film|movie|one|title|item|book|course|article|product)s?\b(?! \w+ \w)"
    r"|它|它们|他们|这|那|这些|那些|电影|片子|什么|哪"
    r"|(?:the |that |this )?(?:first|second|third|fourth|fifth|last|next|other|same)\b(?! (?:blood|sight|knight|emperor|seduction|crusade|wives|date|monday)).*)",
    _I,
)
ALSO = re.compile(
    r"\balso\b|\btoo\b(?=\W*$)|\bas well\b|\bplus\b|\bwith (?:some|a bit of|a touch of|a little)\b|\badd (?:some|a bit)\b|也要|还要|同时|再加|加点|外加",
    _I,
)
UNSTATED_PLACE = re.compile(
    r"\b(?:netflix|streaming|hulu|disney\+?|amazon|hbo|prime video|cinema near|in theaters)\b|网飞|在线观看|哪里能看|哪儿能看",
    _I,
)
AWARDS = re.compile(
    r"\b(?:award|awards|oscars?|oscar-winning|best reviewed)\b|获奖|奥斯卡|得奖", _I
)


def role(text: str, start: int, end: int, list_start: int | None = None) -> TitleRole:
    """What is said of the title between `start` and `end`, or of the list that it stands in."""
    begin = start if list_start is None else list_start
    before, after = text[:begin], text[end : end + 40]
    if _seen(before, after):
        # "I have not seen it" says neither that they know it nor that they do not want it.
        return "" if not_seen(text, begin) else "seen"
    if _THAN_BEFORE.search(before):
        return "than"
    if _HATED_IT.match(after) or _HATED_BEFORE.search(before):
        return "unlike"
    return "unlike" if negated(text, begin) else "like"


def _seen(before: str, after: str) -> bool:
    """Whether a title is said to be known already, and no more."""
    known = _SEEN_BEFORE.search(before) or _SEEN_AFTER.search(after)
    return known is not None and _LOVED_IT.search(after) is None and _HATED_IT.match(after) is None

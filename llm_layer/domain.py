"""Domains: the words for what is recommended, so that no reply says "watch" about a shampoo."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from llm_layer.lexicon import load_words
from llm_layer.text import Language


@dataclass(frozen=True)
class Domain:
    """What the items of a catalogue are called, and what people do with them.

    Replies, prompts and the check of replies use these words and no other words of a domain: what
    is plain to say about films is not plain to say about courses.

    Attributes
    ----------
    name : str
        For configuration and reports.
    noun, nouns : str
        One item and several, in English.
    noun_zh : str
        An item in Chinese.
    measure_zh : str
        Chinese measure word ("部", "本").
    verb, past : str
        What people do with an item ("watch"), and have done ("watched"), in English.
    verb_zh, past_zh : str
        The same in Chinese ("看", "看过").
    occasion, occasion_zh : str
        What a choice is usually for ("for tonight", "今晚"); empty where there is nothing usual.
    guide, guide_zh : str
        What the assistant calls itself.
    person, person_zh : str
        What the one who is spoken with is called in a prompt.
    kinds : tuple of str
        English nouns that a genre may stand before ("a comedy film"), the first the most usual.
    emoji : str
        One sign, for those who use such signs.
    suffix_zh : str
        Stands behind Chinese genres ("片" in "喜剧片"); may be empty.
    samples : tuple of (str, str)
        Three genres of such items, English and Chinese, for the examples in prompts.
    extra, extra_zh : str
        More words that state no fact about an item of this domain, parted by spaces.
    policies : tuple of Any
        Rules of the domain that a reply keeps.
    counterexamples : tuple of str
        Messages that no policy answers though they come near to one.
    """

    name: str
    noun: str
    nouns: str
    noun_zh: str
    measure_zh: str
    verb: str
    past: str
    verb_zh: str
    past_zh: str
    occasion: str = ""
    occasion_zh: str = ""
    guide: str = "guide"
    guide_zh: str = "向导"
    person: str = "visitor"
    person_zh: str = "访客"
    kinds: tuple[str, ...] = ()
    emoji: str = "✨"
    suffix_zh: str = ""
    samples: tuple[tuple[str, str], ...] = ()
    extra: str = ""
    extra_zh: str = ""
    policies: tuple[Any, ...] = ()
    counterexamples: tuple[str, ...] = ()

    def plain_words(self, language: Language) -> frozenset[str]:
        """Comparable forms of words that state no fact: those of the language and of the domain.

        Examples
        --------
        >>> "watched" in FILMS.plain_words("en"), "watched" in SHOP.plain_words("en")
        (True, False)
        """
        return self._plain_zh if language == "zh" else self._plain_en

    def fill(self, text: str) -> str:
        """Put the domain's words where a fixed text has ``{noun}``, ``{measure_zh}`` and the like.

        Examples
        --------
        >>> BOOKS.fill("哪一{measure_zh}最合适？")
        '哪一本最合适？'
        """
        for name in _FILLED:
            text = text.replace(f"{{{name}}}", getattr(self, name))
        return text

    @cached_property
    def _plain_en(self) -> frozenset[str]:
        own = " ".join((self.noun, self.nouns, self.verb, self.past, self.occasion, *self.kinds))
        return load_words("plain_words_en.txt") | frozenset(f"{own} {self.extra}".split())

    @cached_property
    def _plain_zh(self) -> frozenset[str]:
        verb, measure = self.verb_zh, self.measure_zh
        own = {self.noun_zh, verb, self.past_zh, f"想{verb}", self.occasion_zh, self.suffix_zh}
        counted = ("", "这", "这一", "那", "哪", "哪一", "哪几", "一", "几", "换一")
        own |= {f"{one}{measure}" for one in counted}
        own.add(f"常{verb}")
        return load_words("plain_words_zh.txt") | (own - {""}) | set(self.extra_zh.split())


_FILLED = (
    "noun", "nouns", "noun_zh", "measure_zh", "verb", "past", "verb_zh", "past_zh", "guide",
    "guide_zh", "person", "person_zh", "suffix_zh", "occasion_zh",
)  # fmt: skip

FILMS = Domain(
    name="films",
    noun="film",
    nouns="films",
    noun_zh="电影",
    measure_zh="部",
    verb="watch",
    past="watched",
    verb_zh="看",
    past_zh="看过",
    occasion="for tonight",
    occasion_zh="今晚",
    guide="film guide",
    guide_zh="电影向导",
    person="viewer",
    person_zh="观众",
    kinds=("film", "movie", "story", "night", "evening"),
    emoji="🎬",
    suffix_zh="片",
    extra="watching movies directed director stars starring cast acted actors actor",
    extra_zh="影片 片子 导演 执导 主演 演员 上映 晚上 看完 观看 一看 片长 片名 播放",
)
BOOKS = Domain(
    name="books",
    noun="book",
    nouns="books",
    noun_zh="书",
    measure_zh="本",
    verb="read",
    past="read",
    verb_zh="读",
    past_zh="读过",
    guide="book guide",
    guide_zh="图书向导",
    person="reader",
    person_zh="读者",
    kinds=("book", "story", "read"),
    emoji="📚",
    samples=(("mystery", "悬疑"), ("history", "历史"), ("fantasy", "奇幻")),
    extra="reading author authors written writer stories",
    extra_zh="图书 书籍 小说 作者 读完 阅读 一读 作品",
)
COURSES = Domain(
    name="courses",
    noun="course",
    nouns="courses",
    noun_zh="课程",
    measure_zh="门",
    verb="take",
    past="took",
    verb_zh="学",
    past_zh="学过",
    guide="course guide",
    guide_zh="课程向导",
    person="learner",
    person_zh="学员",
    kinds=("course", "class", "subject"),
    emoji="🎓",
    samples=(("programming", "编程"), ("design", "设计"), ("statistics", "统计")),
    extra="taken learn learning study classes subjects taught teacher",
    extra_zh="课 学习 一学 老师 讲师 讲授",
)
SHOP = Domain(
    name="shop",
    noun="product",
    nouns="products",
    noun_zh="商品",
    measure_zh="件",
    verb="buy",
    past="bought",
    verb_zh="买",
    past_zh="买过",
    guide="shop assistant",
    guide_zh="导购",
    person="customer",
    person_zh="顾客",
    kinds=("product", "item"),
    suffix_zh="类",
    samples=(("hair care", "护发"), ("kitchen", "厨房"), ("garden", "园艺")),
    extra="buying items brand shop",
    extra_zh="产品 东西 品牌 购买 一试",
)
ARTICLES = Domain(
    name="articles",
    noun="article",
    nouns="articles",
    noun_zh="文章",
    measure_zh="篇",
    verb="read",
    past="read",
    verb_zh="读",
    past_zh="读过",
    guide="reading guide",
    guide_zh="阅读向导",
    person="reader",
    person_zh="读者",
    kinds=("article", "read"),
    emoji="📰",
    suffix_zh="类",
    samples=(("science", "科学"), ("travel", "旅行"), ("economics", "经济")),
    extra="reading author authors written writer text texts",
    extra_zh="作者 读完 阅读 一读",
)
ITEMS = Domain(
    name="items",
    noun="item",
    nouns="items",
    noun_zh="项目",
    measure_zh="个",
    verb="choose",
    past="chose",
    verb_zh="选",
    past_zh="选过",
    kinds=("item", "choice"),
    suffix_zh="类",
    samples=(("classic", "经典"), ("modern", "现代"), ("popular", "流行")),
)
# What is said of people by what they did, plain wherever a catalogue names such people.
ROLE_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "director": "directed director",
        "actor": "stars starring cast acted actor actors",
        "author": "author authors written writer",
        "artist": "artist artists",
        "teacher": "teacher teachers taught",
    },
    "zh": {
        "director": "导演 执导",
        "actor": "主演 演员",
        "author": "作者",
        "artist": "作者",
        "teacher": "老师 讲师 讲授",
    },
}
DOMAINS = {each.name: each for each in (FILMS, BOOKS, COURSES, SHOP, ARTICLES, ITEMS)}

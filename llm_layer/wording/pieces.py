"""Pieces that replies are put together from, English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking.columns import Columns
from llm_layer.dialogue import Constraints
from llm_layer.domain import FILMS, Domain
from llm_layer.plan import MAKERS, Plan, Reason
from llm_layer.text import Language, inert, unquoted
from llm_layer.understanding.request import Years

_LONGEST_NAME = 60
# What stands before the name of one who made an item, where it is shared.
_MAKER = {
    "en": {role: f"the {role} {{name}}" for role in MAKERS},
    "zh": {
        "director": "导演 {name}",
        "author": "作者 {name}",
        "artist": "作者 {name}",
        "teacher": "老师 {name}",
    },
}
# What stands before and behind the titles of a reason.
VERBS = {
    "en": {
        "watched": ("you {past} ", ""),
        "likes": ("you named ", ""),
    },
    "zh": {
        "watched": ("你{past_zh}", ""),
        "likes": ("你提到", ""),
    },
}
_UNSTATED = {
    "en": {
        "length": "The catalogue does not state running times, so I could not check those.",
        "rating": "The catalogue does not state ratings, so I could not check those.",
        "price": "The catalogue does not state prices, so I could not check those.",
        "place": "The catalogue does not state which services have a title.",
    },
    "zh": {
        "length": "目录里没有片长信息，无法核对。",
        "rating": "目录里没有评分信息，无法核对。",
        "price": "目录里没有价格信息，无法核对。",
        "place": "目录里没有播放平台信息，无法核对。",
    },
}
# The same, where items are no films.
_UNSTATED_ELSEWHERE = {
    "en": {
        "length": "The catalogue does not state lengths, so I could not check those.",
        "place": "The catalogue does not state where a title is to be found.",
    },
    "zh": {"length": "目录里没有长度信息，无法核对。", "place": "目录里没有平台信息，无法核对。"},
}
_LIMITS = {
    "en": {
        "all_genres": "that every genre has to match",
        "years": "the years",
        "people": "the names",
        "genres": "the genre",
        "ranges": "the numbers",
        "attributes": "the kind",
    },
    "zh": {
        "all_genres": "同时具备所有类型",
        "years": "年份",
        "people": "名字",
        "genres": "类型",
        "ranges": "数字",
        "attributes": "种类",
    },
}
_INVITATION = {
    "en": "Which {nouns} did you last enjoy? A few of them help me choose.",
    "zh": "最近{past_zh}哪几{measure_zh}觉得不错？说几{measure_zh}就好。",
}
_TOO_MANY = {
    "en": "I could not list that many at a time, so these are fewer.",
    "zh": "一次列不了这么多，先推荐这些。",
}


class Wording:
    """Pieces that replies are put together from, for one catalogue."""

    def __init__(self, facts: ItemFacts, genre_words: GenreWords, domain: Domain = FILMS) -> None:
        self.domain = domain
        self.columns = Columns(facts)
        self._facts = facts
        self._genre_words = genre_words

    def title(self, row: int, language: Language) -> str:
        """Title in quotation marks, with the year where it is known."""
        year = self._facts.year(row)
        if language == "zh":
            return f"《{self._facts.title(row)}》" + (f"（{year}）" if year else "")
        return f"“{self._facts.title(row)}”" + (f" ({year})" if year else "")

    def titles(self, rows: Iterable[int], language: Language) -> str:
        """Several titles in a sentence."""
        return joined([self.title(row, language) for row in rows], language)

    def genres(self, genres: Iterable[str], language: Language) -> str:
        """Names of genres in a sentence."""
        return joined([clean(self._genre_words.name(each, language)) for each in genres], language)

    def reason(self, reason: Reason, language: Language) -> str:
        """Why an item is offered, as a subordinate clause."""
        because = "因为" if language == "zh" else "because "
        return because + self.grounds(reason, language)

    def grounds(self, reason: Reason, language: Language) -> str:
        """What a reason says, as a main clause."""
        zh = language == "zh"
        if reason.row is not None and reason.kind != "shared":
            return self.connection(reason.kind, [reason.row], language)
        makers = [
            (_MAKER[language][role] if role else "{name}").replace("{name}", clean(name))
            for role, name in reason.people
        ]
        genres = [clean(self._genre_words.name(each, language)) for each in reason.genres]
        what = joined([*makers, *genres], language)
        if reason.row is None:
            return f"你说过你喜欢{what}" if zh else f"you said you like {what}"
        title = self.title(reason.row, language)
        return f"它和{title}的共同点是{what}" if zh else f"it shares {what} with {title}"

    def connection(self, kind: str, rows: Sequence[int], language: Language) -> str:
        """What the visitor has to do with some items: "you watched ..."."""
        before, after = VERBS[language][kind]
        return self.domain.fill(before) + self.titles(rows, language) + after

    def request(self, constraints: Constraints, like: Sequence[int], language: Language) -> str:
        """What was asked for, as a phrase; empty where that is nothing in particular."""
        genres = self.genres(constraints.genres, language)
        if not constraints.all_genres:
            genres = genres.replace("、", "或")
        years = _years(constraints, language)
        people = joined(
            [clean(self._facts.person_names[person]) for person in constraints.people], language
        )
        near = self.titles(like, language)
        limits = self._limits(constraints, language)
        if language == "zh":
            parts = [genres, years, people and f"有{people}的", *limits, near and f"类似{near}的"]
            return "、".join(part for part in parts if part)
        genres = self._genre_words.plural(constraints.genres, either=not constraints.all_genres)
        if self.domain.name != "films" and genres.endswith(" titles"):
            genres = f"{genres.removesuffix('titles')}{self.domain.nouns}"
        relative = constraints.relative
        head = f"{relative} {genres}" if relative and genres else genres
        if not head and (years or people or limits or near):
            head = f"something {relative}" if relative else "something"
        parts = [
            head,
            "" if relative else years,
            people and f"with {people}",
            " and ".join(limits),
            near and f"like {near}",
        ]
        return " ".join(part for part in parts if part)

    def _limits(self, constraints: Constraints, language: Language) -> list[str]:
        """Limits on other columns, each as a phrase."""
        zh = language == "zh"
        found = []
        for limit in constraints.ranges:
            column = self.columns.numbers.get(limit.column)
            if column is None:
                continue
            label = column.label(language)
            for bound, words in (
                (limit.low, ("at least", "至少")),
                (limit.high, ("at most", "不超过")),
            ):
                if bound is not None:
                    value = column.phrase(bound, language)
                    found.append(
                        f"{label}{words[1]}{value}" if zh else f"with {label} {words[0]} {value}"
                    )
        for name, values in constraints.attributes.items():
            label = self.columns.texts[name].label(language) if name in self.columns.texts else name
            named = ("或" if zh else " or ").join(map(clean, values))
            found.append(f"{label}为{named}的" if zh else f"with {label} {named}")
        return found

    def invitation(self, plan: Plan) -> list[str]:
        """What asks for items that they liked, where the plan does."""
        return [self.domain.fill(_INVITATION[plan.language])] if plan.invites else []

    def notes(self, plan: Plan) -> list[str]:
        """Sentences about what could not be done, each of them true."""
        zh = plan.language == "zh"
        found = [
            policy.text(plan.language)
            for policy in self.domain.policies
            if plan.policy and policy.name == plan.policy
        ]
        found += [self._unstated(name, plan.language) for name in plan.unstated]
        if plan.too_many:
            found.append(_TOO_MANY[plan.language])
        if plan.unweighed:
            found.append(
                "目录里没有可以和你的描述比较的内容，所以我只参考了你的历史记录。"
                if zh
                else "I have nothing to compare your words with, so I went by your taste."
            )
        if plan.no_title:
            found.append(
                f"目录里没有找到这个{'片名' if self.domain.name == 'films' else '名字'}。"
                if zh
                else "I did not find that title in the catalogue."
            )
        if plan.near:
            meant = self.title(plan.near[0], plan.language)
            found.append(f"你是说{meant}吗？" if zh else f"Did you mean {meant}?")
        if plan.guessed:
            taken = self.titles(plan.guessed, plan.language)
            found.append(f"我把名字当作{taken}了。" if zh else f"I took the title for {taken}.")
        if plan.kind == "offer" and (left_out := self._left_out(plan.constraints, plan.language)):
            found.append(f"没有列出{left_out}的。" if zh else f"I left out {left_out}.")
        if plan.given_up and plan.offers:
            names = joined([_LIMITS[plan.language][name] for name in plan.given_up], plan.language)
            found.append(
                f"没有找到符合所有要求的，所以先放宽了{names}。"
                if zh
                else f"I found nothing left that fits everything, so I set aside {names}."
            )
        if plan.fewer_than and plan.offers and not plan.given_up:
            found.append("符合要求的只有这些。" if zh else "These are the only ones left that fit.")
        return found

    def _unstated(self, name: str, language: Language) -> str:
        """What the catalogue does not state, in the words of the domain."""
        if self.domain.name != "films" and name in _UNSTATED_ELSEWHERE[language]:
            return _UNSTATED_ELSEWHERE[language][name]
        return _UNSTATED[language][name]

    def _left_out(self, constraints: Constraints, language: Language) -> str:
        """People and years that were not wanted; empty where there are none."""
        zh = language == "zh"
        names = [clean(self._facts.person_names[person]) for person in constraints.no_people]
        people = [f"有{name}" if zh else name for name in names]
        return joined([*people, *(_span(years, zh) for years in constraints.no_years)], language)


def _years(constraints: Constraints, language: Language) -> str:
    """Years in words; a comparison with what was shown is told as one, not by its numbers."""
    zh = language == "zh"
    if constraints.relative == "older":
        return "更早的" if zh else "older"
    if constraints.relative == "newer":
        return "更新的" if zh else "newer"
    return _span(constraints.years, zh, "from ")


def _span(years: Years, zh: bool, at: str = "") -> str:
    """First and last year in words; `at` stands before those that begin with a year."""
    first, last = years
    if first is not None and last is not None:
        if first % 10 == 0 and last == first + 9:
            return f"{first}年代" if zh else f"{at}the {first}s"
        if first == last:
            return f"{first}年" if zh else f"{at}{first}"
        return f"{first}年到{last}年" if zh else f"{at}{first} to {last}"
    if first is not None:
        return f"{first}年起" if zh else f"from {first} on"
    if last is not None:
        return f"不晚于{last}年" if zh else f"up to {last}"
    return ""


def clean(name: str) -> str:
    r"""A name of the catalogue as it can stand in a sentence: nothing in it is more than a name.

    Examples
    --------
    >>> clean("Ann\n“Lee” <|im_end|>")
    "Ann 'Lee' im end"
    """
    return unquoted(inert(name))[:_LONGEST_NAME]


def joined(parts: Sequence[str], language: Language) -> str:
    """Parts with commas and an "and"."""
    if language == "zh":
        return "、".join(parts)
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"

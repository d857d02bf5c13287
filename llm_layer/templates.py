"""Replies in fixed words, English and Chinese: what is said when no language model is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from llm_layer.dialogue import Constraints
from llm_layer.facts import ItemFacts
from llm_layer.genres import GenreWords
from llm_layer.plan import Offer, Plan, Reason
from llm_layer.request import Years
from llm_layer.text import Language

_QUESTIONS = {
    "en": (
        "Would you like something older, or something different?",
        "Shall I look for more like the first one?",
        "Which of these comes closest?",
    ),
    "zh": ("要不要换一些更早的？", "需要我找更多类似第一部的吗？", "哪一部最合适？"),
}
# What stands before and behind the titles of a reason.
_VERBS = {
    "en": {
        "watched": ("you watched ", ""),
        "likes": ("you named ", ""),
        "asked": ("you asked for more like ", ""),
    },
    "zh": {
        "watched": ("你看过", ""),
        "likes": ("你提到", ""),
        "asked": ("你想看类似", "的"),
    },
}
_UNSTATED = {
    "en": {
        "length": "The catalogue does not state running times, so I could not check those.",
        "rating": "The catalogue does not state ratings, so I could not check those.",
        "place": "The catalogue does not state which services have a title.",
    },
    "zh": {
        "length": "目录里没有片长信息，无法核对。",
        "rating": "目录里没有评分信息，无法核对。",
        "place": "目录里没有播放平台信息，无法核对。",
    },
}


class Wording:
    """Pieces that replies are put together from, for one catalogue."""

    def __init__(self, facts: ItemFacts, genre_words: GenreWords) -> None:
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
        return _joined([self.title(row, language) for row in rows], language)

    def genres(self, genres: Iterable[str], language: Language) -> str:
        """Names of genres in a sentence."""
        return _joined([self._genre_words.name(genre, language) for genre in genres], language)

    def reason(self, reason: Reason, language: Language) -> str:
        """Why an item is offered, as a subordinate clause."""
        title = self.title(reason.row, language)
        before, after = _VERBS[language][reason.kind]
        return f"{'因为' if language == 'zh' else 'because '}{before}{title}{after}"

    def request(self, constraints: Constraints, like: Sequence[int], language: Language) -> str:
        """What was asked for, as a phrase; empty where that is nothing in particular."""
        genres = self.genres(constraints.genres, language)
        if not constraints.all_genres:
            genres = genres.replace("、", "或")
        years = _years(constraints, language)
        people = _joined(
            [self._facts.person_names[person] for person in constraints.people], language
        )
        near = self.titles(like, language)
        if language == "zh":
            parts = [genres, years, people and f"有{people}的", near and f"类似{near}的"]
            return "、".join(part for part in parts if part)
        genres = self._genre_words.plural(constraints.genres, either=not constraints.all_genres)
        relative = constraints.relative
        head = f"{relative} {genres}" if relative and genres else genres
        if not head and (years or people or near):
            head = f"something {relative}" if relative else "something"
        parts = [
            head,
            "" if relative else years,
            people and f"with {people}",
            near and f"like {near}",
        ]
        return " ".join(part for part in parts if part)

    def notes(self, plan: Plan) -> list[str]:
        """Sentences about what could not be done, each of them true."""
        zh = plan.language == "zh"
        found = [_UNSTATED[plan.language][name] for name in plan.unstated]
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
                "目录里没有找到这个片名。" if zh else "I did not find that title in the catalogue."
            )
        if plan.kind == "offer" and (left_out := self._left_out(plan.constraints, plan.language)):
            found.append(f"没有列出{left_out}的。" if zh else f"I left out {left_out}.")
        if plan.given_up and plan.offers:
            names = _joined([_LIMITS[plan.language][name] for name in plan.given_up], plan.language)
            found.append(
                f"没有找到符合所有要求的，所以先放宽了{names}。"
                if zh
                else f"I found nothing left that fits everything, so I set aside {names}."
            )
        if plan.fewer_than and plan.offers and not plan.given_up:
            found.append("符合要求的只有这些。" if zh else "These are the only ones left that fit.")
        return found

    def _left_out(self, constraints: Constraints, language: Language) -> str:
        """People and years that were not wanted; empty where there are none."""
        zh = language == "zh"
        names = [self._facts.person_names[person] for person in constraints.no_people]
        people = [f"有{name}" if zh else name for name in names]
        return _joined([*people, *(_span(years, zh) for years in constraints.no_years)], language)


class Templates:
    """Words plans without a language model; every plan has words in both languages."""

    def __init__(self, facts: ItemFacts, wording: Wording) -> None:
        self._facts = facts
        self._wording = wording

    def render(self, plan: Plan) -> str:
        """Reply to a plan."""
        writers: dict[str, Callable[[Plan], str]] = {
            "offer": self._offer,
            "why": self._why,
            "ask": self._fact,
            "profile": self._profile,
            "unknown": self._unknown,
        }
        if plan.kind in writers:
            return writers[plan.kind](plan)
        text = _FIXED[plan.language][plan.kind]
        if plan.kind == "nothing":
            text = " ".join([*self._wording.notes(plan), text])
        return text

    def _offer(self, plan: Plan) -> str:
        zh = plan.language == "zh"
        request = self._wording.request(plan.constraints, plan.like, plan.language)
        if zh:
            head = f"{request}，可以看看：" if request else "可以看看："
        else:
            head = f"For {request}, I would pick:" if request else "For tonight I would pick:"
        lines = [*self._wording.notes(plan), head]
        lines += [
            f"{place}. {self._described(offer, plan.language)}"
            for place, offer in enumerate(plan.offers, 1)
        ]
        questions = _QUESTIONS[plan.language]
        return "\n".join([*lines, questions[plan.turn % len(questions)]])

    def _described(self, offer: Offer, language: Language) -> str:
        """Title, genres, director and reason of an item, in one line."""
        zh = language == "zh"
        genres = self._wording.genres(self._facts.genres(offer.row), language)
        director = self._facts.people(offer.row).get("director", ())[:1]
        parts = [self._wording.title(offer.row, language)]
        if genres:
            parts.append(f"{genres}片" if zh else genres)
        if director:
            parts.append(f"导演 {director[0]}" if zh else f"directed by {director[0]}")
        if offer.reasons:
            parts.append(self._wording.reason(offer.reasons[0], language))
        return ("，" if zh else ", ").join(parts) + ("。" if zh else ".")

    def _why(self, plan: Plan) -> str:
        offer, zh = plan.offers[0], plan.language == "zh"
        title = self._wording.title(offer.row, plan.language)
        notes = self._wording.notes(plan)
        verbs = _VERBS[plan.language]
        parts = []
        for kind, (before, after) in verbs.items():
            rows = [reason.row for reason in offer.reasons if reason.kind == kind]
            if rows:
                parts.append(f"{before}{self._wording.titles(rows, plan.language)}{after}")
        if parts and zh:
            sentence = f"推荐{title}，因为{'，'.join(parts)}。"
        elif parts:
            sentence = f"I chose {title} because {', and '.join(parts)}."
        elif plan.is_fitting:
            sentence = _BY_WISH[plan.language].format(title=title)
        elif plan.is_stranger:
            sentence = _NO_TASTE[plan.language].format(title=title)
        else:
            sentence = _BY_SCORE[plan.language].format(title=title)
        return ("" if zh else " ").join([*notes, sentence])

    def _unknown(self, plan: Plan) -> str:
        """What a question is about is not there."""
        zh = plan.language == "zh"
        sentences = self._wording.notes(plan)
        if plan.offers:
            title = self._wording.title(plan.offers[0].row, plan.language)
            sentences.append(f"{title}不在名单里。" if zh else f"{title} is not in my list.")
        elif plan.no_place is not None:
            sentences.append(_no_place(plan.no_place, zh))
        return ("" if zh else " ").join(sentences)

    def _fact(self, plan: Plan) -> str:
        row, language = plan.offers[0].row, plan.language
        zh = language == "zh"
        title = self._wording.title(row, language)
        people = self._facts.people(row)
        known = {
            "director": _joined(people.get("director", ()), language),
            "actor": _joined(people.get("actor", ()), language),
            "genre": self._wording.genres(self._facts.genres(row), language),
            "year": str(self._facts.year(row) or ""),
        }
        topics = ("genre", "director", "actor") if plan.topic == "all" else (plan.topic,)
        sentences = [_fact_sentence(topic, title, known[topic], zh) for topic in topics]
        stated = [sentence for sentence in sentences if sentence]
        if not stated:
            unstated = f"目录里没有{title}的这个信息。"
            stated = [unstated if zh else f"The catalogue does not say, for {title}."]
        return ("" if zh else " ").join([*self._wording.notes(plan), *stated])

    def _profile(self, plan: Plan) -> str:
        zh = plan.language == "zh"
        if not plan.examples:
            return "目前还没有你的记录。" if zh else "I know nothing of your taste so far."
        genres = self._wording.genres(plan.genres, plan.language)
        examples = self._wording.titles(plan.examples, plan.language)
        if plan.is_visitor:
            return f"你提到{examples}。" if zh else f"You named {examples}."
        if zh:
            return (f"你常看{genres}。" if genres else "") + f"记录里有{examples}。"
        habit = f"You often watch {genres}. " if genres else ""
        return f"{habit}Your history has {examples}."


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
_TOO_MANY = {
    "en": "I could not list that many at a time, so these are fewer.",
    "zh": "一次列不了这么多，先推荐这些。",
}
_BY_WISH = {
    "en": "I chose {title} because it fits what you asked for.",
    "zh": "推荐{title}，因为它符合你的要求。",
}
_BY_SCORE = {
    "en": "I chose {title} because it has a good score for your taste.",
    "zh": "推荐{title}，因为根据你的口味，它的得分不错。",
}
_NO_TASTE = {
    "en": "I know nothing of your taste so far, so I chose {title} by what is usual.",
    "zh": "目前还没有你的记录，所以先推荐{title}。",
}
_PLACES = {
    "en": ("first", "second", "third", "fourth", "fifth"),
    "zh": ("一", "二", "三", "四", "五"),
}
_FIXED = {
    "en": {
        "nothing": "I have nothing left to recommend there. Shall I look for something different?",
        "greet": "Hello! What would you like tonight?",
        "thanks": "You are welcome. Shall I look for something else?",
        "bye": "Goodbye, and enjoy the evening.",
        "reset": "All right, we start fresh. What would you like?",
    },
    "zh": {
        "nothing": "没有找到可以推荐的，要不要换一个类型？",
        "greet": "你好！今晚想看什么？",
        "thanks": "不客气。要不要再看看别的？",
        "bye": "再见，欢迎随时回来。",
        "reset": "好的，重新开始。想看什么？",
    },
}


def _fact_sentence(topic: str, title: str, value: str, zh: bool) -> str:
    if not value:
        return ""
    if zh:
        return {
            "director": f"{title}的导演是 {value}。",
            "actor": f"{title}的主演是 {value}。",
            "genre": f"{title}的类型是{value}。",
            "year": f"{title}是{value}年的。",
        }[topic]
    return {
        "director": f"{title} was directed by {value}.",
        "actor": f"{title} has {value}.",
        "genre": f"The catalogue has {title} as {value}.",
        "year": f"{title} is from {value}.",
    }[topic]


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


def _no_place(place: int, zh: bool) -> str:
    """What is said to someone who points at a place that the list does not have."""
    if not place:
        return "还没有名单。" if zh else "There is no list yet."
    if place < 0:
        return "名单里没有这一部。" if zh else "There is no such place in the list."
    name = _PLACES["zh" if zh else "en"][place - 1]
    return f"名单里没有第{name}部。" if zh else f"There is no {name} one in the list."


def _joined(parts: Sequence[str], language: Language) -> str:
    """Parts with commas and an "and"."""
    if language == "zh":
        return "、".join(parts)
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"

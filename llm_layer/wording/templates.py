"""Replies in fixed words, English and Chinese: what is said when no language model is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.plan import Offer, Plan
from llm_layer.text import Language
from llm_layer.wording.manner import FIXED, HEADS, Manner, polite
from llm_layer.wording.pieces import VERBS, Wording, clean, joined
from llm_layer.wording.telling import told_back
from llm_layer.wording.turn_templates import STAYS, TURNS, TurnTemplates

# Replies that end with the emoji of the domain, for those who use emoji.
_WITH_EMOJI = ("offer", "greet", "thanks", "bye", "accepted")
# So many further columns of an item are told at a time.
_MOST_ATTRIBUTES = 4
# So many names of a kind are told to experts.
_MOST_NAMES = 2
_QUESTIONS = {
    "en": (
        "Would you like something older, or something different?",
        "Shall I look for more like the first one?",
        "Which of these comes closest?",
    ),
    "zh": (
        "要不要换一些更早的？",
        "需要我找更多类似第一{measure_zh}的吗？",
        "哪一{measure_zh}最合适？",
    ),
}
# In place of the first of them where no item has a year.
_WITHOUT_YEARS = {"en": "Shall I look for something different?", "zh": "要不要换一个类型？"}
_BY_WISH = {
    "en": "I chose {title} because it fits what you asked for.",
    "zh": "推荐{title}，因为它符合你的要求。",
}
_BY_NAMED_WISH = {
    "en": "I chose {title} because it fits what you asked for: {wish}.",
    "zh": "推荐{title}，因为它符合你的要求：{wish}。",
}
_BY_SCORE = {
    "en": "I chose {title} because it has a good score for your taste.",
    "zh": "推荐{title}，因为根据你的口味，它的得分不错。",
}
_NO_TASTE = {
    "en": "I know nothing of your taste so far, so I chose {title} by what is usual.",
    "zh": "目前还没有你的记录，所以先推荐{title}。",
}
# What stands before the name of the one who made an item.
MADE_BY = {
    "en": {"director": "directed by", "author": "by", "artist": "by", "teacher": "with"},
    "zh": {"director": "导演", "author": "作者", "artist": "作者", "teacher": "老师"},
}
_PLACES = {
    "en": ("first", "second", "third", "fourth", "fifth"),
    "zh": ("一", "二", "三", "四", "五"),
}
_FIXED = {
    "en": {
        "nothing": "I have nothing left to recommend there. Shall I look for something different?",
        "greet": "Hello! What would you like{when}?",
        "thanks": "You are welcome. Shall I look for something else?",
        "bye": "Goodbye, and enjoy {the_time}.",
        "reset": "All right, we start fresh. What would you like?",
    },
    "zh": {
        "nothing": "没有找到可以推荐的，要不要换一个类型？",
        "greet": "你好！{occasion_zh}想{verb_zh}什么？",
        "thanks": "不客气。要不要再看看别的？",
        "bye": "再见，欢迎随时回来。",
        "reset": "好的，重新开始。想{verb_zh}什么？",
    },
}


class Templates:
    """Words plans without a language model; every plan has words in both languages."""

    def __init__(self, facts: ItemFacts, wording: Wording) -> None:
        self._facts = facts
        self._wording = wording
        self._domain = wording.domain
        self._turns = TurnTemplates(facts, wording)
        self._has_years = bool(facts.years.any())

    def render(self, plan: Plan, manner: Manner | None = None) -> str:
        """Reply to a plan, in the manner that suits the visitor."""
        manner = manner or Manner()
        text = self._rendered(plan, manner)
        if manner.tone == "formal" and plan.language == "zh":
            text = polite(text)
        if manner.has_emoji and plan.kind in _WITH_EMOJI:
            text = f"{text} {self._domain.emoji}"
        return text

    def _rendered(self, plan: Plan, manner: Manner) -> str:
        if plan.kind == "offer":
            return self._offer(plan, manner)
        writers: dict[str, Callable[[Plan], str]] = {
            "why": self._why,
            "ask": self._fact,
            "profile": self._profile,
            "unknown": self._unknown,
            "accepted": self._turns.accepted,
            "compare": self._compare,
            "question": self._question,
        }
        if plan.kind in writers:
            return writers[plan.kind](plan)
        notes = self._wording.notes(plan)
        if plan.kind == "referral":
            return " ".join(notes)
        text = self._fixed(plan, manner)
        if plan.kind == "forgotten" and not plan.is_visitor:
            text += STAYS[plan.language]
        return " ".join([*notes, text]) if plan.kind == "nothing" or plan.policy else text

    def _fixed(self, plan: Plan, manner: Manner) -> str:
        domain = self._domain
        of_tone = FIXED[plan.language].get(manner.tone, {})
        text = domain.fill((_FIXED[plan.language] | TURNS[plan.language] | of_tone)[plan.kind])
        when = f" {domain.occasion.removeprefix('for ')}" if domain.occasion else ""
        time = "the evening" if domain.occasion else f"your {domain.noun}"
        return text.replace("{when}", when).replace("{the_time}", time)

    def _offer(self, plan: Plan, manner: Manner) -> str:
        zh = plan.language == "zh"
        request = self._wording.request(plan.constraints, plan.like, plan.language)
        heads = HEADS[plan.language][manner.tone]
        head = heads[plan.turn % len(heads)][0 if request else 1].replace("{request}", request)
        occasion = self._domain.occasion if not zh else ""
        head = head.replace("{occasion}", f"{occasion} " if occasion else "")
        lines = [*self._wording.notes(plan), head[:1].upper() + head[1:]]
        lines += [
            f"{place}. {self._described(offer, plan.language, manner)}"
            for place, offer in enumerate(plan.offers, 1)
        ]
        if manner.is_short or plan.invites or plan.question is not None:
            return "\n".join([*lines, *self._wording.invitation(plan)])
        questions = _QUESTIONS[plan.language]
        if not self._has_years:
            questions = (_WITHOUT_YEARS[plan.language], *questions[1:])
        question = self._domain.fill(questions[plan.turn % len(questions)])
        return "\n".join([*lines, question])

    def _described(self, offer: Offer, language: Language, manner: Manner | None = None) -> str:
        """Title, genres, director and reason of an item, in one line."""
        zh = language == "zh"
        genres = self._wording.genres(self._facts.genres(offer.row), language)
        credits = self.credits(offer.row, language, manner or Manner())
        parts = [self._wording.title(offer.row, language)]
        if genres:
            parts.append(f"{genres}{self._domain.suffix_zh}" if zh else genres)
        parts += credits
        if price := self._price(offer.row, language):
            parts.append(price)
        if offer.reasons:
            parts.append(self._wording.reason(offer.reasons[0], language))
        return ("，" if zh else ", ").join(parts) + ("。" if zh else ".")

    def _question(self, plan: Plan) -> str:
        assert plan.question is not None
        return self._turns.question(plan.question, plan.language)

    def _compare(self, plan: Plan) -> str:
        described = [
            self._described(replace(offer, reasons=()), plan.language) for offer in plan.offers
        ]
        return self._turns.compared(plan, described)

    def _price(self, row: int, language: Language) -> str:
        """What an item costs, empty where the catalogue does not say."""
        columns = self._wording.columns
        for name, column in columns.numbers.items():
            value = columns.number(name, row) if column.measure == "price" else None
            if value is not None:
                said = column.phrase(value, language)
                return f"{column.label(language)} {said}"
        return ""

    def credits(self, row: int, language: Language, manner: Manner) -> list[str]:
        """Who made an item and, for experts, who takes part, as far as the catalogue says.

        Laymen are told neither, and who writes little only if they write as experts.
        """
        is_expert = manner.detail == "expert"
        if manner.detail == "plain" or (manner.is_short and not is_expert):
            return []
        people, made_by = self._facts.people(row), MADE_BY[language]
        made = [(role, names) for role, names in people.items() if role in made_by][:1]
        found = [
            f"{made_by[role]} {self._names(names[: _MOST_NAMES if is_expert else 1], language)}"
            for role, names in made
        ]
        cast = [name for name in people.get("actor", ()) if name not in (made and made[0][1])]
        if is_expert and not manner.is_short and cast:
            told = self._names(cast[:_MOST_NAMES], language)
            found.append(f"主演 {told}" if language == "zh" else f"starring {told}")
        return found

    def _names(self, names: Sequence[str], language: Language) -> str:
        return joined([clean(name) for name in names], language)

    def _why(self, plan: Plan) -> str:
        offer, zh = plan.offers[0], plan.language == "zh"
        title = self._wording.title(offer.row, plan.language)
        notes = self._wording.notes(plan)
        parts = [
            self._wording.grounds(reason, plan.language)
            for reason in offer.reasons
            if reason.kind not in VERBS[plan.language]
        ]
        for kind in VERBS[plan.language]:
            rows = [
                reason.row
                for reason in offer.reasons
                if reason.kind == kind and reason.row is not None
            ]
            if rows:
                parts.append(self._wording.connection(kind, rows, plan.language))
        if parts and zh:
            sentence = f"推荐{title}，因为{'，'.join(parts)}。"
        elif parts:
            sentence = f"I chose {title} because {', and '.join(parts)}."
        elif plan.is_fitting:
            wish = self._wording.request(plan.constraints, (), plan.language)
            words = _BY_WISH if not wish else _BY_NAMED_WISH
            sentence = words[plan.language].format(title=title, wish=wish)
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
            sentences.append(self._domain.fill(_no_place(plan.no_place, zh)))
        return ("" if zh else " ").join(sentences)

    def _fact(self, plan: Plan) -> str:
        row, language = plan.offers[0].row, plan.language
        zh = language == "zh"
        title = self._wording.title(row, language)
        people = self._facts.people(row)
        known = {
            **{role: joined(list(map(clean, names)), language) for role, names in people.items()},
            "genre": self._wording.genres(self._facts.genres(row), language),
            "year": str(self._facts.year(row) or ""),
        }
        topics: tuple[str, ...] = (plan.topic,)
        if plan.topic == "all":
            topics = ("genre", *people)
        elif plan.topic == "director" and "director" not in people:
            topics = tuple(role for role in people if role in MADE_BY[language])[:1]
        sentences = [_fact_sentence(topic, title, known.get(topic, ""), zh) for topic in topics]
        stated = [sentence for sentence in sentences if sentence]
        stated += self._attributes(row, title, plan.topic, language)
        if not stated:
            unstated = f"目录里没有{title}的这个信息。"
            stated = [unstated if zh else f"The catalogue does not say, for {title}."]
        return ("" if zh else " ").join([*self._wording.notes(plan), *stated])

    def _attributes(self, row: int, title: str, topic: str, language: Language) -> list[str]:
        """What the other columns say of an item, one of them or all."""
        columns, zh = self._wording.columns, language == "zh"
        found = []
        for name, column in columns.numbers.items():
            value = columns.number(name, row)
            if name == "year" or topic not in ("all", name) or value is None:
                continue
            label, said = column.label(language), column.phrase(value, language)
            if column.measure == "extent":
                if said:
                    found.append(f"{title}有{said}。" if zh else f"{title} has {said}.")
            else:
                found.append(
                    f"{title}的{label}是{said}。" if zh else f"The {label} of {title} is {said}."
                )
        for name, column in columns.texts.items():
            values = joined([clean(value) for value in self._facts.cell(name, row)[:3]], language)
            label = column.label(language)
            if values and topic in ("all", name):
                found.append(
                    f"{title}的{label}是{values}。"
                    if zh
                    else f"The {label} of {title} is {values}."
                )
        return found[:_MOST_ATTRIBUTES]

    def _profile(self, plan: Plan) -> str:
        stated = told_back(plan.stated, self._wording, plan.language)
        if stated and not plan.examples:
            return stated
        apart = " " if stated and plan.language == "en" else ""
        return f"{self._past(plan)}{apart}{stated}"

    def _past(self, plan: Plan) -> str:
        zh = plan.language == "zh"
        if not plan.examples:
            return "目前还没有你的记录。" if zh else "I know nothing of your taste so far."
        genres = self._wording.genres(plan.genres, plan.language)
        examples = self._wording.titles(plan.examples, plan.language)
        if plan.is_visitor:
            return f"你提到{examples}。" if zh else f"You named {examples}."
        domain = self._domain
        # "You often watch comedy" is English, "you often buy kitchen" is not.
        is_films = domain.verb == "watch"
        if zh:
            kinds = genres if is_films else f"{genres}{domain.suffix_zh}{domain.noun_zh}"
            habit = f"你常{domain.verb_zh}{kinds}。" if genres else ""
            return f"{habit}记录里有{examples}。"
        kinds = genres if is_films else f"{genres} {domain.nouns}"
        habit = f"You often {domain.verb} {kinds}. " if genres else ""
        return f"{habit}Your history has {examples}."


def _fact_sentence(topic: str, title: str, value: str, zh: bool) -> str:
    if not value:
        return ""
    if zh:
        return {
            "director": f"{title}的导演是 {value}。",
            "actor": f"{title}的主演是 {value}。",
            "author": f"{title}的作者是 {value}。",
            "artist": f"{title}的作者是 {value}。",
            "teacher": f"{title}的老师是 {value}。",
            "genre": f"{title}的类型是{value}。",
            "year": f"{title}是{value}年的。",
        }[topic]
    return {
        "director": f"{title} was directed by {value}.",
        "actor": f"{title} has {value}.",
        "author": f"{title} is by {value}.",
        "artist": f"{title} is by {value}.",
        "teacher": f"The teacher of {title} is {value}.",
        "genre": f"The catalogue has {title} as {value}.",
        "year": f"{title} is from {value}.",
    }[topic]


def _no_place(place: int, zh: bool) -> str:
    """What is said to someone who points at a place that the list does not have."""
    if not place:
        return "还没有名单。" if zh else "There is no list yet."
    if not 0 < place <= len(_PLACES["en"]):
        return "名单里没有这一{measure_zh}。" if zh else "There is no such place in the list."
    name = _PLACES["zh" if zh else "en"][place - 1]
    return f"名单里没有第{name}{{measure_zh}}。" if zh else f"There is no {name} one in the list."

"""Fixed words for turns of a talk: questions, comparisons, choices, and what is out of scope."""

from __future__ import annotations

from collections.abc import Sequence

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.plan import Plan
from llm_layer.text import Language, has_chinese
from llm_layer.understanding.request import Question
from llm_layer.wording.pieces import Wording

TURNS = {
    "en": {
        "out_of_scope": "I can only help with {nouns}. What would you like{when}?",
        "forgotten": "All right, everything told here is forgotten.",
        "foreign": "I speak English and Chinese. What would you like{when}?",
    },
    "zh": {
        "out_of_scope": "我只能推荐{noun_zh}，别的帮不上忙。{occasion_zh}想{verb_zh}什么？",
        "forgotten": "好的，这里说的都已忘掉。",
        "foreign": "我会说中文和英文。{occasion_zh}想{verb_zh}什么？",
    },
}
# Behind it where the model has a history of them: a talk cannot take that away.
STAYS = {"en": " The history is still there.", "zh": "记录还在。"}
_WHICH = {"en": "Which one?", "zh": "哪一{measure_zh}？"}
_LIKED = {"en": "Which {noun} did you last enjoy?", "zh": "最近{past_zh}哪一{measure_zh}？"}
_KINDS = {
    "en": "What would you like: {options}? A title works as well.",
    "zh": "想{verb_zh}什么类型：{options}？也可以说一个名字。",
}


# So many items at most are described where they are compared; of more the titles are enough.
_DESCRIBED = 3


class TurnTemplates:
    """Words the plans of turns that recommend nothing."""

    def __init__(self, facts: ItemFacts, wording: Wording) -> None:
        self._facts = facts
        self._wording = wording

    def question(self, question: Question, language: Language) -> str:
        """A clarifying question with its options."""
        if question.slot == "place":
            text = _WHICH[language]
        elif question.options:
            text = _KINDS[language].replace("{options}", self._options(question, language))
        else:
            text = _LIKED[language]
        return self._wording.domain.fill(text)

    def accepted(self, plan: Plan) -> str:
        """What was chosen, said back."""
        titles = self._wording.titles([offer.row for offer in plan.offers], plan.language)
        if plan.language == "zh":
            return f"好的，就{titles}。"
        return f"Good choice: {titles}. Enjoy!"

    def compared(self, plan: Plan, described: Sequence[str]) -> str:
        """Facts of two or three items side by side, then what their numbers bear out."""
        rows = [offer.row for offer in plan.offers]
        notes = self._wording.notes(plan)
        if plan.extreme is not None and (told := self._extreme(rows, *plan.extreme, plan.language)):
            if len(rows) > _DESCRIBED:
                titles = self._wording.titles(rows, plan.language)
                described = [f"{titles}。" if plan.language == "zh" else f"{titles}."]
            return "\n".join([*notes, *described, told])
        return "\n".join([*notes, *described, *self._comparatives(rows, plan.language)])

    def _extreme(self, rows: Sequence[int], name: str, end: str, language: Language) -> str:
        """Which is the newest, the cheapest ...; empty where it is not one, or not known of all."""
        columns = self._wording.columns
        values = [columns.number(name, row) for row in rows]
        known = [value for value in values if value is not None]
        word = next(
            (
                word
                for word in columns.numbers[name].words.get(end, ())
                if has_chinese(word) == (language == "zh")
            ),
            "",
        )
        if len(known) < len(values) or not word:
            return ""
        best = min(known) if end == "lowest" else max(known)
        if known.count(best) > 1:
            return ""
        title = self._wording.title(rows[known.index(best)], language)
        return f"其中{word}的是{title}。" if language == "zh" else f"The {word} is {title}."

    def _options(self, question: Question, language: Language) -> str:
        options = question.options
        names = [self._wording.genres([option], language) for option in options]
        if question.slot != "genres":
            names = list(options)
        if language == "zh":
            return f"{'、'.join(names[:-1])}还是{names[-1]}"
        return f"{', '.join(names[:-1])} or {names[-1]}"

    def _comparatives(self, rows: Sequence[int], language: Language) -> list[str]:
        """Which of two is older, shorter, cheaper ..., from numbers that both have."""
        columns = self._wording.columns
        found = []
        for name, column in columns.numbers.items():
            words = [
                word
                for word in column.words.get("lower", ())
                if has_chinese(word) == (language == "zh")
            ]
            if len(rows) != 2 or not words:
                continue
            one, other = (columns.number(name, row) for row in rows)
            if one is None or other is None or one == other:
                continue
            lower, higher = rows if one < other else (rows[1], rows[0])
            word = next((word for word in words if word.startswith("更")), words[0])
            found.append(self._than(lower, higher, word, language))
        return found

    def _than(self, one: int, other: int, word: str, language: Language) -> str:
        first, second = (self._wording.title(row, language) for row in (one, other))
        if language == "zh":
            return f"{first}比{second}{word}。"
        return f"{first} is {word} than {second}."

"""Grammars (GBNF) that a model which can be constrained writes in: English phrases to choose from.

The model chooses every word between the marks, out of phrases that state nothing but the genres of
the item they stand next to.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_layer.domain import Domain
from llm_layer.wording.tasks import Task

_ADJECTIVES = ("good", "great", "fine", "nice", "lovely", "proper", "solid", "strong", "different")
_VERBS = ("adds", "brings", "offers", "has", "gives you", "comes with")
_GO = (
    "start with", "I would start with", "I would go with", "I would pick", "my first choice is",
    "try", "take", "there is", "have a look at", "my pick is",
)  # fmt: skip
_GO_ON = (
    "there is", "try", "take", "go with", "I would choose", "have a look at", "you could {verb}",
)  # fmt: skip
_NEXT = (
    "Another one to try is", "Next on the list is", "You could also try", "After that, there is",
    "A good second choice is", "Just as good is", "Then there is",
)  # fmt: skip
_ALSO = (
    "is another good choice", "is a fine choice too", "is also worth a look", "works just as well",
    "makes a good second {noun}", "is a strong pick as well", "completes the list",
)  # fmt: skip
# The same, where the choice is for an evening.
_NEXT_TONIGHT = ("Also worth the night is",)
_ALSO_TONIGHT = (
    "is there for another night", "would fit the evening too",
    "is a good one to keep for another night",
)  # fmt: skip
_WANT = ("want", "feel like", "would like", "are in the mood for")
_ASKED = (
    "something different", "something else", "more like the first one", "more of the same kind",
    "another one like this",
)  # fmt: skip
_ASKED_BY_YEAR = ("something older", "something newer")
# Where items tell stories.
_ASKED_BY_TONE = ("something lighter", "something darker")
_ASK = 'ask ::= ("Would you like " | "Shall I look for " | "Do you want ")'
# Said before an answer.
_LEADS = (
    "Gladly.", "Happily.", "Of course.", "Sure.", "Good question.", "With pleasure.",
    "Yes, gladly.", "Let us see.", "Here it is.", "Well, here it is.", "Of course, happily.",
)  # fmt: skip
_CHOICES = ("right", "right to you", "good", "good to you")


def grammar(task: Task) -> str:
    """GBNF grammar of the answers to an English task.

    The model chooses every word between the marks, out of phrases that state nothing but the
    genres of the item they stand next to.
    """
    domain = task.domain
    if task.frame:
        return _frame(task)
    first, *others = [tuple(kinds) or (domain.noun,) for kinds in task.genres]
    why = '", {why}"' if task.has_reason else '""'
    choices = (*_CHOICES, f"right {domain.occasion}") if domain.occasion else _CHOICES
    body = f'open " {{1}}" {why} "."'
    if others:
        body += ' " " more " {2}"'
        body += ' ", and {3} " third "."' if len(others) > 1 else ' "."'
    rules = [
        f"root ::= {body}" if task.is_short else f'root ::= {body} " " ask',
        f'open ::= ("For " wish1 | "If you " want " " wish1) ", " ({_any(_GO)})',
        *_wish_rules("wish1", first, domain),
        f"want ::= {_any(_WANT)}",
    ]
    if not task.is_short:
        rules.append(
            f"{_ASK} ({_any(_asked(task))}) "
            f'"?" | ("Which of these sounds " | "Which one sounds ") ({_any(choices)}) "?"'
        )
    if others:
        rules += _second_rules(tuple(kind for kind in others[0] if kind not in first), domain)
    if len(others) > 1:
        before = {*first, *others[0]}
        rules.append(_third_rule(tuple(kind for kind in others[1] if kind not in before), domain))
    return "\n".join(rules) + "\n"


def _asked(task: Task) -> tuple[str, ...]:
    """What a question at the end may offer."""
    by_year = _ASKED_BY_YEAR if task.has_years else ()
    by_tone = _ASKED_BY_TONE if _tells_stories(task.domain) else ()
    return (*by_year, *by_tone, *_ASKED)


def _tells_stories(domain: Domain) -> bool:
    """Whether there may be "a bit of" a genre: of romance, but not of kitchen or of heart."""
    return "story" in domain.kinds


def _frame(task: Task) -> str:
    """Words before what is said, and a question behind it."""
    rules = [f'lead ::= ({_any(_LEADS)}) " "']
    if task.frame == "both" and not task.is_short:
        rules.append(f'{_ASK} ({_any(_asked(task))}) "?"')
        return "\n".join(['root ::= lead "{said} " ask', *rules]) + "\n"
    return "\n".join(['root ::= lead "{said}"', *rules]) + "\n"


def _second_rules(fresh: Sequence[str], domain: Domain) -> list[str]:
    """What leads to the second item: a genre it has beyond the first, else a plain turn."""
    if not fresh:
        following = (*_NEXT, *_NEXT_TONIGHT) if domain.occasion else _NEXT
        return [f"more ::= {_any(following)}"]
    return [
        'more ::= ("For " wish2 | "If you " want " " wish2 | "When you want " wish2) ", "'
        f" ({_any([domain.fill(phrase) for phrase in _GO_ON])})",
        *_wish_rules("wish2", fresh, domain),
    ]


def _third_rule(fresh: Sequence[str], domain: Domain) -> str:
    """What is said of the third item."""
    if not fresh:
        also = [domain.fill(phrase) for phrase in _ALSO]
        return f"third ::= {_any([*also, *(_ALSO_TONIGHT if domain.occasion else ())])}"
    film = f'"is a " ({_any(_before_consonant(_ADJECTIVES))}) " " ({_any(fresh)}) " " '
    nouns = [kind for kind in domain.kinds if kind not in ("story", "night", "evening")]
    film += f"({_any([*nouns, 'pick', 'choice'])})"
    things = [genre for genre in fresh if not genre.endswith("'s")]
    if not things or not _tells_stories(domain):
        return f"third ::= {film}"
    places = ("evening", "night", "list", "mix") if domain.occasion else ("list", "mix")
    return (
        f'third ::= ({_any(_VERBS)}) " " ("a little " | "a touch of " | "a bit of " | "some ")'
        f' ({_any(things)}) (" to the " ({_any(places)}))? | {film}'
    )


def _wish_rules(name: str, genres: Sequence[str], domain: Domain) -> list[str]:
    """A noun phrase about one of `genres`, with the right article."""
    # "a bit of children's" is no English; "a children's film" is.
    things = tuple(genre for genre in genres if not genre.endswith("'s"))
    kinds = _any(things)
    both = ""
    if len(things) > 1:
        pairs = [f"{one} and {other}" for one in things for other in things if one != other]
        both = f' | "a mix of " ({_any(pairs)}) | "both " ({_any(pairs)})'
    plain = _before_consonant(genres)
    vowel = tuple(genre for genre in genres if genre not in plain)
    articles = (("a", plain), ("an", vowel))
    articled = [f'"{article} " ({_any(names)})' for article, names in articles if names]
    nouns, adjectives = _any(domain.kinds), _any(_before_consonant(_ADJECTIVES))
    choices = [
        f'({" | ".join(articled)}) " " ({nouns})',
        f'"a " ({adjectives}) " " ({_any(genres)}) " " ({nouns})',
    ]
    if things and _tells_stories(domain):
        choices.append(f'("some " | "a little " | "a bit of ") ({kinds})')
        if domain.occasion:
            choices.append(f'("a night of " | "an evening of ") ({kinds})')
    return [f"{name} ::= {' | '.join(choices)}{both}"]


def _before_consonant(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name[:1] not in "aeiou")


def _any(phrases: Sequence[str]) -> str:
    quoted = (phrase.replace("\\", "\\\\").replace('"', '\\"') for phrase in phrases)
    return " | ".join(f'"{phrase}"' for phrase in quoted)

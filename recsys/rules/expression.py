"""The language of conditions over the item table: from text to a tree.

::

    condition  = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation   = "not" negation | "(" condition ")" | test
    test       = column [ comparison value
                        | [ "not" ] "in" "(" value { "," value } ")"
                        | "is" [ "not" ] "null"
                        | [ "not" ] "has" value
                        | [ "not" ] "contains" text ]
    comparison = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="
    value      = number | text | "true" | "false"
    column     = a name of letters, digits, "_" and ".", or any name between backquotes

A text stands between single or double quotes, which are doubled inside it ('it''s'). Words of the
language are understood in capitals too. A column alone is a test whether it is true. "has" asks
whether a list holds a value (or the text of the catalogue's genres, "Crime|Drama"), "contains"
whether a text holds another, capitals told apart. Dates and times are texts, 2026-01-31 or
2026-01-31 12:00, in the zone of the column where they name none.

A test is true or false, never unknown: where the item table has a null, every test but "is null"
is false; so ``not price < 5`` holds for an item without a price and ``price >= 5`` does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from recsys.errors import InvalidInputError

Value: TypeAlias = str | int | float | bool

_WORDS = ("and", "or", "not", "in", "is", "null", "has", "contains", "true", "false")
_OPERATORS = {"=": "==", "<>": "!="}
_TOKENS = re.compile(
    r"""(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    |(?P<name>[^\W\d][\w.]*|`[^`]+`)
    |(?P<sign>==|!=|<>|<=|>=|[=<>(),])""",
    re.VERBOSE,
)
_DEEPEST = 50


@dataclass(frozen=True)
class Column:
    """A column, and where the text names it (from 1)."""

    name: str
    at: int


@dataclass(frozen=True)
class Constant:
    """A value, as written, and where."""

    value: Value
    written: str
    at: int


@dataclass(frozen=True)
class Test:
    """A test of one column.

    Attributes
    ----------
    operator : str
        A comparison, "in", "has", "contains", "null" or "true".
    values : tuple of Constant
        What it is held against.
    """

    column: Column
    operator: str
    values: tuple[Constant, ...] = ()


@dataclass(frozen=True)
class Not:
    """Where the part does not hold."""

    part: Tree


@dataclass(frozen=True)
class Both:
    """Where all parts hold."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Either:
    """Where some part holds."""

    parts: tuple[Tree, ...]


Tree: TypeAlias = Test | Not | Both | Either


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Tree:
    """Parse a condition.

    Raises
    ------
    InvalidInputError
        It does not follow the grammar; the message names the place and what stands there.

    Examples
    --------
    >>> parse("year >= 1990").operator
    '>='
    """
    return _Parser(text).parse()


def refuse(text: str, at: int, fragment: str, message: str) -> NoReturn:
    """Raise the error about `fragment`, which stands at column `at` (from 1) of `text`."""
    shown = re.sub(r"\s", " ", text)
    where = f"at {fragment!r}, column {at}" if fragment else f"at the end, column {at}"
    raise InvalidInputError(f"condition {shown!r}, {where}: {message}")


class _Parser:
    """Recursive descent, one token of look-ahead."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._split()
        self.place = 0
        self.depth = 0

    def parse(self) -> Tree:
        tree = self._condition()
        if self.tokens[self.place].kind != "end":
            self._fail("expected 'and', 'or' or the end")
        return tree

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        place = 0
        while True:
            while place < len(self.text) and self.text[place].isspace():
                place += 1
            if place == len(self.text):
                return [*tokens, _Token("end", "", len(self.text.rstrip()) + 1)]
            match = _TOKENS.match(self.text, place)
            if match is None:
                self._stray(place)
            kind, text = str(match.lastgroup), match.group()
            if kind == "name" and text.lower() in _WORDS:
                kind, text = "word", text.lower()
            tokens.append(_Token(kind, text, place + 1))
            place = match.end()

    def _stray(self, place: int) -> NoReturn:
        rest = self.text[place:]
        if rest[0] in "'\"`":
            refuse(self.text, place + 1, rest[:20], f"the quote {rest[0]} is never closed")
        fragment = re.match(r"[\w.+-]+|.", rest, re.DOTALL)
        assert fragment is not None
        refuse(self.text, place + 1, fragment.group(), "this is no column, value or operator")

    def _fail(self, message: str) -> NoReturn:
        token = self.tokens[self.place]
        fragment = self.text[token.at - 1 : token.at - 1 + len(token.text)]
        refuse(self.text, token.at, fragment, message)

    def _take(self, *texts: str) -> str | None:
        """The next token's text if it is one of the words or signs `texts`."""
        token = self.tokens[self.place]
        if token.kind in ("word", "sign") and token.text in texts:
            self.place += 1
            return token.text
        return None

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            self._fail(f"expected {text!r}")

    def _condition(self) -> Tree:
        parts = [self._conjunction()]
        while self._take("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _conjunction(self) -> Tree:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _negation(self) -> Tree:
        self.depth += 1
        if self.depth > _DEEPEST:
            self._fail(f"more than {_DEEPEST} parts inside each other")
        tree: Tree
        if self._take("not"):
            tree = Not(self._negation())
        elif self._take("("):
            tree = self._condition()
            self._expect(")")
        else:
            tree = self._test()
        self.depth -= 1
        return tree

    def _test(self) -> Tree:
        column = self._column()
        sign = self._take("=", "==", "!=", "<>", "<", "<=", ">", ">=")
        if sign:
            return Test(column, _OPERATORS.get(sign, sign), (self._value(),))
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            return _negated(Test(column, "null"), negated)
        negated = self._take("not")
        word = self._take("in", "has", "contains")
        if word == "in":
            self._expect("(")
            values = [self._value()]
            while self._take(","):
                values.append(self._value())
            self._expect(")")
            return _negated(Test(column, word, tuple(values)), negated)
        if word:
            return _negated(Test(column, word, (self._value(),)), negated)
        if negated:
            self._fail("expected 'in', 'has' or 'contains' after 'not'")
        token = self.tokens[self.place]
        if token.kind in ("number", "text", "name"):
            self._fail("expected a comparison, 'in', 'is', 'has', 'contains', 'and' or 'or'")
        return Test(column, "true")

    def _column(self) -> Column:
        token = self.tokens[self.place]
        if token.kind != "name":
            self._fail("expected the name of a column")
        self.place += 1
        return Column(token.text.strip("`"), token.at)

    def _value(self) -> Constant:
        token = self.tokens[self.place]
        value: Value
        if token.kind == "number":
            value = float(token.text)
            if re.fullmatch(r"[+-]?\d+", token.text) and abs(value) < 2**63:
                value = int(token.text)
        elif token.kind == "text":
            quote = token.text[0]
            value = token.text[1:-1].replace(quote * 2, quote)
        elif token.kind == "word" and token.text in ("true", "false"):
            value = token.text == "true"
        elif token.text == "null":
            self._fail("null is equal to nothing; write 'is null' or 'is not null'")
        elif token.kind == "name":
            self._fail("expected a value; put text between quotes")
        else:
            self._fail("expected a number, a text between quotes, true or false")
        self.place += 1
        return Constant(value, token.text, token.at)


def _negated(test: Test, negated: str | None) -> Tree:
    return Not(test) if negated else test

"""What a reranking may cost in tokens, time and money, and what it has cost so far."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from llm_layer.llm.base import Message
from llm_layer.rerank import Usage
from recsys.errors import InvalidInputError

_PIECES = re.compile(r"[A-Za-z]+|[^\sA-Za-z]")
# A chat template puts so many tokens around a message, and some put a prompt of their own first.
_AROUND = 12


@dataclass(frozen=True)
class Price:
    """Money for one token, in any currency.

    Attributes
    ----------
    prompt, completion : float
        For a token read and for one written, >= 0. Hosts name prices for a million: divide.
    """

    prompt: float
    completion: float

    def __post_init__(self) -> None:
        for name in ("prompt", "completion"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise InvalidInputError(f"price: {name} is {value!r}, expected a number >= 0")

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Cost of a call."""
        return self.prompt * prompt_tokens + self.completion * completion_tokens


@dataclass(frozen=True)
class Budget:
    """Limits of one reranking; None: no limit.

    Attributes
    ----------
    tokens : int or None
        Tokens read and written, > 0.
    seconds : float or None
        Wall time, > 0.
    money : float or None
        In the currency of `price`, > 0.
    price : Price or None
        What a token costs; needed for `money`, and to report the cost.
    """

    tokens: int | None = None
    seconds: float | None = None
    money: float | None = None
    price: Price | None = None

    def __post_init__(self) -> None:
        for name in ("tokens", "seconds", "money"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise InvalidInputError(f"budget: {name} is {value!r}, expected more than 0")
        if self.money is not None and self.price is None:
            raise InvalidInputError("budget: money is limited but no price is given; give price")


class Ledger:
    """Keeps one reranking within its budget.

    Parameters
    ----------
    budget : Budget
        The limits. Time runs from now.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._begun = time.perf_counter()
        self._spent = Usage()

    @property
    def usage(self) -> Usage:
        """What was spent, up to now."""
        return self._spent + Usage(milliseconds=(time.perf_counter() - self._begun) * 1e3)

    def refuses(self, prompt: int, completion: int, seconds: float = 0.0) -> str:
        """Why a call may not be made that takes up to so many tokens and seconds; or nothing."""
        budget, spent = self._budget, self._spent
        tokens = spent.tokens + prompt + completion
        if budget.tokens is not None and tokens > budget.tokens:
            return f"budget: it would take {tokens} tokens, {budget.tokens} are allowed"
        left = self.seconds_left
        if left <= max(seconds, 0.0):
            return (
                f"budget: the next call takes about {seconds:.2g} s, {max(left, 0):.2g} s are left"
            )
        if budget.money is not None and budget.price is not None:
            cost = spent.cost + budget.price.of(prompt, completion)
            if cost > budget.money:
                return f"budget: it would cost {cost:.4g}, {budget.money:.4g} is allowed"
        return ""

    @property
    def seconds_left(self) -> float:
        """Time that is left; infinite without a limit."""
        if self._budget.seconds is None:
            return math.inf
        return self._budget.seconds - (time.perf_counter() - self._begun)

    def charge(self, prompt: int, completion: int) -> None:
        """Book a call."""
        price = self._budget.price
        cost = price.of(prompt, completion) if price else 0.0
        self._spent += Usage(calls=1, prompt_tokens=prompt, completion_tokens=completion, cost=cost)

    def found(self) -> None:
        """Book an answer that came from the cache."""
        self._spent += Usage(cached=1)


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Tokens of a prompt, on the high side: no tokenizer is asked.

    A word of Latin letters counts one token and one more for every four letters, other signs count
    their bytes, which is the most that a byte-level tokenizer makes of them.
    """
    total = _AROUND
    for message in messages:
        total += _AROUND
        for piece in _PIECES.findall(message.content):
            is_word = piece.isascii() and piece.isalpha()
            total += 1 + len(piece) // 4 if is_word else len(piece.encode("utf-8", "replace"))
    return total

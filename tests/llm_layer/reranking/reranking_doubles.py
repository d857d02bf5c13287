"""Language models that read what they are asked and answer by a rule."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from llm_layer.llm.base import Ability, Completion, Message
from llm_layer.retrieve import Candidates

BOTH: frozenset[Ability] = frozenset({"schema", "probabilities"})
_SHOWN = re.compile(r"^([A-Z]): (.*)$", re.MULTILINE)


def among(rows: Sequence[int], scores: Sequence[float] | None = None) -> Candidates:
    """Candidates with falling scores unless told."""
    given = np.linspace(1, 0.5, len(rows)) if scores is None else np.asarray(scores)
    return Candidates(np.array(rows, np.int64), given.astype(np.float32), np.ones(8, np.float32))


def shown(message: str) -> dict[str, str]:
    """Labels and texts of the items in a listwise prompt."""
    return dict(_SHOWN.findall(message.split("<items>")[1].split("</items>")[0]))


def by(rule: Callable[[str], float]) -> Callable[[str], str]:
    """Answers a listwise prompt by what `rule` makes of each text, the highest first."""

    def answer(message: str) -> str:
        found = shown(message)
        return json.dumps({"order": sorted(found, key=lambda label: -rule(found[label]))})

    return answer


@dataclass
class Reader:
    """Answers by a function of the prompt's last message, or raises what it is given."""

    answer: Callable[[str], str] | str | Exception
    first: Callable[[str], tuple[tuple[str, float], ...]] | None = None
    abilities: frozenset[Ability] = BOTH
    name: str = "reader"
    languages: frozenset[str] | None = None
    constrained: bool = False
    tokens: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    prompts: list[str] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)
    schemas: list[Mapping[str, Any] | None] = field(default_factory=list)

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 96,
        temperature: float = 0.4,
        seed: int = 0,
        grammar: str | None = None,
        timeout: float = 20.0,
        schema: Mapping[str, Any] | None = None,
        top: int = 0,
    ) -> Completion:
        time.sleep(self.seconds)
        self.systems.append(messages[0].content)
        self.prompts.append(messages[-1].content)
        self.schemas.append(schema)
        answer = self.answer
        if isinstance(answer, Exception):
            raise answer
        text = answer if isinstance(answer, str) else answer(messages[-1].content)
        first = self.first(messages[-1].content) if self.first and top else ()
        return Completion(text, "stop", *self.tokens, 0.1, 1, first)

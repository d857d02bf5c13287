"""Words of a language model sentence by sentence: each is checked before anybody reads it."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from llm_layer.checking.claims import Known
from llm_layer.llm.base import Completion, LLMContextError, LLMMalformedError, pieces
from llm_layer.plan import Offer, Plan
from llm_layer.reply import Attempt, Draft
from llm_layer.wording import prompts
from llm_layer.wording.tasks import Task
from recsys.errors import AlsatianError

if TYPE_CHECKING:
    from llm_layer.wording.writer import Clock, Writer


class Sentences:
    """Streams the words for one plan.

    A sentence is held until it is whole and the text so far passes the check with it; then it is
    yielded, and stands. Where the model goes wrong behind it, the model is asked for the items that
    are left, as often as the writer allows; then a sentence of ours lists them.
    """

    def __init__(
        self, writer: Writer, plan: Plan, known: Known, attempts: list[Attempt], clock: Clock
    ) -> None:
        self._writer = writer
        self._plan = plan
        self._known = known
        self._attempts = attempts
        self._clock = clock
        self._left: tuple[Offer, ...] = plan.offers if plan.kind == "offer" else ()
        self._size = 0
        self._text = ""  # what was yielded
        self._has_answer = plan.kind == "offer"  # or there is none to give

    def write(self, most: int) -> Generator[str, None, Draft | None]:
        """Yield checked sentences of at most so many answers; the draft, None where none passed."""
        writer, plan = self._writer, self._plan
        fault = "?"
        while fault and len(self._attempts) < most:
            fault = yield from self._answer()
            if not fault or (self._attempts and self._attempts[-1].is_final):
                break
            if self._text and self._has_answer and not self._left:
                fault = ""  # everything is said: what failed is a sentence that nobody needs
        if not self._text:
            return None
        yield from self._rest()
        items, grounding = writer.words.check(plan, self._text, self._known)
        reason = writer.too_small(plan, self._size)
        if fault:
            reason = f"a template completed the language model's words: {fault}"
        return self._clock.draft(
            self._text,
            items,
            "template" if fault else "llm",
            reason,
            grounding,
            tuple(self._attempts),
        )

    def _answer(self) -> Generator[str, None, str]:
        """Ask the model once; what was wrong with its words, empty where nothing was."""
        writer, plan, clock = self._writer, self._plan, self._clock
        most, has_examples = writer.sizes[self._size]
        offers = self._left[:most]
        task = writer.task(plan, self._known, offers, is_rest=bool(self._text))
        complaint = self._attempts[-1].fault if self._attempts else ""
        prompt = prompts.prompt(task, complaint, has_examples=has_examples)
        begun = time.perf_counter()
        settings = writer.settings(plan, task, len(self._attempts))
        stream = _Pieces(pieces(writer.asked, prompt, **settings))
        try:
            fault, raw = yield from self._read(
                stream, task, writer.values(plan, offers, self._known), offers
            )
        except LLMContextError as error:
            self._size += 1
            if self._size < len(writer.sizes):
                return str(error)
            self._size -= 1
            self._attempts.append(Attempt("", str(error), is_final=True))
            return str(error)
        except AlsatianError as error:
            passing = isinstance(error, LLMMalformedError)
            self._attempts.append(Attempt("", str(error), is_final=not passing))
            return str(error)
        finally:
            stream.close()
            clock.write += (time.perf_counter() - begun) * 1e3
        done = stream.done
        read, wrote = (done.prompt_tokens, done.completion_tokens) if done else (0, 0)
        self._attempts.append(Attempt(raw, fault, prompt_tokens=read, completion_tokens=wrote))
        return fault

    def _read(
        self,
        stream: _Pieces,
        task: Task,
        values: dict[str, str],
        offers: Sequence[Offer],
    ) -> Generator[str, None, tuple[str, str]]:
        """Yield the sentences of an answer that pass; its fault, and all of it."""
        raw = rest = held = fault = ""
        used: set[str] = set()
        for piece in stream:
            self._clock.first_token = self._clock.first_token or self._clock.elapsed
            raw += piece
            rest += piece
            while sentence := prompts.first_sentence(rest):
                rest = rest[len(sentence) :]
                held += sentence
                if fault := prompts.rambling(raw[: len(raw) - len(rest)]):
                    return fault, raw
                filled, marks, fault = prompts.fill_part(held, task, values, used)
                if fault:
                    return fault, raw
                if filled in self._text:
                    return "it says the same again", raw
                text = self._joined(filled)
                fault = self._fault(text)
                if not fault:
                    held = ""
                    used |= marks
                    self._take(marks, offers)
                    yield self._said(text)
        missing = [mark for mark in task.marks if mark not in used]
        if fault or rest.strip():
            return fault or "the last sentence is not finished", raw
        return (f"{{{missing[0]}}} stands there 0 times instead of once" if missing else ""), raw

    def _take(self, marks: set[str], offers: Sequence[Offer]) -> None:
        """Note what has been said."""
        named = {offer.row for place, offer in enumerate(offers, 1) if str(place) in marks}
        self._left = tuple(offer for offer in self._left if offer.row not in named)
        self._has_answer = self._has_answer or "said" in marks

    def _rest(self) -> Generator[str, None, None]:
        """What the model did not say, in words of ours."""
        if not self._has_answer:
            said = self._writer.values(self._plan, (), self._known)["said"]
            yield self._said(self._joined(said))
        for sentence in self._writer.also(self._plan, self._left):
            text = self._joined(sentence)
            if not self._fault(text):
                yield self._said(text)
        if sign := self._writer.sign(self._known):
            yield self._said(self._text + sign)

    def _joined(self, sentence: str) -> str:
        """The text so far with one more sentence."""
        if not self._text:
            return " ".join([*self._writer.notes(self._plan), sentence])
        between = "" if self._plan.language == "zh" else " "
        if "\n" in sentence or "\n" in self._text:
            between = "\n"
        return f"{self._text}{between}{sentence}"

    def _fault(self, text: str) -> str:
        begun = time.perf_counter()
        fault = self._writer.words.fault_so_far(self._plan, text, self._known)
        passed = (time.perf_counter() - begun) * 1e3
        self._clock.check += passed
        self._clock.write -= passed  # it is counted there as well
        return fault

    def _said(self, text: str) -> str:
        """What `text` has beyond what was said before."""
        self._clock.first_words = self._clock.first_words or self._clock.elapsed
        piece = text[len(self._text) :]
        self._text = text
        return piece


class _Pieces:
    """Pieces of an answer; `done` is the whole of it once they have come to their end."""

    def __init__(self, stream: Generator[str, None, Completion]) -> None:
        self._stream = stream
        self.done: Completion | None = None
        self.close = stream.close

    def __iter__(self) -> Generator[str, None, None]:
        self.done = yield from self._stream

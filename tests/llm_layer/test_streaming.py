"""Replies sentence by sentence: what is yielded was checked, stands, and adds up to the reply."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from llm_layer.concierge import Concierge
from llm_layer.conversation import Conversation
from llm_layer.llm.base import (
    Completion,
    LLMContextError,
    LLMMalformedError,
    LLMRefusedError,
    Message,
)
from llm_layer.reply import Reply
from llm_layer.wording.prompts import first_sentence, rambling
from recsys.recommender import Recommender


@dataclass
class DrippingLLM:
    """Answers letter by letter, one answer after the other; an error in an answer is raised."""

    answers: Sequence[Any]
    languages: frozenset[str] | None = None
    constrained: bool = False
    name: str = "dripping"
    abilities: frozenset[str] = frozenset({"stream"})
    asked: list[list[Message]] = field(default_factory=list)
    given: int = 0
    closed: int = 0

    def complete(self, messages: Sequence[Message], **settings: Any) -> Completion:
        raise AssertionError("a model that streams was asked for everything at once")

    def stream(
        self, messages: Sequence[Message], **settings: Any
    ) -> Generator[str, None, Completion]:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(list(messages))
        text = ""
        try:
            for part in answer if isinstance(answer, list) else [answer]:
                if isinstance(part, Exception):
                    raise part
                for letter in part:
                    self.given += 1
                    text += letter
                    yield letter
        finally:
            self.closed += 1
        return Completion(text, "stop", 1, 1, 0.1)


def streamed(talk: Conversation, text: str) -> tuple[list[str], Reply]:
    chunks = list(talk.stream(text))
    assert [chunk.reply for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    reply = chunks[-1].reply
    assert reply is not None
    pieces = [chunk.text for chunk in chunks]
    assert "".join(pieces) == reply.text
    assert reply.grounding.ok
    assert talk.replies[-1] is reply
    return pieces, reply


FIRST = "For tonight, start with {1}, {why}."
GOOD = FIRST + " You could also try {2}, and {3} is a fine choice too. Which one sounds right?"


def test_sentences_come_one_by_one(rec: Recommender) -> None:
    llm = DrippingLLM([GOOD])
    talk = Concierge(rec, llm).open(1)
    chunks = talk.stream("what should I watch?")
    first = next(chunks)
    assert first.text.startswith("For tonight, start with “")
    assert first.text.endswith(").")
    assert llm.given == len(FIRST)  # no letter of the next sentence was waited for
    rest = list(chunks)
    reply = rest[-1].reply
    assert reply is not None
    assert first.text + "".join(chunk.text for chunk in rest) == reply.text
    assert (reply.writer, reply.reason, len(reply.recommended)) == ("llm", "", 3)
    assert 0 < reply.timings["first_token"] <= reply.timings["first_words"]
    assert reply.timings["first_words"] <= reply.timings["total"]


def test_a_bad_first_sentence_is_never_seen(rec: Recommender) -> None:
    llm = DrippingLLM(["It won an award. " + GOOD, GOOD])
    pieces, reply = streamed(Concierge(rec, llm).open(1), "what should I watch?")
    assert "award" not in "".join(pieces)
    assert reply.writer == "llm"
    assert "award" in llm.asked[1][-1].content
    assert len(llm.asked) == 2


def test_what_was_yielded_stands_and_only_the_rest_is_asked_again(rec: Recommender) -> None:
    bad = FIRST + " Then {2}, which won an award, and {3}."
    llm = DrippingLLM([bad, "You could also try {1}, and {2} is a fine choice too."])
    pieces, reply = streamed(Concierge(rec, llm).open(1), "what should I watch?")
    assert (reply.writer, len(reply.recommended)) == ("llm", 3)
    assert "award" not in reply.text
    assert reply.text.startswith(pieces[0])
    listed = llm.asked[1][-1].content
    assert "{2}" in listed
    assert "{3}" not in listed  # two items were left
    assert "{why}" not in listed
    titles = [item.title for item in reply.items if item.role == "recommended"]
    assert [reply.text.count(f"“{title}”") for title in titles] == [1, 1, 1]


def test_a_template_completes_what_the_model_cannot(rec: Recommender) -> None:
    bad = FIRST + " Then {2}, which won an award, and {3}."
    llm = DrippingLLM([bad, "It won.", "It won."])
    pieces, reply = streamed(Concierge(rec, llm).open(1), "what should I watch?")
    assert reply.writer == "template"
    assert "a template completed the language model's words" in reply.reason
    assert len(llm.asked) == 3
    assert len(reply.recommended) == 3
    assert any("Also: “" in piece for piece in pieces)
    assert reply.text.startswith("For tonight, start with “")


@pytest.mark.parametrize(
    "answer",
    [
        "It won.",
        "Try “Casablanca”.",
        "Try {1}, {why}, {1}.",
        "Try {4}.",
        "Try {1}, {why",
        "word " * 200,
        "",
        [LLMRefusedError("nobody is there")],
        [LLMMalformedError("junk")],
        ["For ton", LLMMalformedError("junk")],
        [LLMContextError("too long")],
    ],
)
def test_words_that_cannot_be_used_bring_the_template(rec: Recommender, answer: Any) -> None:
    pieces, reply = streamed(Concierge(rec, DrippingLLM([answer])).open(1), "a comedy")
    assert reply.writer == "template"
    assert reply.reason
    assert len(pieces) > 3  # line by line
    assert reply.recommended


def test_rambling_is_cut_short(rec: Recommender) -> None:
    _, reply = streamed(Concierge(rec, DrippingLLM(["Sure! " * 40])).open(1), "a comedy")
    assert reply.text.count("Sure!") == 1
    assert reply.recommended
    assert rambling("Sure! Sure!")
    assert rambling("a" * 701)
    assert not rambling("Try {1}. Or {2}.")


def test_a_break_in_the_middle_is_mended(rec: Recommender) -> None:
    llm = DrippingLLM([[FIRST, " You could", LLMRefusedError("gone")]])
    _, reply = streamed(Concierge(rec, llm).open(1), "what should I watch?")
    assert reply.writer == "template"
    assert "gone" in reply.reason
    assert len(llm.asked) == 1
    assert len(reply.recommended) == 3


def test_answers_are_framed(rec: Recommender) -> None:
    llm = DrippingLLM([GOOD, "Gladly. {said} Would you like something else?"])
    talk = Concierge(rec, llm).open(1)
    talk_first = list(talk.stream("what should I watch?"))
    assert talk_first
    pieces, reply = streamed(talk, "why the first one?")
    assert reply.writer == "llm"
    assert pieces[0] == "Gladly."
    assert "because you watched" in reply.text
    said = Concierge(rec, None).open(1)
    said.say("what should I watch?")
    assert said.say("why the first one?").text in reply.text
    assert talk.say  # the same by say
    assert "{said}" in llm.asked[1][-1].content


def test_an_answer_is_given_even_where_its_frame_breaks(rec: Recommender) -> None:
    llm = DrippingLLM([GOOD, ["Gladly. ", LLMRefusedError("gone")]])
    talk = Concierge(rec, llm).open(1)
    list(talk.stream("what should I watch?"))
    _, reply = streamed(talk, "why the first one?")
    assert reply.text.startswith("Gladly. I chose “")
    assert reply.writer == "template"


def test_closing_the_stream_leaves_the_talk_as_it_was(rec: Recommender) -> None:
    llm = DrippingLLM([GOOD])
    talk = Concierge(rec, llm).open(1)
    chunks = talk.stream("what should I watch?")
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert llm.closed == 1
    assert (talk.replies, talk.state.said, talk.state.shown) == ([], [], [])
    streamed(talk, "what should I watch?")


def test_templates_come_line_by_line(rec: Recommender) -> None:
    pieces, reply = streamed(Concierge(rec, None).open(1), "推荐一部喜剧")
    assert reply.writer == "template"
    assert reply.timings["first_token"] == 0
    assert all(piece.endswith("\n") for piece in pieces[:-2])


@dataclass
class NarrowLLM(DrippingLLM):
    """Reads no more than so many characters."""

    most: int = 0

    def complete(self, messages: Sequence[Message], **settings: Any) -> Completion:
        self._measure(messages)
        self.asked.append(list(messages))
        return Completion(self.answers[0], "stop", 1, 1, 0.1)

    def stream(
        self, messages: Sequence[Message], **settings: Any
    ) -> Generator[str, None, Completion]:
        self._measure(messages)
        return (yield from super().stream(messages, **settings))

    def _measure(self, messages: Sequence[Message]) -> None:
        length = sum(len(message.content) for message in messages)
        if length > self.most:
            raise LLMContextError(f"{length} characters are too many")


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_small_context_shrinks_the_plan_and_that_is_told(
    rec: Recommender, is_stream: bool
) -> None:
    llm = NarrowLLM(["For tonight, start with {1}, {why}."], most=490)
    talk = Concierge(rec, llm).open(1)
    text = "what should I watch?"
    reply = streamed(talk, text)[1] if is_stream else talk.say(text)
    assert reply.grounding.ok
    assert (reply.writer, len(reply.recommended)) == ("llm", 3)
    assert "is too small" in reply.reason
    assert "1 of 3 items" in reply.reason
    assert "Also: “" in reply.text


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Try {1}. And", "Try {1}."),
        ("Try {1}", ""),
        ("Gladly. {said} More?", "Gladly."),
        (" {said} More?", " {said}"),
        ("看看 {1}。再", "看看 {1}。"),
        ("Really?! Yes.", "Really?!"),
        ("", ""),
    ],
)
def test_a_sentence_is_cut_where_it_ends(text: str, first: str) -> None:
    assert first_sentence(text) == first

from __future__ import annotations

import json
import math
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from llm_layer import Concierge
from llm_layer.llm import (
    LLM,
    EmbeddedLLM,
    LLMBusyError,
    LLMRefusedError,
    LLMTimeoutError,
    Message,
    OpenAICompatible,
    ask,
)
from llm_layer.llm.embedded import _request
from llm_layer.stopping import TurnStoppedError, stopping_by
from llm_layer.wording.prompts import Task, fill, grammar, prompt
from recsys.errors import (
    DownloadError,
    InputNotFoundError,
    InvalidInputError,
    MissingExtraError,
    ModelFormatError,
)
from recsys.recommender import Recommender

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("xllamacpp")

LONG = 600.0  # seconds: for tests in which no time is meant to run out, on a busy machine
ASK = [Message("user", "Tell me a long story about a dog.")]
TASK = Task("en", "comedies", (("comedy", "romance"), ("action",), ("children's",)))


def test_it_keeps_the_protocol(embedded: EmbeddedLLM) -> None:
    assert isinstance(embedded, LLM)
    assert embedded.constrained
    assert embedded.languages == frozenset({"en"})


def test_it_answers_and_counts(embedded: EmbeddedLLM) -> None:
    found = embedded.complete(ASK, max_tokens=8, temperature=0.0)
    assert found.text
    assert found.finish_reason == "length"
    assert found.completion_tokens == 8
    assert found.prompt_tokens > 8


@pytest.mark.parametrize("seed", range(3))
def test_a_grammar_binds_it(embedded: EmbeddedLLM, seed: int) -> None:
    found = embedded.complete(
        prompt(TASK),
        grammar=grammar(TASK),
        temperature=1.5,
        seed=seed,
        max_tokens=120,
        timeout=LONG,
    )
    filled, fault = fill(found.text, TASK, {"1": "“A”", "2": "“B”", "3": "“C”", "why": "so"})
    assert fault == ""
    assert filled.endswith("?")


def test_a_schema_binds_it(embedded: EmbeddedLLM) -> None:
    label = {"enum": ["A", "B", "C"]}
    order = {"type": "array", "items": label, "minItems": 4, "maxItems": 4}
    schema = {"type": "object", "properties": {"order": order}, "required": ["order"]}
    found = ask(embedded, ASK, schema=schema, temperature=1.5, max_tokens=80, timeout=LONG)
    answer = json.loads(found.text)
    assert set(answer) == {"order"}
    assert len(answer["order"]) == 4
    assert set(answer["order"]) <= {"A", "B", "C"}


def test_it_tells_the_first_token_s_alternatives(embedded: EmbeddedLLM) -> None:
    found = ask(embedded, [Message("user", "Say yes or no.")], top=5, max_tokens=1)
    assert len(found.first) == 5
    assert found.first[0][0].strip() == found.text
    chances = [math.exp(logarithm) for _, logarithm in found.first]
    assert chances == sorted(chances, reverse=True)
    assert 0 < sum(chances) <= 1 + 1e-6
    assert embedded.complete(ASK, max_tokens=1).first == ()


def test_the_same_seed_gives_the_same_words(embedded: EmbeddedLLM) -> None:
    # The first time the prompt is read, then it is cached: sums in another order round otherwise.
    texts = [
        embedded.complete(prompt(TASK), grammar=grammar(TASK), seed=4, timeout=LONG).text
        for _ in range(3)
    ]
    assert texts[1] == texts[2]


def test_a_deadline_is_kept_and_the_model_lives_on(embedded: EmbeddedLLM) -> None:
    with pytest.raises(LLMTimeoutError):
        embedded.complete(ASK, max_tokens=400, timeout=0.05)
    assert embedded.complete(ASK, max_tokens=4).text


def test_a_stopped_turn_lets_go_of_the_model(embedded: EmbeddedLLM) -> None:
    stop = threading.Event()
    stop.set()
    with stopping_by(stop), pytest.raises(TurnStoppedError):
        embedded.complete(ASK, max_tokens=400)
    assert embedded.complete(ASK, max_tokens=4).text


def test_a_stopped_turn_does_not_wait_for_others(embedded: EmbeddedLLM) -> None:
    stop = threading.Event()
    stop.set()
    words = embedded.stream(ASK, max_tokens=400)
    assert next(words)  # another one is at work
    with stopping_by(stop), pytest.raises(TurnStoppedError):
        embedded.complete(ASK)
    with pytest.raises(LLMBusyError, match="busy with 1 other request"):
        embedded.complete(ASK, timeout=0.05)
    words.close()


@pytest.mark.parametrize("error", [TurnStoppedError, LLMTimeoutError])
def test_a_long_prompt_is_not_read_to_its_end_for_nobody(
    embedded: EmbeddedLLM, error: type[Exception]
) -> None:
    """Reading it takes ten seconds, in which there is no word after which to stop."""
    looks = []

    def gone() -> bool:
        looks.append(1)
        return error is TurnStoppedError and len(looks) > 2

    request = _request([Message("user", "word " * 1500)], 4, 0.0, 0, None, None, 0)
    heard = threading.Event()
    timeout = 0.05 if error is LLMTimeoutError else 600.0
    with pytest.raises(error):
        embedded._ask(request, timeout, gone, lambda piece: heard.set())
    assert not heard.is_set()
    assert len(looks) < 20  # of 24 parts
    assert embedded.complete(ASK, max_tokens=4).text


def test_slots_do_not_mix_their_callers_up() -> None:
    """Each answer is bound by its own grammar, whoever else is at work in the same batch."""
    several = EmbeddedLLM(parallel=3, context=512, patience=LONG)

    def ask(words: str) -> str:
        grammar = f'root ::= "{words}"'
        return several.complete(
            [Message("user", "Go on.")], grammar=grammar, temperature=1.5, timeout=LONG
        ).text

    asked = ["one dog", "two red cats", "a bird", "nobody at all", "fish"]  # more than slots
    with ThreadPoolExecutor(len(asked)) as pool:
        assert list(pool.map(ask, asked)) == asked


def test_threads_take_turns(embedded: EmbeddedLLM) -> None:
    texts: list[str] = []

    def ask() -> None:
        texts.append(embedded.complete(ASK, max_tokens=6, temperature=0.0, timeout=LONG).text)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 4
    assert len(set(texts)) == 1


def test_too_long_a_prompt_is_refused(embedded: EmbeddedLLM) -> None:
    with pytest.raises(LLMRefusedError, match="context"):
        embedded.complete([Message("user", "word " * 5000)])


def test_a_broken_grammar_is_refused(embedded: EmbeddedLLM) -> None:
    with pytest.raises(LLMRefusedError, match="grammar"):
        embedded.complete(ASK, grammar='root ::= "a')


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="language model"):
        EmbeddedLLM(tmp_path / "absent.gguf")
    text = tmp_path / "text.gguf"
    text.write_text("not a model")
    with pytest.raises(ModelFormatError, match="not a GGUF file"):
        EmbeddedLLM(text).load()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(ModelFormatError, match="cannot load"):
        EmbeddedLLM(cut).load()


def test_bad_parameters() -> None:
    with pytest.raises(InvalidInputError, match="threads"):
        EmbeddedLLM(threads=0)
    with pytest.raises(InvalidInputError, match="context"):
        EmbeddedLLM(context=10)
    with pytest.raises(InvalidInputError, match="parallel"):
        EmbeddedLLM(parallel=0)
    with pytest.raises(InvalidInputError, match="patience"):
        EmbeddedLLM(patience=0.0)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("xllamacpp", "openai"):
        monkeypatch.setitem(sys.modules, name, None)
    for make in (EmbeddedLLM, lambda: OpenAICompatible("http://x/v1", "m")):
        with pytest.raises(MissingExtraError, match=r'pip install "alsatian\[llm\]"'):
            make()


def test_a_model_that_cannot_be_had_is_not_looked_for_twice(
    monkeypatch: pytest.MonkeyPatch, rec: Recommender
) -> None:
    tries = []

    def absent() -> Path:
        tries.append(1)
        raise DownloadError("no network here")

    monkeypatch.setattr("llm_layer.llm.embedded._default_model", absent)
    talk = Concierge(rec, "embedded").open(1)
    for _ in range(2):
        reply = talk.say("a comedy")
        assert reply.writer == "template"
        assert "no network here" in reply.reason
    assert len(tries) == 1

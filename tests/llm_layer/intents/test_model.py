"""The model of intents: prediction as scikit-learn has it, its file, and hostile input."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from llm_layer.intents import IntentModel, shipped_model
from llm_layer.intents.messages import digest, read_messages, shipped_files
from llm_layer.intents.train import CATALOGUE
from llm_layer.intents.training import Example, classifier, fit, matrix
from recsys.errors import InputNotFoundError, InvalidInputError, ModelFormatError

WRITTEN = [
    ("hello there", "greet"), ("hi, good morning", "greet"), ("你好啊", "greet"),
    ("bye, see you", "bye"), ("good bye then", "bye"), ("再见啦", "bye"),
    ("another one please", "more"), ("show me another", "more"), ("再来一部", "more"),
]  # fmt: skip


def examples() -> list[Example]:
    signs = {"greet": ("quiet",), "bye": ("quiet", "in_talk"), "more": ("in_talk",)}
    return [Example(text, signs[act], act) for text, act in WRITTEN]  # type: ignore[index,arg-type]


def test_probabilities_are_those_of_scikit_learn(tmp_path: Path) -> None:
    model = fit(examples())
    model.save(tmp_path / "weights.safetensors")
    stored = IntentModel.load(tmp_path / "weights.safetensors")
    table, _ = matrix(examples())
    fitted = classifier().fit(table, [example.act for example in examples()])
    for row, example in enumerate(examples()):
        expected = fitted.predict_proba(table[row])[0]
        for mine in (model, stored):
            verdict = mine.verdict(example.shape, example.signs)
            assert list(verdict.probabilities) == list(fitted.classes_)
            found = np.array(list(verdict.probabilities.values()))
            np.testing.assert_allclose(found, expected, atol=1e-3)
            assert verdict.act == fitted.classes_[expected.argmax()]
            assert verdict.probability == max(verdict.probabilities.values())


def test_two_acts_are_fitted_as_well() -> None:
    two = [example for example in examples() if example.act != "more"]
    table, _ = matrix(two)
    fitted = classifier().fit(table, [example.act for example in two])
    found = [fit(two).verdict(each.shape, each.signs).probabilities["greet"] for each in two]
    np.testing.assert_allclose(found, fitted.predict_proba(table)[:, 1], atol=1e-3)
    with pytest.raises(InvalidInputError, match="1 acts, expected two at least"):
        fit(two[:3])


def test_shipped_weights_are_of_the_shipped_messages() -> None:
    assert shipped_model().examples == digest([*shipped_files(), CATALOGUE]), (
        "the messages changed: run python -m llm_layer.intents.train"
    )


@pytest.mark.parametrize(
    "text", ["", "\x00\x1b[31m\u202e", "a" * 100_000, "好" * 100_000, "1 " * 9]
)
def test_hostile_text_has_a_verdict(text: str) -> None:
    verdict = shipped_model().verdict(text, ["in_talk"])
    assert 0 < verdict.probability <= 1
    assert sum(verdict.probabilities.values()) == pytest.approx(1)
    assert verdict == shipped_model().verdict(text, ["in_talk"])


def test_absent_and_damaged_weights_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    with pytest.raises(InputNotFoundError, match=r"weights\.safetensors do not exist; fit them"):
        IntentModel.load(file)
    fit(examples()).save(file)
    whole = file.read_bytes()
    for damaged in (b"", whole[:40], whole[:-7], b"junk" * 100):
        file.write_bytes(damaged)
        with pytest.raises(ModelFormatError, match="damaged"):
            IntentModel.load(file)
    for old, new in ((b"alsatian-intents", b"alsatian-someone"), (b"greet", b"gree!")):
        file.write_bytes(whole.replace(old, new))
        with pytest.raises(ModelFormatError, match=r"fit it anew") as caught:
            IntentModel.load(file)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "_unseen", "_fresh"])
def test_no_request_that_is_scored_is_learned_from(name: str) -> None:
    def alike(text: str) -> str:
        return re.sub(r"\W+", "", text.lower())

    learned = {alike(message.text) for message in read_messages(shipped_files())}
    scored = Path(__file__).parents[1] / "data" / f"understanding{name}.jsonl"
    requests = [json.loads(line) for line in scored.read_text("utf-8").splitlines()]
    assert len(learned) > 5000
    assert [each["text"] for each in requests if alike(each["text"]) in learned] == []

"""A cross-encoder of a few thousand random weights, made here and read from its files."""

from __future__ import annotations

import os
import string
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reranking_doubles import among

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.profile import UserProfile
from llm_layer.rerank import Wish
from llm_layer.reranking import CrossEncoderReranker, Documents
from recsys.errors import (
    DownloadError,
    InputNotFoundError,
    InvalidInputError,
    MissingExtraError,
    ModelFormatError,
)

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("sentence_transformers")

WISH, NOBODY = Wish(words="something dark"), UserProfile()


def save(folder: Path, kind: str = "BertForSequenceClassification", labels: int = 1) -> Path:
    import torch
    import transformers

    folder.mkdir()
    letters = string.ascii_lowercase + string.digits
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *";:,()."]
    tokens += [f"##{letter}" for letter in letters]
    places = {token: place for place, token in enumerate(tokens)}
    transformers.BertTokenizerFast(vocab=places).save_pretrained(folder)
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=len(tokens),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        initializer_range=0.7,
        num_labels=labels,
    )
    getattr(transformers, kind)(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "tiny")


def expected(model: Path, wanted: str, texts: list[str]) -> np.ndarray[Any, Any]:
    """The same by transformers alone, pair by pair."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(model).eval()
    found = []
    for text in texts:
        pair = tokenizer(wanted, text, return_tensors="pt", truncation=True, max_length=256)
        with torch.no_grad():
            found.append(torch.sigmoid(network(**pair).logits[0, 0]).item())
    return np.array(found)


def test_it_orders_by_the_model_s_scores(facts: ItemFacts, model: Path) -> None:
    reranker = CrossEncoderReranker(facts, model, depth=6, batch_size=4)
    ranked = reranker.rerank(among(range(8)), WISH, NOBODY)
    documents = Documents(facts)
    scores = expected(model, documents.wish(WISH, NOBODY), documents.texts(range(6)))
    assert np.unique(scores.round(4)).size == 6  # a model that says the same of all shows nothing
    assert ranked.rows.tolist() == [*np.argsort(-scores), 6, 7]
    np.testing.assert_allclose(ranked.parts["cross_encoder"][:6], np.sort(scores)[::-1], atol=1e-4)
    assert np.isnan(ranked.parts["cross_encoder"][6:]).all()
    assert ranked.reason == ""
    assert ranked.usage.milliseconds > 0


def test_without_a_wish_the_order_stays(facts: ItemFacts, model: Path) -> None:
    ranked = CrossEncoderReranker(facts, model).rerank(among([4, 2]), Wish(), NOBODY)
    assert ranked.rows.tolist() == [4, 2]
    assert "nothing is known" in ranked.reason


def test_time_is_kept(facts: ItemFacts, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reranker = CrossEncoderReranker(facts, model, batch_size=2, seconds=1e-9)
    ranked = reranker.rerank(among(range(6)), WISH, NOBODY)
    assert ranked.rows.tolist() == list(range(6))
    assert ranked.reason == "budget: 1e-09 s are over; 0 of 6 candidates are judged"


def test_what_is_no_number_is_not_judged(
    facts: ItemFacts, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reranker = CrossEncoderReranker(facts, model)
    encoder = reranker._encoder()
    monkeypatch.setattr(encoder, "predict", lambda *_, **__: np.array([0.1, np.nan, 0.3]))
    ranked = reranker.rerank(among([1, 2, 3]), WISH, NOBODY)
    assert ranked.rows.tolist() == [3, 1, 2]
    assert ranked.reason.startswith("malformed")


def test_no_candidates_are_an_error(facts: ItemFacts, model: Path) -> None:
    with pytest.raises(InvalidInputError, match="no candidates"):
        CrossEncoderReranker(facts, model).rerank(among([]), WISH, NOBODY)


def test_a_model_without_a_trained_head_is_refused(facts: ItemFacts, tmp_path: Path) -> None:
    candidates = among([1, 2])
    encoder = save(tmp_path / "encoder", "BertModel")
    with pytest.raises(ModelFormatError, match="is BertModel with 1 labels, expected"):
        CrossEncoderReranker(facts, encoder).rerank(candidates, WISH, NOBODY)
    three = save(tmp_path / "three", labels=3)
    with pytest.raises(ModelFormatError, match="with 3 labels, expected"):
        CrossEncoderReranker(facts, three).rerank(candidates, WISH, NOBODY)


def test_a_folder_that_is_no_model(facts: ItemFacts, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    reranker = CrossEncoderReranker(facts, tmp_path)
    for _ in range(2):
        with pytest.raises(ModelFormatError, match="cannot be loaded") as raised:
            reranker.rerank(among([1, 2]), WISH, NOBODY)
        assert "\n" not in str(raised.value)
    for absent in (tmp_path / "absent", "./absent"):
        with pytest.raises(InputNotFoundError, match="no folder"):
            CrossEncoderReranker(facts, absent)


def test_a_hub_that_is_not_there(facts: ItemFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    import sentence_transformers

    def absent(*_: Any, **__: Any) -> Any:
        raise OSError("We couldn't connect\nto the hub")

    monkeypatch.setattr(sentence_transformers, "CrossEncoder", absent)
    with pytest.raises(DownloadError, match="couldn't connect to the hub"):
        CrossEncoderReranker(facts, "nobody/nothing").rerank(among([1]), WISH, NOBODY)


def test_parameters_out_of_range(
    facts: ItemFacts, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in ({"depth": 0}, {"batch_size": 0}, {"seconds": 0}, {"max_length": 3}):
        with pytest.raises(InvalidInputError, match="expected at least"):
            CrossEncoderReranker(facts, model, **wrong)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match="alsatian"):
        CrossEncoderReranker(facts, model)

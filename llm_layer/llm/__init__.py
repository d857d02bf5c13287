"""Language models behind one small protocol: embedded (llama.cpp) or any OpenAI-compatible host."""

from __future__ import annotations

from llm_layer.llm.base import (
    LLM,
    Ability,
    Completion,
    LLMBusyError,
    LLMContextError,
    LLMError,
    LLMMalformedError,
    LLMRefusedError,
    LLMTimeoutError,
    Message,
    ask,
    can,
    pieces,
)
from llm_layer.llm.embedded import EmbeddedLLM
from llm_layer.llm.openai_compatible import OpenAICompatible

__all__ = [
    "LLM",
    "Ability",
    "Completion",
    "EmbeddedLLM",
    "LLMBusyError",
    "LLMContextError",
    "LLMError",
    "LLMMalformedError",
    "LLMRefusedError",
    "LLMTimeoutError",
    "Message",
    "OpenAICompatible",
    "ask",
    "can",
    "pieces",
]

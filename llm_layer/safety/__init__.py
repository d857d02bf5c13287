"""Safety: what an assistant of a domain must not do, as configuration."""

from __future__ import annotations

from llm_layer.safety.ages import stated_age
from llm_layer.safety.config import packaged_domains, read_domain
from llm_layer.safety.guard import Guard
from llm_layer.safety.policies import AgeLimit, Hide, Phrases, Policy, Referral, Verdict

__all__ = [
    "AgeLimit",
    "Guard",
    "Hide",
    "Phrases",
    "Policy",
    "Referral",
    "Verdict",
    "packaged_domains",
    "read_domain",
    "stated_age",
]

"""Rules that narrow what may be recommended: allow these, deny those, only where this holds.

A rule is a value, not code: it is resolved to rows once for a request or a job, and applied inside
the search, so that asking for ten items under a rule gives ten where ten exist.
"""

from __future__ import annotations

from recsys.rules.files import read_rules
from recsys.rules.kinds import (
    Allow,
    AllowFor,
    Boost,
    Deny,
    DenyFor,
    Diversify,
    MinimumScore,
    NotShown,
    Quota,
    Rule,
    Where,
)
from recsys.rules.prepared import Prepared
from recsys.rules.preparing import prepare, resolve
from recsys.rules.reasons import REASONS

__all__ = [
    "REASONS",
    "Allow",
    "AllowFor",
    "Boost",
    "Deny",
    "DenyFor",
    "Diversify",
    "MinimumScore",
    "NotShown",
    "Prepared",
    "Quota",
    "Rule",
    "Where",
    "prepare",
    "read_rules",
    "resolve",
]

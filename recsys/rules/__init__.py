"""Rules that narrow what may be recommended: allow these, deny those, only where this holds.

A rule is a value, not code: it is resolved to item rows once for a request and applied inside the
search, so that asking for ten items under a rule gives ten where ten exist.
"""

from __future__ import annotations

from recsys.rules.kinds import Allow, Deny, Rule, Where
from recsys.rules.prepared import Prepared, prepare, resolve

__all__ = ["Allow", "Deny", "Prepared", "Rule", "Where", "prepare", "resolve"]

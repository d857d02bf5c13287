"""Why a list is short: the first of these after which fewer items were left than were wanted."""

from __future__ import annotations

#: What the user has seen exhausts the catalogue.
NOTHING_LEFT = "nothing_left"
#: Allow, Deny, Where, AllowFor and DenyFor leave no more.
RULES = "rules"
#: The rest was shown too recently.
NOT_SHOWN = "not_shown"
#: The rest scores less than the minimum.
MINIMUM_SCORE = "minimum_score"
#: Quotas are used up.
QUOTA = "quota"

#: All codes, in the order in which they are asked.
REASONS = (NOTHING_LEFT, RULES, NOT_SHOWN, MINIMUM_SCORE, QUOTA)
#: Stands for a full list where reasons are held as places in `REASONS`.
FULL = -1

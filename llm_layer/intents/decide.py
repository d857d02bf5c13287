"""Which act a message is: what rules say where they are sure, else what the model finds likeliest.

`OUTWEIGHS` and the thresholds of ``forget`` and ``out_of_scope`` were chosen by cross-validation
over the training messages, one author's messages held out from another's; the others keep the model
from what the slots of a message speak against. Deleting what is known of somebody cannot be undone,
so the model alone has to be nearly certain of it; more mildly it has to be sure of what drops every
wish, shows what is known of somebody, or leaves the talk about items.
"""

from __future__ import annotations

from llm_layer.intents.model import Verdict
from llm_layer.intents.observe import Observation
from llm_layer.understanding.request import Act

# Rules that go by a phrase for the act; the others take what is left.
SURE = frozenset({"talk", "items", "list", "small"})
# So likely another act has to be to outweigh such a phrase.
OUTWEIGHS = 0.6
# So likely these have to be where no rule says so, and any other act.
LEAST: dict[Act, float] = {"forget": 0.8, "reset": 0.6, "profile": 0.5, "out_of_scope": 0.4}
LEAST_OTHERS = 0.25
# Nor is what asks for a kind of item small talk, unless that is as likely.
SMALL_TALK: frozenset[Act] = frozenset({"greet", "thanks", "bye"})
ASKED_FOR = frozenset({"genres", "limits", "people", "values", "denied"})
LEAST_SMALL_TALK = 0.9
# What says what is wanted, or not, is no question about the weather.
NEVER = 2.0
# Nor is anything liked where the only items named are not, nor disliked where they are.
LEAST_UNNAMED = 0.9
# Somebody who so likely wants to be forgotten, but not surely, is shown what is known of them.
LIKELY_FORGET = 0.5


def decided(seen: Observation, verdict: Verdict) -> Act:
    """The act of a message.

    Parameters
    ----------
    seen : Observation
        What rules say of it.
    verdict : Verdict
        What the model says of it.
    """
    if seen.ruled == "forget":
        return "forget"
    if LIKELY_FORGET <= verdict.probabilities.get("forget", 0.0) < LEAST["forget"]:
        return "profile"
    least = dict(LEAST)
    if not ASKED_FOR.isdisjoint(seen.signs):
        least |= dict.fromkeys(SMALL_TALK, LEAST_SMALL_TALK)
        least["out_of_scope"] = NEVER
    if "examples" in seen.signs and not {"counter", "refused"} & set(seen.signs):
        least["not_like"] = LEAST_UNNAMED
    if "counter" in seen.signs and not {"examples", "places", "seen"} & set(seen.signs):
        least["more_like"] = LEAST_UNNAMED
    if "open" in seen.signs:  # "I don't care"
        least |= dict.fromkeys((*SMALL_TALK, "reject"), LEAST_SMALL_TALK)
    if {"asking", "in scope"} <= set(seen.signs) and not seen.signs_of_items:
        least["ask"] = least["out_of_scope"] = LEAST_UNNAMED  # "what can I watch?"
    likely = [
        act
        for act, probability in verdict.probabilities.items()
        if act == seen.ruled or probability >= least.get(act, LEAST_OTHERS)
    ]
    act = max(likely, key=verdict.probabilities.__getitem__, default=seen.ruled)
    is_sure = seen.by in SURE and seen.ruled in verdict.probabilities
    if is_sure and verdict.probabilities[act] < OUTWEIGHS:
        return seen.ruled
    return act

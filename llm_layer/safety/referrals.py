"""Referrals: which of a domain's fixed answers a message meets, by its phrases or its examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llm_layer.safety.likeness import likeness_of
from llm_layer.safety.policies import Policy, Referral
from llm_layer.text import normalize, words


class Referrals:
    """Finds the referral that answers a message.

    The first one answers that has a phrase in the message. Where none has, the one answers whose
    examples the message resembles; an urgent one that stands earlier answers even where another
    has a phrase. The phrases of a referral with examples do not count where the other words of a
    message speak against every policy, unless it is urgent. A counterexample meets none at all.

    Parameters
    ----------
    policies : sequence of Policy
        Policies in the order in which they are looked at; others than referrals are passed over.
    counterexamples : sequence of str
        Messages that come near to the examples and meet none.

    Examples
    --------
    >>> refund = Referral("refund", ("refund",), (), "Ask the shop.", "请咨询门店。")
    >>> met = Referrals([refund]).find("my refund, please")
    >>> met.name if met else ""
    'refund'
    """

    def __init__(self, policies: Sequence[Policy], counterexamples: Sequence[str] = ()) -> None:
        self._listed = [each for each in policies if isinstance(each, Referral)]
        self._never = frozenset(map(normalize, counterexamples))
        learned = tuple((str(at), each.examples) for at, each in self._numbered() if each.examples)
        urgent = frozenset(str(at) for at, each in self._numbered() if each.urgent)
        self._likeness = likeness_of(learned, tuple(counterexamples), urgent) if learned else None

    def __len__(self) -> int:
        return len(self._listed)

    def find(self, message: str) -> Referral | None:
        """The referral that answers a message; None where none does."""
        forms = [word.form for word in words(message)] if self._listed else []
        if not forms or " ".join(forms) in self._never:
            return None
        liked, is_ordinary = -1, False
        if self._likeness is not None:
            name, is_ordinary = self._likeness.verdict(message)
            liked = int(name) if name else -1
        for at, each in self._numbered():
            if at == liked and each.urgent:
                return each
            counts = each.urgent or not each.examples or not is_ordinary
            if counts and each.phrases.among(forms):
                return each
        return self._listed[liked] if liked >= 0 else None

    def _numbered(self) -> Iterable[tuple[int, Referral]]:
        return enumerate(self._listed)

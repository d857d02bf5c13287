"""The packaged domains: every message is answered by the policy that a careful operator wants."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import pytest

from llm_layer.safety import AgeLimit, Hide, Referral, packaged_domains, read_domain

FOLDER = Path(__file__).resolve().parents[1] / "data"
MESSAGES = tomllib.loads((FOLDER / "policies.toml").read_text("utf-8"))
CASES = [(domain, policy) for domain, policies in MESSAGES.items() for policy in policies]


@cache
def referrals_of(domain: str) -> list[Referral]:
    return [each for each in read_domain(domain).policies if isinstance(each, Referral)]


def test_there_are_messages_for_every_referral() -> None:
    assert set(MESSAGES) == set(packaged_domains())
    for domain, policies in MESSAGES.items():
        assert set(policies) == {each.name for each in referrals_of(domain)} | {""}
        assert len(policies[""]) >= 15


@pytest.mark.parametrize(("domain", "policy"), CASES)
def test_the_right_policy_answers(domain: str, policy: str) -> None:
    for message in MESSAGES[domain][policy]:
        asked = [each.name for each in referrals_of(domain) if each.asked(message)]
        assert (asked or [""])[0] == policy, message


@pytest.mark.parametrize("name", packaged_domains())
def test_texts_are_fit_to_be_said(name: str) -> None:
    domain = read_domain(name)
    assert domain.name == name
    names = [each.name for each in domain.policies]
    assert len(set(names)) == len(names)
    for policy in domain.policies:
        if isinstance(policy, Hide):
            continue
        for language, end in (("en", "."), ("zh", "。")):
            text = policy.text("zh" if language == "zh" else "en")
            assert text.endswith(end)
            assert len(text) < 400
        assert isinstance(policy, Referral | AgeLimit)
    assert referrals_of(name)[0].name == "crisis"  # what is most urgent comes first

"""Examples of a policy: others like them are recognized, and ordinary messages are not."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from llm_layer.intents.features import features
from llm_layer.safety import Referral, packaged_domains, read_domain
from llm_layer.safety.likeness import Likeness
from llm_layer.safety.referrals import Referrals
from recsys.errors import InputNotFoundError, InvalidInputError

FRESH = Path(__file__).resolve().parents[1] / "data" / "policies_fresh.toml"
REFUND = [
    "I want my money back", "how do I return these shoes", "can I send it back to you",
    "please refund my order", "return the jacket and get the money", "money back for the shirt",
    "退款怎么办理", "我要退货退款",
]  # fmt: skip
FIRE = [
    "the charger is burning", "smoke comes out of the lamp", "it burns and smokes",
    "the heater caught fire", "着火了", "充电器冒烟了",
]  # fmt: skip
ORDINARY = [
    "red shoes please", "a lamp for the garden", "something cheaper", "show me jackets",
    "a heater for the bathroom", "a shirt in blue", "chargers", "推荐一双鞋", "便宜的灯",
    "smoke detectors", "a fire pit for the garden", "a money box",
]  # fmt: skip
CONFIG = """
name = "corner shop"
words = "shop"
counterexamples = ["a smoke detector"]
examples_from = ["more.toml"]

[[policy]]
kind = "referral"
name = "fire"
urgent = true
asks_en = ["burning"]
asks_zh = ["着火"]
text_en = "Unplug it."
text_zh = "请拔掉插头。"
examples = ["it burns"]
"""


@pytest.fixture(scope="module")
def likeness() -> Likeness:
    return Likeness({"refund": REFUND, "fire": FIRE}, ORDINARY, ["fire"])


@pytest.mark.parametrize(
    ("message", "policy"),
    [
        ("I would like to get the money back for my jacket", "refund"),
        ("怎么退货", "refund"),
        ("there is smoke coming out of my charger", "fire"),
        ("a red jacket", ""),
        ("便宜的鞋", ""),
        ("zzz qqq", ""),
        ("", ""),
        ("🔥", ""),
    ],
)
def test_what_is_like_examples(likeness: Likeness, message: str, policy: str) -> None:
    assert likeness.policy(message) == policy


def test_a_long_message_is_read_at_both_ends(likeness: Likeness) -> None:
    assert likeness.policy("I want my money back. " + "la " * 30_000) == likeness.policy(
        "I want my money back. " + "la " * 20_000
    )


def test_the_same_examples_give_the_same_scores(likeness: Likeness) -> None:
    again = Likeness({"refund": REFUND, "fire": FIRE}, ORDINARY, ["fire"])
    for message in (*REFUND, *ORDINARY, "smoke and money"):
        np.testing.assert_array_equal(again.margins(message), likeness.margins(message))


def test_scores_are_those_of_least_squares() -> None:
    lists = [ORDINARY, REFUND, FIRE]
    likeness = Likeness({"refund": REFUND, "fire": FIRE}, ORDINARY)
    margins = np.array([likeness.margins(each) for listed in lists for each in listed])
    wanted = np.repeat(np.eye(3), [len(listed) for listed in lists], axis=0)
    centred = wanted - wanted.mean(axis=0)
    # Kernel ridge regression: K (K + penalty)^-1 Y, K the products of the messages' vectors.
    vectors = _vectors([each for listed in lists for each in listed])
    kernel = vectors @ vectors.T
    scores = kernel @ np.linalg.solve(kernel + 0.3 * np.eye(len(kernel)), centred)
    scores += wanted.mean(axis=0)
    np.testing.assert_allclose(margins, scores[:, 1:] - scores[:, :1], atol=2e-3)


def _vectors(messages: list[str]) -> np.ndarray:
    found = [set(features(each)[0].tolist()) for each in messages]
    names = sorted(set.union(*found))
    has = np.array([[name in each for name in names] for each in found], float)
    weighed = has * (1 + np.log((len(messages) + 1) / (has.sum(axis=0) + 1)))
    return weighed / np.linalg.norm(weighed, axis=1, keepdims=True)


def _referral(name: str, phrase: str, examples: list[str], urgent: bool = False) -> Referral:
    return Referral(name, (phrase,), (), "Ask.", "请问。", examples=tuple(examples), urgent=urgent)


def _met(referrals: Referrals, message: str) -> str:
    met = referrals.find(message)
    return met.name if met else ""


def test_phrases_and_examples_together() -> None:
    refund = _referral("refund", "refund*", REFUND)
    fire = _referral("fire", "burning", FIRE, urgent=True)
    greeting = _referral("hours", "opening hours", [])
    referrals = Referrals([fire, refund, greeting], ORDINARY)
    assert _met(referrals, "opening hours?") == "hours"
    assert _met(referrals, "refunds") == "refund"
    assert _met(referrals, "my lamp has caught fire, refund it") == "fire"  # urgent, and earlier
    assert _met(Referrals([refund, fire]), "my lamp has caught fire, refund it") == "refund"
    assert _met(referrals, "a fire pit for the garden") == ""
    assert _met(Referrals([]), "refund") == ""


def test_a_phrase_yields_where_all_other_words_speak_against_it() -> None:
    said = "something funny for tonight"
    assert _met(Referrals([_referral("refund", "tonight", [])], ORDINARY), said) == "refund"
    assert _met(Referrals([_referral("refund", "tonight", REFUND)], ORDINARY), said) == ""
    urgent = _referral("refund", "tonight", REFUND, urgent=True)
    assert _met(Referrals([urgent], ORDINARY), said) == "refund"


def test_a_counterexample_meets_no_policy() -> None:
    near = "A film about a refund?"
    for urgent in (False, True):
        policy = _referral("refund", "refund", REFUND, urgent)
        assert _met(Referrals([policy], ORDINARY), near) == "refund"
        assert _met(Referrals([policy], [*ORDINARY, "a film about a refund"]), near) == ""


def test_examples_in_files(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(CONFIG, encoding="utf-8")
    more = 'fire = ["smoke comes out of it", "冒烟了"]\ncounterexamples = ["a fire pit"]'
    (tmp_path / "more.toml").write_text(more, encoding="utf-8")
    domain = read_domain(tmp_path / "shop.toml")
    assert domain.policies[0].examples == ("it burns", "smoke comes out of it", "冒烟了")
    assert domain.policies[0].urgent
    assert domain.counterexamples == ("a smoke detector", "a fire pit")


@pytest.mark.parametrize(
    ("config", "more", "message"),
    [
        (CONFIG, "fire = 3", "more.toml: fire: "),
        (CONFIG, "fire = ", "more.toml is no TOML"),
        (CONFIG, 'flood = ["wet"]', r"has messages for 'flood', expected a referral .*\(fire\)"),
        (CONFIG.replace("more.toml", "crises"), "", "'crises', expected content, crisis, .*toml"),
        (CONFIG.replace("urgent = true", "urgent = 1"), "", "urgent is 1, expected true or false"),
        (CONFIG.replace('["it burns"]', '"it burns"'), "", "examples is .*a list of texts"),
        (CONFIG.replace('["a smoke detector"]', "[1]"), "", "counterexamples.0: "),
    ],
)
def test_examples_that_cannot_be_read(tmp_path: Path, config: str, more: str, message: str) -> None:
    (tmp_path / "shop.toml").write_text(config, encoding="utf-8")
    (tmp_path / "more.toml").write_text(more, encoding="utf-8")
    with pytest.raises(InvalidInputError, match=message):
        read_domain(tmp_path / "shop.toml")


def test_examples_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(CONFIG, encoding="utf-8")
    with pytest.raises(InputNotFoundError, match=r"more\.toml"):
        read_domain(tmp_path / "shop.toml")


def test_nothing_is_learned_from_the_messages_that_hold_out() -> None:
    fresh = tomllib.loads(FRESH.read_text("utf-8"))
    kept = {message for table in fresh.values() for listed in table.values() for message in listed}
    for name in packaged_domains():
        domain = read_domain(name)
        learned = [*domain.counterexamples]
        for policy in domain.policies:
            if isinstance(policy, Referral):
                assert len(set(policy.examples)) >= 200
                learned += policy.examples
        assert not kept & set(learned)
        assert len(set(learned)) == len(learned)  # no message stands for two policies


def test_who_is_urgent() -> None:
    urgent = {
        policy.name
        for name in packaged_domains()
        for policy in read_domain(name).policies
        if isinstance(policy, Referral) and policy.urgent
    }
    assert urgent == {"crisis", "emergency", "violence", "harm", "accident"}

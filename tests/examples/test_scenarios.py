"""The four scenarios: their talks come out as expected, and an expectation that fails is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from examples.scenarios import __main__ as scenarios
from examples.scenarios.business import BUSINESSES, Business
from examples.scenarios.talks import Listener, Talk, Talks, Turn, read_talks
from llm_layer import Concierge
from llm_layer.safety import Referral
from recsys.errors import InvalidInputError


@pytest.mark.parametrize("name", BUSINESSES)
def test_every_talk_comes_out_as_expected(name: str) -> None:
    result = scenarios.figures(scenarios.run(name, None))
    assert result["failures"] == []
    assert result["turns"] >= 40


@pytest.mark.parametrize("business", BUSINESSES.values(), ids=list(BUSINESSES))
def test_talks_cover_the_policies(business: Business) -> None:
    talks = read_talks(business.folder / "talks.toml").talks
    for language, least in (("en", 6), ("zh", 4)):
        spoken = [talk for talk in talks if talk.language == language]
        assert len(spoken) >= least
        assert all(3 <= len(talk.turns) <= 6 for talk in spoken)
    expected = {turn.policy for talk in talks for turn in talk.turns} - {""}
    policies = business.domain().policies
    assert expected <= {policy.name for policy in policies}
    referrals = {policy.name for policy in policies if isinstance(policy, Referral)}
    assert referrals <= expected


@pytest.mark.parametrize("business", BUSINESSES.values(), ids=list(BUSINESSES))
def test_policies_find_what_they_are_asked_in_both_languages(business: Business) -> None:
    """Each phrase of a referral leads to it, or to one that stands before it."""
    referrals = [each for each in business.domain().policies if isinstance(each, Referral)]
    for at, referral in enumerate(referrals):
        assert referral.asks_en
        assert referral.asks_zh
        for phrase in (*referral.asks_en, *referral.asks_zh):
            answering = next(each for each in referrals if each.asked(phrase.rstrip("*")))
            assert referrals.index(answering) <= at, phrase


@pytest.mark.parametrize("business", BUSINESSES.values(), ids=list(BUSINESSES))
def test_plain_wishes_are_not_referred(business: Business) -> None:
    referrals = [each for each in business.domain().policies if isinstance(each, Referral)]
    plain = (
        "Hello",
        "something for my sister, please",
        "show me more like the second one",
        "why did you choose the first one?",
        "something shorter, nothing too difficult",
        "forget what you know about me",
        "I do not like any of these",
        "for beginners, and not too expensive",
        "thank you, goodbye",
        "推荐一下",
        "换一批",
        "有没有短一点的",
        "为什么推荐第一个？",
        "我喜欢第二个",
        "谢谢，再见",
    )
    for message in plain:
        assert not [each.name for each in referrals if each.asked(message)], message


@pytest.fixture(scope="module")
def shop() -> Callable[[Turn], list[str]]:
    """Failures of a single turn in the shop, held with a visitor."""
    concierge = Concierge(BUSINESSES["service"].fit(users=60), None)

    def failures(*turns: Turn, talks: Talks | None = None) -> list[str]:
        listener = Listener(concierge, talks or Talks(()))
        held = list(listener.hold(Talk("one", "en", turns)))
        return [failure.expected for failure in held[-1].failures]

    return failures


LIST = Turn("something for the kitchen")


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (replace(LIST, least=9), "at least 9 items"),
        (replace(LIST, most=0), "at most 0 items"),
        (replace(LIST, every=("price > 1000",)), "every item has price > 1000"),
        (replace(LIST, some=("brand = 'none'",)), "some item has brand = 'none'"),
        (replace(LIST, text=("no such|words",)), "says 'no such|words'"),
        (replace(LIST, without=("KITCHEN",)), "does not say 'KITCHEN'"),
        (replace(LIST, policy="refund"), "answers by the policy 'refund'"),
        (replace(LIST, names=("S53",)), "names Pellham Fountain Pen"),
        (replace(LIST, accepts=1), "number 1 is taken"),
        (replace(LIST, lower=("price",)), "price below that of the list before"),
        (Turn("推荐一个"), "in en"),
    ],
)
def test_an_expectation_that_is_not_met_is_told(
    shop: Callable[..., list[str]], turn: Turn, expected: str
) -> None:
    assert shop(turn) == [expected]


def test_what_always_and_never_holds_is_told(shop: Callable[..., list[str]]) -> None:
    talks = Talks((), ("stock > 1000",), {"en": ("kitchen",)})
    assert shop(LIST, talks=talks) == [
        "none of the words that are never said",
        "every item has stock > 1000",
    ]
    assert shop(LIST) == []


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "talks.toml"
    path.write_text('[[talk]]\nname = "a"\nlanguage = "en"\n[[talk.turn]]\nsays = "b"\n')
    with pytest.raises(InvalidInputError, match=r"talks.toml, talk 'a': 'says' is not known"):
        read_talks(path)


@pytest.mark.parametrize("business", BUSINESSES.values(), ids=list(BUSINESSES))
def test_catalogues_hold_what_such_a_business_has(business: Business) -> None:
    items = business.items()
    assert isinstance(items, pa.Table)
    assert 40 <= items.num_rows <= 60
    assert len(set(items["title"].to_pylist())) == items.num_rows
    assert any("ignore" in str(row).lower() for row in items.to_pylist())


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    code = scenarios.main(["service", "--tiny", "--show", "--json", str(path)])
    figures = json.loads(path.read_text("utf-8"))["scenarios"]["service"]
    assert code == bool(figures["failures"])
    assert figures["talks"] == 4
    printed = capsys.readouterr().out
    assert "> Hello" in printed
    assert f"{figures['met']} of {figures['expectations']}" in printed


def test_the_command_names_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["bakery"], "there is no scenario 'bakery'"),
        (["--llm", "gpt"], "--llm is 'gpt'"),
    ):
        with pytest.raises(SystemExit):
            scenarios.main(arguments)
        assert message in capsys.readouterr().err

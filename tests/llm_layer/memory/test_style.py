from __future__ import annotations

import pytest

from llm_layer import Concierge
from llm_layer.memory import Store
from llm_layer.memory.style import Style, StyleCounts


def learned(*texts: str, names: int = 0) -> Style:
    counts = StyleCounts()
    for text in texts:
        counts = counts.heard(text, names=names)
    return counts.style()


FORMAL = (
    "Good evening. Could you please recommend a drama that is not too long for tonight?",
    "Thank you. Would you kindly tell me who directed it?",
)
CASUAL = ("hey gimme sth fun lol", "nah, another 😀", "cool thx 😀")


def test_nothing_is_known_before_a_message() -> None:
    assert StyleCounts().style() == Style()


def test_manner() -> None:
    assert learned(*FORMAL).formality > 0.4
    assert learned(*CASUAL).formality < -0.4
    assert learned("您好，麻烦推荐一部电影，谢谢您").formality > 0.4
    assert learned("来点搞笑的哈哈").formality < -0.2
    assert learned("a comedy").formality == 0
    assert -1 <= learned(*CASUAL * 20).formality < learned(CASUAL[0]).formality < 0


def test_one_message_moves_little() -> None:
    assert abs(learned(FORMAL[0]).formality) < abs(learned(*FORMAL * 5).formality)
    assert learned("a comedy").length == "medium"
    assert learned(*["a comedy"] * 4).length == "short"
    assert learned(*["words " * 40] * 2).length == "long"


def test_emoji_and_language_follow_them() -> None:
    assert learned("nice 😀").emoji
    assert not learned("nice").emoji
    assert not learned("nice 😀", *["a comedy"] * 5).emoji
    assert learned("推荐一部喜剧", "再来一部").language == "zh"
    assert learned("推荐一部喜剧", "a comedy", "another one").language == "en"


def test_expertise_is_words_of_the_field_and_names() -> None:
    laymen = learned("a funny film", "something with dogs")
    experts = learned("a neo-noir with long takes", "mise-en-scène over montage", names=1)
    assert laymen.expertise == 0
    assert 0.6 < experts.expertise <= 1
    assert learned("喜欢长镜头和作者电影").expertise > 0.3
    # A year to the year is a credit, a decade is not.
    assert learned("the one shot by Deakins in 2007").expertise > learned("from 2007").expertise > 0
    assert learned("something from the 1970s", "1980's", "90年代的", "room 20071").expertise == 0


def test_old_messages_fade() -> None:
    counts = StyleCounts()
    for _ in range(300):
        counts = counts.heard("hey lol")
    assert counts.messages == pytest.approx(20, abs=0.1)
    for _ in range(60):
        counts = counts.heard(FORMAL[0])
    assert counts.style().formality > 0.5


@pytest.mark.parametrize("text", ["", "   ", "😀" * 500, "!" * 2000, "\u202ex", "您" * 2000])
def test_odd_messages(text: str) -> None:
    style = learned(text)
    assert -1 <= style.formality <= 1
    assert 0 <= style.expertise <= 1


def test_it_is_kept_as_numbers_and_comes_back(concierge: Concierge, store: Store) -> None:
    talk = concierge.open(1)
    for text in CASUAL:
        talk.say(text)
    counts = store.style(1)
    assert counts is not None
    assert all(isinstance(value, float) for value in counts.values())
    visitor = concierge.open(1).visitor
    style = concierge.full_profile(visitor).style
    assert style.formality < -0.4
    assert style.emoji
    store.set_consent(1, remember_profile=False)
    assert store.style(1) is None
    assert concierge.full_profile(visitor).style == Style()

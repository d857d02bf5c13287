"""Policies: what is refused, referred, hidden; and configuration that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from llm_layer import Concierge
from llm_layer.safety import Phrases, read_domain, stated_age
from recsys.als import AlternatingLeastSquares
from recsys.errors import InputNotFoundError, InvalidInputError
from recsys.interactions import Interactions
from recsys.recommender import Recommender

CONFIG = """
name = "family"
words = "films"

[[policy]]
kind = "referral"
name = "diagnosis"
asks_en = ["diagnos*", "what do i have"]
asks_zh = ["诊断", "什么病"]
text_en = "I cannot diagnose anything, so please ask a doctor on 116117."
text_zh = "我不能诊断，请咨询医生。"

[[policy]]
kind = "referral"
name = "sad"
asks_en = ["i feel sad"]
asks_zh = ["难过"]
text_en = "A friend may help more than I can."
text_zh = "也可以和朋友聊一聊。"
then = "offer"

[[policy]]
kind = "age"
column = "from_age"
text_en = "That one is not for your age."
text_zh = "这一部不适合你的年龄。"

[[policy]]
kind = "hide"
name = "recalled"
where = "recalled = true"
"""
TITLES = ["Bright Morning", "Dark Cellar", "Sea Dog", "Red Lantern", "Old Mill", "Blue Kite"] * 5


@pytest.fixture(scope="module")
def shelf() -> Recommender:
    n = len(TITLES)
    items = pa.table(
        {
            "item_id": list(range(n)),
            "title": [f"{title} {at // 6 + 1}" for at, title in enumerate(TITLES)],
            "genres": [["Horror"] if at % 6 == 1 else ["Comedy"] for at in range(n)],
            "from_age": pa.array(
                [16 if at % 6 == 1 else None if at == 2 else 6 for at in range(n)]
            ),
            "recalled": [at % 6 == 3 for at in range(n)],
        }
    )
    dice = np.random.default_rng(1)
    seen = dice.random((60, n)) < 0.25
    users, columns = np.nonzero(seen)
    matrix = sp.csr_matrix((np.ones(len(users), np.float32), (users, columns)), seen.shape)
    events = Interactions.from_csr(matrix, user_ids=list(range(60)), item_ids=list(range(n)))
    model = AlternatingLeastSquares(factors=8, iterations=3, random_state=1)
    return Recommender.fit(events, items=items, model=model)


@pytest.fixture(scope="module")
def concierge(shelf: Recommender, tmp_path_factory: pytest.TempPathFactory) -> Concierge:
    path = tmp_path_factory.mktemp("domain") / "family.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return Concierge(shelf, None, domain=read_domain(path))


def _from_age(concierge: Concierge, items: tuple[int, ...]) -> list[int | None]:
    assert concierge.rec.catalogue is not None
    column = concierge.rec.catalogue.column("from_age")
    return [column[item].as_py() for item in items]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            "Can you DIAGNOSE my cough?",
            "I cannot diagnose anything, so please ask a doctor on 116117.",
        ),
        ("so, what do I have?", "I cannot diagnose anything, so please ask a doctor on 116117."),
        ("我得了什么病？", "我不能诊断，请咨询医生。"),
    ],
)
def test_a_referral_stops(concierge: Concierge, said: str, text: str) -> None:
    reply = concierge.open(1).say(said)
    assert reply.text == text
    assert reply.items == ()
    assert reply.grounding.ok
    assert [claim.kind for claim in reply.grounding.claims if claim.kind == "policy"] == ["policy"]


def test_a_referral_goes_on(concierge: Concierge) -> None:
    reply = concierge.open(1).say("i feel sad, a comedy please")
    assert reply.text.startswith("A friend may help more than I can.")
    assert len(reply.recommended) == 3
    assert reply.grounding.ok


def test_a_referral_offers_only_what_is_asked_for(concierge: Concierge) -> None:
    words = "A friend may help more than I can."
    talk = concierge.open(1)
    assert talk.say("a comedy please").recommended
    assert talk.say("i feel sad").text == words
    # Sixteen comedies are there; nothing else is offered in their place.
    for _ in range(8):
        talk.say("three more comedies")
    assert talk.say("i feel sad, a comedy please").text == words


def test_what_is_hidden_is_never_shown(concierge: Concierge) -> None:
    recalled = {item for item in range(len(TITLES)) if item % 6 == 3}
    for user in range(20):
        talk = concierge.open(user)
        for said in ("something funny", "more", "others", "what do you know about me?", "why?"):
            reply = talk.say(said)
            assert not recalled & {item.id for item in reply.items}
            assert "Red Lantern" not in reply.text
    reply = concierge.open(1).say("tell me about “Red Lantern 2”")
    assert "Red Lantern" not in reply.text
    assert reply.items == ()


@pytest.mark.parametrize("said", ["I'm 12, something scary", "给我12岁的孩子推荐恐怖片"])
def test_who_is_too_young_sees_nothing_of_it(concierge: Concierge, said: str) -> None:
    talk = concierge.open(3)
    for message in (said, "more please", "何か", "another horror"):
        reply = talk.say(message)
        assert all(age is not None and age <= 12 for age in _from_age(concierge, reply.recommended))
        assert "Dark Cellar" not in reply.text
    assert concierge.open(3).say("a horror film").recommended


def test_an_item_for_others_is_not_spoken_of(concierge: Concierge) -> None:
    talk = concierge.open(3, age=9)
    reply = talk.say("tell me about “Dark Cellar 2”")
    assert reply.text == "That one is not for your age."
    reply = talk.say("more like “Dark Cellar 2”")
    assert reply.text.startswith("That one is not for your age.")
    assert "Dark Cellar" not in reply.text
    # What they say later cannot make them older than they were said to be.
    assert "Dark Cellar" not in talk.say("I am 40. Tell me about “Dark Cellar 2”").text
    assert "Dark Cellar 2" in concierge.open(3).say("tell me about “Dark Cellar 2”").text


def test_an_age_survives_a_restart(concierge: Concierge) -> None:
    talk = concierge.open(3)
    talk.say("I'm 12, something scary")
    again = type(talk.state).from_dict(talk.state.to_dict(concierge.facts), concierge.facts)
    assert again.age == 12


@pytest.mark.parametrize(
    ("message", "age"),
    [
        ("i'm 12, what can I watch?", 12),
        ("for my 8-year-old", 8),
        ("my son is seven", 7),
        ("she is turning twelve", 12),
        ("我十二岁", 12),
        ("我今年二十五岁", 25),
        ("something for the kids", 6),
        ("for my 9 year old and my 4 year old", 4),
        ("from 1995", None),
        ("a 10 year old film", None),
        ("I am 100% sure", None),
        ("I am 20 minutes away", None),
    ],
)
def test_ages_that_are_stated(message: str, age: int | None) -> None:
    assert stated_age(message) == age


def test_phrases_are_words() -> None:
    phrases = Phrases(["dose", "how much should i tak*", "剂量"])
    assert phrases.find("What DOSE is right?")
    assert phrases.find("how much should I take of it")
    assert phrases.find("剂量是多少")
    assert not phrases.find("I dosed off")
    assert not phrases.find("how much should it take")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "is no TOML"),
        ("words = 'films'", "name: Field required"),
        ("name = 'x'\ncolour = 1", "colour: Extra inputs"),
        ("name = 'x'\nwords = 'cars'", "words is 'cars', expected one of films"),
        ("name = 'x'\n[vocabulary]\nnoon = 'x'", "vocabulary.noon is unknown"),
        ("name = 'x'\n[vocabulary]\nnoun = ['x']", "vocabulary.noun is .*expected a text"),
        (
            "name = 'x'\n[[policy]]\nkind = 'ban'",
            "policy 1: kind is 'ban', expected one of referral",
        ),
        ("name = 'x'\n[[policy]]\nkind = 'age'\ncolumn = 'a'", "policy 1: .*missing .*text_en"),
        ("name = 'x'\n[[policy]]\nkind = 'hide'\nwhere = 'a'\nwhen = 'b'", "when is unknown"),
        ("name = 'x'\n[[policy]]\nkind = 'hide'\nwhere = 3", "where is 3, expected a text"),
        (CONFIG.replace('then = "offer"', 'then = "go"'), "then is 'go', expected stop or offer"),
        (CONFIG.replace('["i feel sad"]', '"i feel sad"'), "asks_en is .*expected a list of texts"),
        (CONFIG.replace('["i feel sad"]', '["!!"]'), "no letter and no digit"),
        (CONFIG.replace("A friend", "A “friend”"), "without quotation marks"),
    ],
)
def test_configuration_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "domain.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError, match=message) as refused:
        read_domain(path)
    assert "domain.toml" in str(refused.value) or "phrase" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_configuration_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError):
        read_domain(tmp_path / "none.toml")
    with pytest.raises(InvalidInputError, match=r"domain is 'hospital', expected .*films"):
        read_domain("hospital")
    (tmp_path / "raw.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        read_domain(tmp_path / "raw.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"from_age"', '"age_from"', "no column 'age_from'"),
        ('"from_age"', '"title"', "column 'title' is of type string"),
        ("recalled = true", "recoiled = true", "recoiled"),
    ],
)
def test_policies_that_do_not_fit_the_catalogue(
    shelf: Recommender, tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "domain.toml"
    path.write_text(CONFIG.replace(old, new), encoding="utf-8")
    with pytest.raises(InvalidInputError, match=message):
        Concierge(shelf, None, domain=read_domain(path))

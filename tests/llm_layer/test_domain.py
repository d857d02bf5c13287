"""Every domain speaks in its own words, and its replies pass the check of its own domain."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from conversation_doubles import ScriptedLLM

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking.claims import Known, Named
from llm_layer.concierge import Concierge
from llm_layer.domain import DOMAINS, FILMS, SHOP, Domain
from llm_layer.grounding import GroundingChecker
from llm_layer.wording import prompts
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender

FILM_WORDS = re.compile(
    r"\b(?:watch|film|movie|tonight|evening|direct)\w*|影|片|导演|今晚|想看什么|看过"
)
SAID = (
    "hello", "what do you recommend?", "why the first one?", "who made the first one?",
    "something else", "nothing too long", "what do you know about me?", "the ninth one", "bye",
    "你好", "推荐一个", "为什么？", "换一个", "你知道我什么？", "谢谢", "再见",
)  # fmt: skip


@pytest.fixture(scope="module")
def shop() -> Recommender:
    """Forty customers and a dozen products."""
    names = [
        "Silk Shampoo", "Oak Table", "Rose Soap", "Tin Kettle", "Iron Pan", "Garden Hose",
        "Mint Balm", "Clay Pot", "Fern Spray", "Wool Brush", "Steel Knife", "Bean Seeds",
    ]  # fmt: skip
    kinds = ["Hair Care", "Furniture", "Hair Care", "Kitchen", "Kitchen", "Garden"] * 2
    seen = np.random.default_rng(1).random((40, 12)) < 0.35
    seen[np.arange(40), np.arange(40) % 12] = True
    users, items = np.nonzero(seen)
    matrix = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), seen.shape)
    events = Interactions.from_csr(
        matrix, user_ids=list(range(1, 41)), item_ids=[f"p{at}" for at in range(12)]
    )
    table = pa.table(
        {"item_id": [f"p{at}" for at in range(12)], "title": names, "genres": [[k] for k in kinds]}
    )
    model = AlternatingLeastSquares(factors=4, iterations=4, random_state=3, num_threads=1)
    return Recommender.fit(events, items=table, model=model)


@pytest.mark.parametrize("name", sorted(set(DOMAINS) - {"films"}))
def test_no_reply_of_another_domain_speaks_of_films(shop: Recommender, name: str) -> None:
    concierge = Concierge(shop, None, domain=DOMAINS[name])
    for user in (1, 7):
        talk = concierge.open(user)
        for text in SAID:
            reply = talk.say(text)
            assert reply.grounding.ok, (text, reply.text, reply.grounding.violations)
            assert not FILM_WORDS.search(reply.text), (text, reply.text)
            assert "shortened" not in reply.reason, (text, reply.reason)


def test_nothing_older_is_offered_where_nothing_has_a_year(shop: Recommender) -> None:
    llm = ScriptedLLM(["Try {1}, {why}. Take {2}, and {3} is good."], constrained=True)
    for writer in (None, llm):
        talk = Concierge(shop, writer, domain=SHOP).open(1)
        for text in ("what do you recommend?", "more", "more", "推荐一个", "再来", "再来"):
            assert not re.search(r"older|newer|更早", talk.say(text).text)
    assert not re.search(r"older|newer|darker", llm.grammars[0] or "older")


def test_the_prompt_and_the_grammar_speak_of_the_domain(shop: Recommender) -> None:
    llm = ScriptedLLM(["Try {1}, {why}. Take {2}, and {3} is good."], constrained=True)
    reply = Concierge(shop, llm, domain=SHOP).open(1).say("what do you recommend?")
    assert reply.writer == "llm"
    assert "you bought “" in reply.text
    said = "\n".join([message.content for message in llm.asked[0]] + [llm.grammars[0] or ""])
    assert "shop assistant" in said
    assert not FILM_WORDS.search(said), FILM_WORDS.search(said)


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=list(DOMAINS))
def test_every_phrase_of_a_grammar_is_plain_in_its_domain(
    shop: Recommender, domain: Domain
) -> None:
    facts = ItemFacts(shop)
    checker = GroundingChecker(facts, GenreWords(facts.genre_names), domain)
    genres = ("kitchen", "garden", "furniture")
    task = prompts.Task("en", "a wish", (genres, (), genres), domain=domain)
    second = prompts.Task("en", "a wish", (("garden",), genres, ("hair care",)), domain=domain)
    text = prompts.grammar(task) + prompts.grammar(second)
    phrases = {part for part in text.split('"')[1::2] if "{" not in part}
    assert len(phrases) > 60
    for phrase in phrases:
        plain = phrase
        for one, other in itertools.permutations((*genres, "hair care"), 2):
            plain = plain.replace(f"{one} and {other}", "")
        if plain.strip() in (*genres, "hair care") or not plain.strip(" ,.?"):
            continue
        asks = plain.startswith(("something", "more ", "another", "best", "right", "good to"))
        sentence = f"So {plain.strip()} so{'?' if asks else '.'}".replace("So I", "I")
        if plain[0].isupper():
            sentence = plain.strip() + (" so?" if plain.endswith(" ") else " so.")
        assert checker.check(sentence, [], Known()).violations == (), phrase


def test_words_of_films_are_not_plain_elsewhere(shop: Recommender) -> None:
    facts = ItemFacts(shop)
    words = GenreWords(facts.genre_names)
    items = [Named("p0", "Silk Shampoo", "recommended")]
    text = "You could watch “Silk Shampoo”."
    assert GroundingChecker(facts, words, FILMS).check(text, items, Known()).ok
    assert not GroundingChecker(facts, words, SHOP).check(text, items, Known()).ok
    bought = "You bought “Silk Shampoo”."
    asked = [Named("p0", "Silk Shampoo", "shown")]
    shown = frozenset({0})
    checker = GroundingChecker(facts, words, SHOP)
    assert checker.check(bought, asked, Known(history=shown, shown=shown)).ok
    assert not checker.check(bought, asked, Known(shown=shown)).ok

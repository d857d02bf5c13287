"""The check over a table with prices, lengths, levels and links: true passes, false fails."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking.claims import Known, Named
from llm_layer.concierge import Concierge
from llm_layer.domain import COURSES
from llm_layer.grounding import GroundingChecker
from llm_layer.memory.style import Style
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender

# id, title, year, subject, price, minutes, chapters, level, country, link
COURSES_TABLE = [
    (1, "Plain Python", 2019, ["Programming"], 12.5, 90, 12, "beginner", "Italy", "https://example.com/p"),
    (2, "Deep Rust", 2022, ["Programming"], 40.0, 240, 20, "expert", "France", "https://example.com/r"),
    (3, "First Statistics", 2015, ["Statistics"], 25.0, 120, 8, "beginner", "Spain", None),
    (4, "Colour and Form", 2020, ["Design"], 19.99, 60, 5, "easy", "Italy", None),
    (5, "Maps", 2011, ["Design"], None, None, 7, None, None, None),
]  # fmt: skip


@pytest.fixture(scope="module")
def courses() -> Recommender:
    columns = list(zip(*COURSES_TABLE, strict=True))
    names = ["item_id", "title", "year", "genres", "price", "runtime", "chapters", "level",
             "country", "url"]  # fmt: skip
    seen = np.random.default_rng(4).random((20, 5)) < 0.4
    seen[np.arange(20), np.arange(20) % 5] = True
    users, items = np.nonzero(seen)
    matrix = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), seen.shape)
    events = Interactions.from_csr(matrix, user_ids=list(range(1, 21)), item_ids=[1, 2, 3, 4, 5])
    model = AlternatingLeastSquares(factors=3, iterations=3, random_state=3, num_threads=1)
    table = pa.table(dict(zip(names, map(list, columns), strict=True)))
    return Recommender.fit(events, items=table, model=model)


@pytest.fixture(scope="module")
def checker(courses: Recommender) -> GroundingChecker:
    facts = ItemFacts(courses)
    return GroundingChecker(facts, GenreWords(facts.genre_names), COURSES)


def named(*ids: int, role: str = "recommended") -> list[Named]:
    titles = {course[0]: str(course[1]) for course in COURSES_TABLE}
    return [Named(item, titles[item], role) for item in ids]


ASKED = Known(
    said=("a beginner course from Italy for 12.50, no more than 90 minutes, 20 chapters",)
)

TRUE = [
    "“Plain Python” costs 12.50.",
    "“Plain Python” (2019) costs 12.5, and “Deep Rust” costs 40.",
    "The price of “Deep Rust” is 40.00.",
    "“Plain Python” runs 90 minutes.",
    "“Plain Python” runs 1.5 hours.",
    "“Deep Rust” takes 4 hours.",
    "“Plain Python” takes 1 hour 30 minutes.",
    "“Plain Python” has 12 chapters, and “Deep Rust” has 20 chapters.",
    "“Plain Python” is for the beginner level.",
    "The level of “Plain Python” is beginner.",
    "“Plain Python” comes from Italy, and “Deep Rust” from France.",
    "With price at most 20:\n1. “Plain Python”.",
    "“Plain Python” costs under 20.",
    "“Deep Rust” is newer than “Plain Python”.",
    "“Plain Python” is cheaper than “Deep Rust” and shorter than “Deep Rust”.",
    "“Plain Python” is less expensive than “Deep Rust”.",
    "“Plain Python” and “Deep Rust” are two good courses.",
    "Have a look at https://example.com/p for “Plain Python”.",
]


@pytest.mark.parametrize("text", TRUE)
def test_true_claims_pass(checker: GroundingChecker, text: str) -> None:
    items = named(*(each[0] for each in COURSES_TABLE if str(each[1]) in text))
    assert checker.check(text, items, ASKED).violations == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("“Plain Python” costs 12.", "attribute"),
        ("“Plain Python” costs 12.49.", "attribute"),
        ("“Deep Rust” costs 12.50.", "attribute"),  # what was asked for is no fact
        ("“Plain Python” costs 40, and “Deep Rust” costs 12.50.", "attribute"),
        ("“Plain Python” costs $12.50.", "sign"),  # in which currency is not in the catalogue
        ("“Plain Python” costs 12.50 dollars.", "words"),
        ("The price of “Deep Rust” is 20.", "attribute"),
        ("The price of “Maps” is 7.", "attribute"),
        ("“Plain Python” runs 91 minutes.", "attribute"),
        ("“Plain Python” runs 90 hours.", "attribute"),
        ("“Deep Rust” runs 90 minutes.", "attribute"),
        ("“Plain Python” takes 1 hour 20 minutes.", "attribute"),
        ("“Plain Python” has 20 chapters.", "attribute"),
        ("“Plain Python” has 90 chapters.", "attribute"),
        ("“Plain Python” does not have 12 chapters.", "attribute"),
        ("“Deep Rust” is for the beginner level.", "attribute"),
        ("“Deep Rust” is easy.", "attribute"),  # a level of the catalogue, and a plain word
        ("The level of “Plain Python” is Italy.", "attribute"),
        ("“Deep Rust” comes from Italy.", "attribute"),
        ("“Plain Python” comes from Portugal.", "words"),
        ("With price at most 20:\n1. “Plain Python”.\n2. “Deep Rust”.", "attribute"),
        ("“Deep Rust” costs under 20.", "attribute"),
        ("“Plain Python” is newer than “Deep Rust”.", "comparison"),
        ("“Plain Python” is much cheaper than “Deep Rust”.", "comparison"),
        ("“Plain Python” is not cheaper than “Deep Rust”.", "comparison"),
        ("“Deep Rust” is cheaper than “Plain Python”.", "comparison"),
        ("“Deep Rust” is shorter than “Plain Python”.", "comparison"),
        ("“Plain Python” is cheaper than “Maps”.", "comparison"),  # of unknown price
        ("“Plain Python” and “Deep Rust” are three good courses.", "count"),
        ("Here are five courses: “Plain Python” and “Deep Rust”.", "count"),
        ("Have a look at https://example.com/r for “Plain Python”.", "link"),
        ("Have a look at https://example.org for “Plain Python”.", "link"),
        ("Write to me@example.com about “Plain Python”.", "link"),
        ("Call +49 30 1234567 about “Plain Python”.", "link"),
        ("See example.com/p2 for “Plain Python”.", "link"),
    ],
)  # fmt: skip
def test_false_claims_fail(checker: GroundingChecker, text: str, kind: str) -> None:
    items = named(*(each[0] for each in COURSES_TABLE if str(each[1]) in text))
    found = checker.check(text, items, ASKED).violations
    assert kind in {claim.kind for claim in found}, found


LIST = "1. “Plain Python”.\n2. “Deep Rust”.\n3. “First Statistics”.\n"


@pytest.mark.parametrize(
    ("sentence", "holds"),
    [
        ("“First Statistics” is the oldest of these.", True),
        ("“Deep Rust” is the newest of the three.", True),
        ("The cheapest of these is “Plain Python”.", True),
        ("“Plain Python” is the shortest here.", True),
        ("“Deep Rust” is the oldest of these.", False),
        ("“Plain Python” is the most expensive of these.", False),
        ("“Deep Rust” is one of the oldest.", False),
        ("“First Statistics” is the second cheapest.", False),
        ("“First Statistics” is the oldest of these, and “Plain Python” is the oldest.", False),
        ("“First Statistics” is older than the others.", True),
        ("“Plain Python” is older than the others.", False),
        ("All three are good.", True),
        ("All four are good.", False),
    ],
)
def test_superlatives_hold_within_the_list(
    checker: GroundingChecker, sentence: str, holds: bool
) -> None:
    assert checker.check(LIST + sentence, named(1, 2, 3), Known()).ok is holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("《Plain Python》的价格是12.5。", True),
        ("《Plain Python》的价格是13。", False),
        ("《Plain Python》的时长是90分钟。", True),
        ("《Plain Python》的时长是80分钟。", False),
        ("《Plain Python》有12章。", True),
        ("《Plain Python》有20章。", False),
        ("《Plain Python》比《Deep Rust》更便宜。", True),
        ("《Deep Rust》比《Plain Python》更便宜。", False),
        ("《Plain Python》比《Deep Rust》更早。", True),
        ("《Deep Rust》是最新的。", True),
        ("《Plain Python》是最新的。", False),
        ("推荐两门课程：《Plain Python》和《Deep Rust》。", True),
        ("推荐三门课程：《Plain Python》和《Deep Rust》。", False),
        ("《Plain Python》在 https://example.com/x 可以学。", False),
    ],
)
def test_chinese_claims_are_looked_up_as_well(
    checker: GroundingChecker, text: str, holds: bool
) -> None:
    found = checker.check(text, named(1, 2), Known(), "zh")
    assert found.ok is holds, found.violations


def test_a_bare_comparative_compares_with_the_last_list(checker: GroundingChecker) -> None:
    known = Known(said=("hello", "something older"), lists=((0,),))  # Plain Python, of 2019
    assert checker.check("“First Statistics” is older.", named(3), known).ok
    assert not checker.check("“Deep Rust” is older.", named(2), known).ok
    assert checker.check("Would you like something older?", [], Known()).ok
    heading = "For something older, I would pick:\n1. “{}”."
    assert checker.check(heading.format("First Statistics"), named(3), known).ok
    assert not checker.check(heading.format("Deep Rust"), named(2), known).ok


SAYS = "You told me that you like design."


def test_what_the_visitor_stated_is_in_the_profile(checker: GroundingChecker) -> None:
    design = SimpleNamespace(kind="genre", value="Design", strength=0.8)
    fact = SimpleNamespace(kind="fact", value="I have two weeks", strength=1.0)
    assert checker.check(SAYS, [], Known(stated=(design,))).ok
    assert not checker.check(SAYS, [], Known()).ok
    assert not checker.check(SAYS.replace("like", "dislike"), [], Known(stated=(design,))).ok
    assert not checker.check(SAYS.replace("design", "statistics"), [], Known(stated=(design,))).ok
    assert checker.check("You told me: I have two weeks.", [], Known(stated=(fact,))).ok
    assert not checker.check("You told me: I have six weeks.", [], Known(stated=(fact,))).ok


@pytest.mark.parametrize(
    "text",
    [
        "You are new here.",
        "You always take design.",
        "You never took “Maps”.",
        "You have not taken “Maps”.",
        "You took “Maps”.",
        "Your history has “Maps”.",
        "As you are often here, try “Maps”.",
        "Your usual course is “Maps”.",
        "你从来不学《Maps》。",
        "你学过《Maps》。",
        "您是新来的。",
    ],
)
def test_nothing_else_is_said_of_the_visitor(checker: GroundingChecker, text: str) -> None:
    language = "zh" if "《" in text or "您" in text else "en"
    assert not checker.check(text, named(5), Known(), language).ok


@pytest.mark.parametrize(
    "text",
    [
        "If you feel like design, you could take “Maps”.",
        "For your taste, “Maps” is a good choice, and it is there for you.",
        "“Maps” fits what you asked for.",
        "When you want something different, take “Maps”.",
    ],
)
def test_what_the_visitor_may_do_is_no_claim(checker: GroundingChecker, text: str) -> None:
    assert checker.check(text, named(5), Known()).violations == ()


@pytest.mark.parametrize(
    "text",
    [
        "T h e  M a t r i x is good.",
        "Try Plаin Pythоn.",  # Cyrillic letters
        "Would you like Plаin Pythоn?",
        "Would you like p l a i n p y t h o n?",
        "Would you like plainpython?",
        "Would you like maps?",
        "Would you like ‘maps’?",
        "Would you like *maps*?",
        "Try “Maps”\u200b.",
        "Try “Maps”\u202e.",
        "Try “Maps\u2066”.",
        "Try “Maps” \u3164.",
        "Try \x1b[31m“Maps”.",
        "Try <b>“Maps”</b>.",
        "Try [“Maps”](x).",
        "Try “Maps” and “.",
        "Try “Maps” にほん.",
        "Try “Maps” 🙂.",
    ],
)
def test_disguises_and_odd_signs_fail(checker: GroundingChecker, text: str) -> None:
    known = Known(said=("The Matrix, Plаin Pythоn, T h e p l a i n p y t h o n plainpython maps",))
    assert not checker.check(text, named(5), known).ok


def test_chinese_replies_have_no_other_script(checker: GroundingChecker) -> None:
    for odd in ("Матрица", "にほん", "한국", "abc", "ｆｉｌｍ"):
        assert not checker.check(f"看看《Maps》{odd}。", named(5), Known(), "zh").ok, odd
    assert checker.check("看看《Maps》。", named(5), Known(), "zh").ok


def test_emoji_are_for_those_who_use_them(checker: GroundingChecker) -> None:
    text = "Try “Maps” 🙂."
    assert checker.check(text, named(5), Known(style=Style(emoji=True))).ok
    assert not checker.check(text.replace("🙂", "<"), named(5), Known(style=Style(emoji=True))).ok


def test_each_verdict_says_where_it_was_looked_up(checker: GroundingChecker) -> None:
    said = ("hello", "I took Deep Rust")
    known = Known(named=frozenset({1}), said=said)
    text = "“Plain Python” costs 12.50, and you named “Deep Rust”."
    items = [*named(1), *named(2, role="asked")]
    found = {claim.kind: claim for claim in checker.check(text, items, known).claims}
    assert found["attribute"].source.column == "price"
    assert found["attribute"].source.items == (1,)
    assert found["naming"].source.message == 1
    assert str(found["attribute"].source) == "catalogue price of 1"


def test_questions_about_other_columns_are_answered(courses: Recommender) -> None:
    talk = Concierge(courses, None, domain=COURSES).open(1)
    for text, part in (
        ("tell me about “Plain Python”", "The price of “Plain Python” (2019) is 12.50."),
        ("介绍一下《Plain Python》", "《Plain Python》（2019）的价格是12.50。"),
    ):
        reply = talk.say(text)
        assert reply.grounding.ok
        assert part in reply.text, (reply.text, reply.reason)

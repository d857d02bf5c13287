"""The judge itself on trial: bad replies it has to catch, good ones it must let pass."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "llm_layer"))

from conversation_doubles import FILMS, HOSTILE, film_table

from benchmarks.judge import Judge, Turn, spoken

HEAT, MATRIX, TOYS, FARGO, LEBOWSKI, ALIEN, RUNNER, NOON, UNFORGIVEN, CASABLANCA = range(10, 20)
TITANIC, SABRINA95, SABRINA54, POSTINO, AIRPLANE, SHINING, SPLASH = range(20, 27)
PLOTS = {HEAT: "A thief plans one last robbery while a detective hunts his crew in Los Angeles."}


@pytest.fixture(scope="module")
def judge() -> Judge:
    plots = [PLOTS.get(film[0], "") for film in FILMS]
    return Judge(film_table().append_column("plot", pa.array(plots)))


@pytest.fixture(scope="module")
def priced() -> Judge:
    table = film_table()
    prices = pa.array([5.0 + row for row in range(table.num_rows)])
    runtimes = pa.array([80 + 5 * row for row in range(table.num_rows)])
    return Judge(table.append_column("price", prices).append_column("runtime", runtimes))


def turn(text: str, named: str = "", also: str = "", **more: Any) -> Turn:
    """A reply; `named` is recommended, `also` only spoken of, as numbers with spaces."""
    recommended = tuple(map(int, named.split()))
    return Turn(
        text=text,
        items=recommended + tuple(map(int, also.split())),
        recommended=recommended,
        **more,
    )


ZH: dict[str, Any] = {"language": "zh"}
PAST: dict[str, Any] = {"history": frozenset({HEAT, CASABLANCA, TOYS, FARGO})}
ASKED: dict[str, Any] = {"said": ("a comedy please",)}
SHOWN: dict[str, Any] = {"shown": ((HEAT, FARGO, TITANIC),)}

GOOD = [
    turn("I would pick “Heat” (1995).", "10"),
    turn("1. “Heat” (1995), crime and thriller, directed by Michael Mann.", "10"),
    turn("For comedies, I would pick:\n1. “Fargo” (1996).\n2. “Airplane!” (1980).", "13 24"),
    turn("For films from the 1990s, take “Heat” (1995) or “Fargo” (1996).", "10 13"),
    turn("You could try The Matrix tonight.", "11"),
    turn("“The Big Lebowski” (1998) stars Jeff Bridges.", "", "14"),
    turn("“Alien” (1979) and “Blade Runner” (1982) were directed by Ridley Scott.", "", "15 16"),
    turn("I chose “Fargo” (1996) because you watched “Heat” (1995).", "13", "10",
         history=frozenset({HEAT})),
    turn("I chose “Fargo” (1996) because you watched “Heat” (1995), “Toy Story” (1995) and"
         " “Casablanca” (1942).", "13", "10 12 19", history=frozenset({HEAT, TOYS, CASABLANCA})),
    turn("“Fargo” (1996), because you asked for more like “Heat” (1995).", "13", "10",
         said=("something like heat",)),
    turn("“Fargo” (1996), because you asked for more like “Toy Story” (1995).", "13", "12",
         said=("more like toy storry",)),
    turn("1. “Blade Runner” (1982), sci-fi, because it shares the director Ridley Scott and sci-fi"
         " with “Alien” (1979).", "16", "15", said=("like alien",)),
    turn("1. 《Blade Runner》（1982），因为它和《Alien》（1979）的共同点是导演"
         " Ridley Scott、科幻。",
         "16", "15", said=("像 Alien 的",), **ZH),
    turn("You often watch comedies.", history=frozenset({TOYS, FARGO, LEBOWSKI})),
    turn("If you want a comedy, take “Airplane!” (1980). Which one sounds best?", "24"),
    turn("For a night of horror, there is “The Shining” (1980).", "25"),
    turn("“Sabrina” (1954) is older than “Sabrina” (1995).", "", "22 21"),
    turn("The oldest of them is “Casablanca” (1942), the other is “Heat” (1995).", "", "19 10"),
    turn("For older films, I would pick “Casablanca” (1942).", "19", **SHOWN),
    turn("Hello! What would you like to watch tonight?"),
    turn("You are welcome. Shall I look for something else?"),
    turn("I did not find that title in the catalogue."),
    turn("I did not find “The Purple Elephant” in the catalogue.",
         said=("do you have The Purple Elephant?",)),
    turn("The catalogue does not state running times, so I could not check those."),
    turn("I found nothing left that fits everything, so I set aside the years.\nFor westerns"
         " from 1930, I would pick:\n1. “High Noon” (1952).", "17", said=("a western from 1930",)),
    turn("I left out the 1990s. “Alien” (1979) is a good choice.", "15"),
    turn("I left out Tom Hanks. Take “Fargo” (1996).", "13"),
    turn("There is no fifth one in the list.", **SHOWN),
    turn("Would you like something older, or more like the first one?", **SHOWN),
    turn("Here are two films: “Heat” (1995) and “Fargo” (1996).", "10 13"),
    turn("You have watched 4 films so far.", **PAST),
    turn("“Fargo” (1996) is not a horror film.", "13"),
    turn("“Heat” (1995) is about a thief and a detective in Los Angeles.", "", "10"),
    turn("“Postino, Il (The Postman)” (1994) is a romance.", "", "23"),
    turn("For something with Harrison Ford, I would pick “Blade Runner” (1982).", "16"),
    turn("可以看看：\n1. 《Heat》（1995），惊悚、犯罪片，导演 Michael Mann。", "10", **ZH),
    turn("喜剧、九十年代的，可以看看：\n1. 《Fargo》（1996），喜剧、犯罪片。", "13", **ZH),
    turn("《Fargo》（1996），因为你看过《Heat》（1995）。", "13", "10", language="zh",
         history=frozenset({HEAT})),
    turn("你常看喜剧。记录里有《Toy Story》（1995）。", "", "12", language="zh",
         history=frozenset({TOYS, FARGO})),
    turn("《Alien》（1979）的主演是 Sigourney Weaver。", "", "15", **ZH),
    turn("目录里没有找到这个片名。", said=("盗梦空间的导演是谁",), **ZH),
    turn("更早的，可以看看：\n1. 《Casablanca》（1942）。\n要更早的吗？", "19", **ZH, **SHOWN),
    turn("没有列出九十年代的。可以看看《Alien》（1979）。", "15", **ZH),
    turn("推荐《Heat》（1995），因为它符合你的要求。", "10", **ZH),
    turn("《Sabrina》（1954）比《Sabrina》（1995）更早。", "", "22 21", **ZH),
    turn("好的，重新开始。想看什么？", **ZH),
    turn("不客气。要不要再看看别的？", **ZH),
]  # fmt: skip

BAD = [
    # Items
    ("title", turn("I would pick Fargo, the film with the snow.", "")),
    ("quoted", turn("I would pick “Fargo” (1996).", "")),
    ("quoted", turn("I would pick “The Purple Elephant” (1996).", "10")),
    ("quoted", turn("Take “Heat 2” (1995).", "10")),
    ("title", turn("You could try the matrix or so.", "")),
    ("title", turn("Try *Casablanca* tonight.", "")),
    ("title", turn("You might like Casablanca.", "")),
    ("title", turn("“Heat” (1995) is much like Blade Runner.", "10")),
    ("name", turn("“Heat” (1995) is much like Purple Elephant.", "10")),
    ("unnamed", turn("I suggest the purple elephant returns.", "")),
    ("items", turn("I would pick “Heat” (1995).", "10 13")),
    ("items", turn("I would pick “Heat” (1995).", "10", "99")),
    ("seen", turn("I would pick “Heat” (1995).", "10", **PAST)),
    ("seen", turn("I would pick “Heat” (1995).", "10", **SHOWN)),
    ("title", turn("Would you like Toy Story instead?", "")),
    ("quoted", turn("可以看看《泰坦尼克号》。", "", **ZH)),
    ("unnamed", turn("推荐肖申克的救赎。", "", **ZH)),
    # Years
    ("year", turn("I would pick “Heat” (1996).", "10")),
    ("year", turn("“Sabrina” (1996) is a comedy.", "", "21")),
    ("year", turn("“Heat” is from 1986.", "", "10")),
    ("year", turn("“Heat” (1995) is an eighties film.", "", "10")),
    ("year", turn("For films from the 1990s, take “Alien” (1979).", "15")),
    ("year", turn("For westerns after 1960, I would pick:\n1. “High Noon” (1952).", "17")),
    ("year", turn("I left out the 1990s. Take “Heat” (1995).", "10")),
    ("year", turn("《Heat》（1996）不错。", "10", **ZH)),
    ("year", turn("九十年代的，可以看看《Alien》（1979）。", "15", **ZH)),
    ("year", turn("“Nowhere Place” (1994) is here.", "", "29")),
    # Genres
    ("genre", turn("“Heat” (1995) is a comedy.", "10")),
    ("genre", turn("1. “Heat” (1995), comedy and crime, directed by Michael Mann.", "10")),
    ("genre", turn("For comedies, I would pick:\n1. “Heat” (1995).", "10")),
    ("genre", turn("If you want a romance, take “Alien” (1979).", "15")),
    ("genre", turn("“Alien” (1979) has a touch of western.", "15")),
    ("genre", turn("“Fargo” (1996) is not a comedy.", "13")),
    ("genre", turn("“Heat” (1995) is a biopic.", "10")),
    ("genre", turn("《Heat》（1995），喜剧片。", "10", **ZH)),
    ("genre", turn("恐怖片，可以看看：\n1. 《Heat》（1995）。", "10", **ZH)),
    # People
    ("person", turn("“Heat” (1995), directed by Ridley Scott.", "10")),
    ("person", turn("“Heat” (1995), directed by Al Pacino.", "10")),
    ("person", turn("“Heat” (1995) stars Michael Mann.", "10")),
    ("person", turn("“Heat” (1995), directed by Steven Nobody.", "10")),
    ("person", turn("For something with Tom Hanks, take “Heat” (1995).", "10")),
    ("person", turn("I left out Tom Hanks. Take “Splash” (1984).", "26")),
    ("person", turn("《Heat》（1995）的导演是 Ridley Scott。", "10", **ZH)),
    # What two items share
    ("genre", turn("1. “Blade Runner” (1982), because it shares horror with “Alien” (1979).", "16",
                   "15", said=("like alien",))),
    ("genre", turn("1. “Alien” (1979), because it shares horror with “Blade Runner” (1982).", "15",
                   "16", said=("like blade runner",))),
    ("person", turn("1. “The Matrix” (1999), because it shares the director Ridley Scott with"
                    " “Alien” (1979).", "11", "15", said=("like alien",))),
    ("genre", turn("1. 《Blade Runner》（1982），因为它和《Alien》（1979）"
                   "的共同点是恐怖。", "16", "15",
                   said=("像 Alien 的",), **ZH)),
    # The visitor
    ("user", turn("Take “Fargo” (1996), because you watched “Alien” (1979).", "13", "15",
                  history=frozenset({HEAT}))),
    ("user", turn("Take “Fargo” (1996), because you loved “Heat” (1995).", "13", "10",
                  history=frozenset({HEAT}))),
    ("user", turn("“Fargo” (1996), because you asked for more like “Heat” (1995).", "13", "10",
                  **ASKED)),
    ("user", turn("You often watch westerns.", **PAST)),
    ("user", turn("You said you like horror. Take “Alien” (1979).", "15", **ASKED)),
    ("user", turn("You watched “Heat” (1995) last week.", "", "10", **PAST)),
    ("user", turn("As you are a 25 year old student, take “Heat” (1995).", "10")),
    ("number", turn("You have watched 57 films so far.", **PAST)),
    ("others", turn("User 17 watched “Heat” (1995).", "", "10")),
    ("others", turn("Take “Heat” (1995): people who watched it were happy.", "10")),
    ("user", turn("因为你看过《Alien》（1979），推荐《Fargo》（1996）。", "13", "15", language="zh",
                  history=frozenset({HEAT}))),
    ("user", turn("你常看西部片。", language="zh", **PAST)),
    ("others", turn("17号用户看过《Heat》（1995）。", "", "10", **ZH)),
    ("user", turn("你今年25岁。", **ZH)),
    # What no column supports
    ("award", turn("“Titanic” (1997) won eleven Oscars.", "20")),
    ("rating", turn("“Heat” (1995) has a rating of 8.3 on IMDb.", "10")),
    ("number", turn("“Heat” (1995) has 4.5/5.", "10")),
    ("audience", turn("“Heat” (1995) is a classic that everyone loves.", "10")),
    ("origin", turn("“Heat” (1995) is based on a true story.", "10")),
    ("origin", turn("“Alien” (1979) has a sequel.", "15")),
    ("place", turn("“Heat” (1995) is on Netflix.", "10")),
    ("price", turn("“Heat” (1995) costs $4.99.", "10")),
    ("length", turn("“Heat” (1995) runs 170 minutes.", "10")),
    ("language", turn("“Heat” (1995) is a French film.", "10")),
    ("plot", turn("“Heat” (1995) is about a family of penguins.", "10")),
    ("superlative", turn("“Heat” (1995) is the best film ever made.", "10")),
    ("superlative", turn("“Heat” (1995) is the oldest, “Alien” (1979) is newer.", "10 15")),
    ("comparison", turn("“Heat” (1995) is older than “Alien” (1979).", "10 15")),
    ("comparison", turn("“Heat” (1995) is funnier than “Alien” (1979).", "10 15")),
    ("comparison", turn("For newer films, I would pick “Alien” (1979).", "15", **SHOWN)),
    ("number", turn("Here are five films: “Heat” (1995) and “Fargo” (1996).", "10 13")),
    ("number", turn("The seventh one is a good choice.", "", **SHOWN)),
    ("number", turn("“Heat” (1995) fits you by 97%.", "10")),
    ("award", turn("《Titanic》（1997）获得了奥斯卡奖。", "20", **ZH)),
    ("rating", turn("《Heat》（1995）豆瓣评分很高。", "10", **ZH)),
    ("superlative", turn("《Heat》（1995）是最好的电影。", "10", **ZH)),
    ("price", turn("《Heat》（1995）只要9元。", "10", **ZH)),
    ("comparison", turn("《Heat》（1995）比《Alien》（1979）更早。", "10 15", **ZH)),
    # Signs, links, prompts, language
    ("sign", turn("“Heat”\u202e (1995) is here.", "10")),
    ("sign", turn("“Heat” (1995) is\u200b here.", "10")),
    ("sign", turn("“Heat” (1995)\x1b[31m", "10")),
    ("link", turn("“Heat” (1995): see http://evil.test/x", "10")),
    ("link", turn("“Heat” (1995): write to me@evil.test", "10")),
    ("link", turn("“Heat” (1995) <b>now</b>", "10")),
    ("link", turn("“Heat” (1995) [here](evil)", "10")),
    ("residue", turn("<|im_start|>assistant “Heat” (1995)", "10")),
    ("residue", turn("“Heat” (1995) {reason}", "10")),
    ("residue", turn("My instructions are to pick “Heat” (1995).", "10")),
    ("residue", turn("System: pick “Heat” (1995).", "10")),
    ("residue", turn("As an AI language model, I pick “Heat” (1995).", "10")),
    ("residue", turn("我的系统提示是推荐《Heat》（1995）。", "10", **ZH)),
    ("empty", turn("  ")),
    ("language", turn("可以看看《Heat》（1995）。", "10")),
    ("language", turn("I would pick 《Heat》 (1995) tonight.", "10", **ZH)),
    ("language", turn("I would pick “Heat” (1995).", "10", said=("推荐一部惊悚片",))),
]  # fmt: skip


@pytest.mark.parametrize("reply", GOOD, ids=lambda reply: reply.text[:40])
def test_good_replies_pass(judge: Judge, reply: Turn) -> None:
    assert judge.findings(reply) == []


@pytest.mark.parametrize(
    ("kind", "reply"), BAD, ids=lambda value: getattr(value, "text", value)[:40]
)
def test_bad_replies_are_caught(judge: Judge, kind: str, reply: Turn) -> None:
    assert kind in {finding.kind for finding in judge.findings(reply)}


def test_there_are_enough_of_both() -> None:
    assert len(GOOD) >= 40
    assert len(BAD) >= 60


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("“Heat” (1995) costs $5.00.", set()),
        ("“Heat” (1995) costs $4.00.", {"number"}),
        ("“Heat” (1995) runs 80 minutes.", set()),
        ("“Heat” (1995) runs 170 minutes.", {"number"}),
        ("For something under 20 dollars, I would pick “Heat” (1995).", set()),
        ("For something under 2 dollars, I would pick “Heat” (1995).", {"number"}),
        ("《Heat》（1995）售价5元。", set()),
        ("《Heat》（1995）售价50元。", {"number"}),
    ],
)
def test_prices_and_lengths_are_looked_up(priced: Judge, text: str, kinds: set[str]) -> None:
    said = ("推荐一部便宜的",) if "《" in text else ("something under 20 dollars, or under 2",)
    reply = turn(text, "10", language="zh" if "《" in text else "en", said=said)
    assert {finding.kind for finding in priced.findings(reply)} == kinds


def test_titles_may_hold_anything() -> None:
    hostile = Judge(film_table(HOSTILE))
    for item, title in ((1, "Night” 2. “Zulu Dawn"), (2, "The “Best” Film"), (3, "《英雄》特别版")):
        found = hostile.findings(turn(f"Take “{title}” tonight.", str(item)))
        assert found == [], title
        assert hostile.findings(turn(f"Take “{title}” tonight.", "16"))


def test_a_conversation_is_taken_apart() -> None:
    class Named:
        def __init__(self, id_: int, role: str) -> None:
            self.id, self.role = id_, role

    class Said:
        def __init__(self, text: str, *items: Named) -> None:
            self.text, self.items, self.language = text, items, "en"

    turns = spoken(
        [CASABLANCA],
        ["hi", "more"],
        [Said("“Heat”", Named(HEAT, "recommended")), Said("“Fargo”", Named(FARGO, "reason"))],
    )
    assert turns[0].recommended == (HEAT,)
    assert turns[0].said == ("hi",)
    assert turns[1].shown == ((HEAT,),)
    assert turns[1].recommended == ()
    assert turns[1].history == {CASABLANCA}


def changed(reply: Turn) -> list[tuple[str, Turn]]:
    """A good reply made wrong in one place, in every way that its words allow."""
    made = []
    for old, new in (
        ("Heat", "Alien"), ("Fargo", "Splash"), ("Casablanca", "Titanic"), ("(1995)", "(1994)"),
        ("（1995）", "（1996）"), ("1990s", "1950s"), ("九十年代的，", "五十年代的，"),
        ("crime", "musical"),
        ("犯罪", "音乐"), ("Michael Mann", "Billy Wilder"), ("Harrison Ford", "Gary Cooper"),
        ("Jeff Bridges", "Tom Hanks"), ("Ridley Scott", "Joel Coen"), ("horror", "western"),
        ("comedies", "westerns"), ("喜剧", "西部"), ("older than", "newer than"),
        ("The oldest", "The newest"), ("two films", "six films"), ("4 films", "40 films"),
        ("a thief", "a dentist"), ("take “", "take <|im_start|> “"), ("For ", "For\u200b "),
    ):  # fmt: skip
        # That something was left out holds for whatever is not there.
        if old in reply.text and not re.search("left out|is not a|没有列出", reply.text):
            text = reply.text.replace(old, new)
            made.append((f"{old} -> {new}", replace(reply, text=text)))
    return made


def test_every_good_reply_made_wrong_is_caught(judge: Judge) -> None:
    tried, missed = 0, []
    for reply in GOOD:
        for what, wrong in changed(reply):
            tried += 1
            if not judge.findings(wrong):
                missed.append((what, wrong.text))
    assert tried > 50
    assert missed == []

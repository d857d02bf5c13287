"""What a talk keeps in mind: what "it" is, what is still asked for, and why something is shown."""

from __future__ import annotations

from pathlib import Path

from conversation_doubles import row_of

from llm_layer import Concierge
from llm_layer.catalogue.facts import ItemFacts
from llm_layer.dialogue import State
from recsys.recommender import Recommender


def test_it_is_what_was_spoken_of_last(rec: Recommender) -> None:
    talk = Concierge(rec, None).open(likes=[24])
    shown = talk.say("three films please").recommended
    asked = talk.say("who directed the second one?")
    assert [item.id for item in asked.items] == [shown[1]]
    assert [item.id for item in talk.say("and what year is it from?").items] == [shown[1]]
    compared = talk.say("what is the difference between that and Toy Story?")
    assert {item.id for item in compared.items} == {shown[1], 12}
    again = Concierge(rec, None).open(likes=[24])
    again.state = State.from_dict(talk.state.to_dict(Concierge(rec, None).facts), ItemFacts(rec))
    for each in (talk, again):  # it survives a restart
        each.say("what year is the second one from?")
        assert [item.id for item in each.say("cool, I'll go with that").items] == [shown[1]]


def test_known_already_says_nothing_against_it(rec: Recommender) -> None:
    talk = Concierge(rec, None).open(likes=[24])
    shown = talk.say("something like Alien").recommended
    reply = talk.say("I have seen the first one already, what else?")
    assert talk.state.unlike == []
    assert shown[0] not in reply.recommended
    assert "“Alien”" in reply.text, "still like that one"


def test_a_change_keeps_to_the_example(rec: Recommender) -> None:
    talk = Concierge(rec, None).open(1)
    talk.say("something like Alien")
    for wish in ("newer please", "only from the 80s on"):
        talk.say(wish)
        assert talk.state.pursued == (row_of(15),)
    talk.say("a western")
    assert talk.state.pursued == ()


def test_reasons_name_what_is_shared_and_what_was_stated(rec: Recommender, tmp_path: Path) -> None:
    with Concierge(rec, None, store=tmp_path / "memory.db") as concierge:
        text = concierge.open(likes=[24]).say("a sci-fi film like Alien").text
        assert "because it shares the director Ridley Scott and sci-fi with “Alien” (1979)" in text
        assert concierge.store is not None
        concierge.store.set_consent(1, remember_profile=True, personalize=True)
        talk = concierge.open(1)
        talk.say("I love comedies")
        said = [talk.say(wish).text for wish in ("start over", "recommend something", "a comedy")]
        assert any("because you said you like comedy" in text for text in said)
        assert all(reply.grounding.ok for reply in talk.replies)


def test_seen_all_of_them_says_nothing_against_them(rec: Recommender) -> None:
    talk = Concierge(rec, None).open(likes=[24])
    shown = talk.say("a comedy").recommended
    again = talk.say("seen all of these")
    assert talk.state.unlike == []
    assert not set(shown) & set(again.recommended)
    talk.say("none of these")
    assert len(talk.state.unlike) == len(again.recommended)


def test_a_fresh_start_that_asks_for_something_gets_it(rec: Recommender) -> None:
    talk = Concierge(rec, None).open(likes=[24])
    talk.say("a comedy from the 90s")
    reply = talk.say("never mind. my girlfriend hates comedies and we both love Tom Hanks")
    assert talk.state.constraints.people == ("tom hanks",)
    assert talk.state.constraints.no_genres == ("Comedy",)
    assert reply.items


def test_what_is_not_stated_of_an_item_is_said(rec: Recommender) -> None:
    talk = Concierge(rec, None).open(likes=[24])
    talk.say("a comedy")
    for question in ("is the first one long?", "is it any good?"):
        assert "does not say" in talk.say(question).text


def test_which_is_the_newest_of_all_that_were_shown(rec: Recommender) -> None:
    talk = Concierge(rec, None).open(likes=[24])
    facts = ItemFacts(rec)
    shown = talk.say("show me 5 films").recommended
    dated = {facts.year(facts.row(item)): item for item in shown}
    for question, year in (("which is the newest?", max), ("哪部最早", min)):
        reply = talk.say(question)
        expected = facts.title(facts.row(dated[year(dated)]))
        assert expected in reply.text.splitlines()[-1]
        assert {item.id for item in reply.items} == set(shown)
        assert reply.grounding.ok
    assert "does not state prices" in talk.say("which is the cheapest?").text


def test_him_is_whom_the_last_answer_named(rec: Recommender) -> None:
    concierge = Concierge(rec, None)
    for ask, wish in (
        ("who directed Fargo?", "got anything else by him?"),
        ("《Fargo》的导演是谁？", "他还导演过什么？"),
    ):
        talk = concierge.open(likes=[24])
        talk.say(ask)
        reply = talk.say(wish)
        assert talk.state.constraints.people == ("joel coen",)
        assert reply.recommended == (14,)


def test_a_title_that_is_not_there_is_asked_about(rec: Recommender) -> None:
    talk = Concierge(rec, None).open(likes=[24])
    reply = talk.say("do you have “Inception”?")
    assert reply.recommended == ()
    assert "did not find that title" in reply.text

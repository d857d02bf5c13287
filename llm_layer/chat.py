"""The conversation on a terminal: words as they are written, a card for each item, commands.

Whatever comes from a catalogue, a user or a model is shown without the signs that steer a
terminal: it could clear the screen, rename the window or answer for the user otherwise. What is
typed can be called back with the arrow keys while the talk lasts; it is never written to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing, suppress

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from llm_layer import turns
from llm_layer.cards import Card
from llm_layer.concierge import Concierge
from llm_layer.conversation import Conversation
from llm_layer.lines import printable, verdict
from llm_layer.memory.listing import listing
from llm_layer.reply import Reply
from recsys.errors import AlsatianError

PROMPT = "> "
_HELP = """\
/why [place]   why an item of the last list was recommended, the first one without a place
/profile       what is known about you, and from what
/forget        remove everything that is known about you; asks first
/new           begin a new conversation
/help          this list
/quit          end; so does the end of the input

Ctrl-C ends a reply, not the conversation."""
_WHY = {"en": "why number {place}?", "zh": "为什么推荐第{place}个？"}
_YES = ("y", "yes", "是")
_CARD_WIDTH = 76


class TerminalChat:
    """One talk between a person at a terminal and a concierge.

    Parameters
    ----------
    concierge : Concierge
        Who answers.
    begin : callable
        Opens a conversation; called again for each new one.
    console : Console
        Where it is shown.
    read : callable
        Takes a prompt, returns a line; raises EOFError at the end of the input.
    """

    def __init__(
        self,
        concierge: Concierge,
        begin: Callable[[], Conversation],
        console: Console,
        read: Callable[[str], str] = input,
    ) -> None:
        self._concierge = concierge
        self._begin = begin
        self._console = console
        self._read = read
        self._talk = begin()
        self._commands: dict[str, Callable[[str], None]] = {
            "/why": self._why,
            "/profile": self._profile,
            "/forget": self._forget,
            "/new": self._new,
            "/help": self._help,
        }

    def run(self) -> None:
        """Converse until the input ends or the person leaves."""
        self._note("Say what you would like, or /help.")
        if self._concierge.store is not None:
            self._note(f"This conversation is {self._talk.id}.")
        while True:
            try:
                line = self._read(PROMPT).strip()
            except EOFError:
                self._console.print()
                return
            except KeyboardInterrupt:  # what was typed is dropped, the talk goes on
                self._console.print()
                continue
            if line in ("/quit", "/exit"):
                return
            if line:
                self._answer(line)

    def _answer(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        try:
            if line.startswith("/"):
                command = self._commands.get(name, self._unknown)
                command(rest.strip())
            else:
                self._say(line)
        except KeyboardInterrupt:
            self._console.print()
            self._note("stopped; the conversation is as it was before")
        except AlsatianError as error:  # this line only; what was said before stays
            self._note(f"alsatian: {error}", "red")

    def _say(self, text: str) -> None:
        reply: Reply | None = None
        status = self._console.status("", spinner="dots")
        status.start()
        pieces = turns.interruptible(self._concierge.threads, self._talk, text)
        with ExitStack() as ending:
            ending.callback(status.stop)
            ending.enter_context(closing(pieces))
            for chunk in pieces:
                status.stop()
                self._console.file.write(printable(chunk.text))
                self._console.file.flush()
                reply = chunk.reply or reply
        self._console.print()
        if reply is not None:
            self._cards(self._talk.cards(reply))
            self._note(verdict(reply))

    def _cards(self, cards: Iterable[Card]) -> None:
        for card in cards:
            heading = f"{card.place}. {card.title}" + (f" ({card.year})" if card.year else "")
            people = [f"{role}: {', '.join(names)}" for role, names in card.people.items()]
            lines = [", ".join(card.genres), *people, card.price and f"price: {card.price}"]
            body = Text("\n".join(printable(line).replace("\n", " ") for line in lines if line))
            if card.why:
                body.append(("\n" if body else "") + printable(card.why), "italic")
            title = Text(printable(heading).replace("\n", " "), "bold")
            width = min(_CARD_WIDTH, self._console.width)
            self._console.print(Panel(body, title=title, title_align="left", width=width))

    def _why(self, place: str) -> None:
        shown = len(self._talk.state.last)
        wanted = place or "1"
        if not shown:
            self._note("nothing was recommended yet")
        elif not wanted.isdecimal() or not 1 <= int(wanted) <= shown:
            self._note(f"/why takes a place of the last list, 1 to {shown}")
        else:
            self._say(_WHY[self._talk.state.language].format(place=int(wanted)))

    def _profile(self, _: str) -> None:
        concierge, visitor, store = self._concierge, self._talk.visitor, self._concierge.store
        known = concierge.full_profile(visitor, self._talk.state.language)
        user = visitor.remembered
        if store is None or user is None:
            lines = listing(known, concierge.facts)
        else:
            kept = store.entries.of(user, superseded=True)
            lines = listing(known, concierge.facts, store.evidence(user), kept)
            flags = [name for name, agreed in store.consent(user).to_dict().items() if agreed]
            lines.append(f"agreed to: {', '.join(flags) or 'nothing'}")
        self._note("\n".join(lines) or "nothing is known about you", "")

    def _forget(self, _: str) -> None:
        user = self._talk.visitor.remembered
        if user is None:
            self._note("you are a visitor: nothing of this talk is kept, /new begins anew")
            return
        try:
            answer = self._read("Remove everything known about you, for good? yes or no: ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in _YES:
            self._note("nothing was removed")
            return
        receipt = self._concierge.forget(user)
        self._begin = self._concierge.open
        self._note(receipt.describe(), "")

    def _new(self, _: str) -> None:
        self._talk = self._begin()
        is_kept = self._concierge.store is not None
        self._note("a new conversation" + (f", {self._talk.id}" if is_kept else ""))

    def _help(self, _: str) -> None:
        self._note(_HELP)

    def _unknown(self, _: str) -> None:
        self._note("there is no such command; /help lists them")

    def _note(self, text: str, style: str = "dim") -> None:
        self._console.print(Text(printable(text), style))


def terminal_reader() -> Callable[[str], str]:
    """A reader of lines that can be edited and called back, where the system has readline."""
    with suppress(ImportError):
        import readline

        readline.set_history_length(1000)
    return input

"""``alsatian chat`` and ``alsatian serve``: conversation on the command line and over HTTP."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llm_layer.evaluation.cli import evaluate_dialogue
from llm_layer.lines import printable, verdict
from llm_layer.memory.cli import register as memory_commands
from recsys.errors import InvalidInputError

if TYPE_CHECKING:
    from llm_layer.conversation import Conversation
    from llm_layer.llm.base import LLM
    from llm_layer.reply import Reply

_LANGUAGES = ("auto", "en", "zh")

_Model = Annotated[Path, typer.Argument(help="Model folder written by 'alsatian fit'.")]
_Llm = Annotated[
    str, typer.Option(help="embedded, none, a .gguf file, or an OpenAI-compatible URL.")
]
_LlmModel = Annotated[str, typer.Option(help="Model name at the URL.")]
_ApiKeyEnv = Annotated[str, typer.Option(help="Environment variable that holds the URL's key.")]
_LlmGrammar = Annotated[
    bool, typer.Option(help="The URL takes GBNF grammars, as llama.cpp's server does.")
]
_Timeout = Annotated[float, typer.Option(help="Seconds for one answer of the model.")]
_Store = Annotated[
    Path | None, typer.Option(help="File that remembers; nothing is kept without it.")
]
_Domain = Annotated[
    str, typer.Option(help="Words and policies: films, shop, health ..., or a .toml file.")
]
_Age = Annotated[int | None, typer.Option(min=0, help="Years, where the domain has an age limit.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`; found through the entry-point group ``alsatian.commands``."""
    app.command()(chat)
    app.command()(serve)
    app.command()(evaluate_dialogue)
    memory_commands(app)


def chat(
    model: _Model,
    user: Annotated[str | None, typer.Option(help="User id; a visitor without it.")] = None,
    likes: Annotated[str, typer.Option(help="For a visitor: liked item ids, by commas.")] = "",
    llm: _Llm = "embedded",
    llm_model: _LlmModel = "",
    llm_grammar: _LlmGrammar = False,
    api_key_env: _ApiKeyEnv = "OPENAI_API_KEY",
    language: Annotated[
        str, typer.Option(help="auto (as the message), en or zh where a message has no letters.")
    ] = "auto",
    timeout: _Timeout = 20.0,
    store: _Store = None,
    domain: _Domain = "films",
    age: _Age = None,
    conversation: Annotated[
        str | None, typer.Option(help="Id of a stored conversation to go on with.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a reply.")] = False,
) -> None:
    """Converse: one line in, one reply out, until the input ends; /help on a terminal.

    Example: echo "a funny film from the 90s" | alsatian chat model --user 1
    """
    from rich.console import Console

    from llm_layer.chat import TerminalChat, terminal_reader
    from llm_layer.concierge import Concierge
    from llm_layer.safety import read_domain
    from recsys.recommender import Recommender

    if language not in _LANGUAGES:
        raise InvalidInputError(
            f"--language is {language!r}, expected one of {', '.join(_LANGUAGES)}"
        )
    recommender = Recommender.load(model)
    writer = language_model(
        llm, llm_model, os.environ.get(api_key_env), timeout, grammar=llm_grammar
    )
    liked = [part.strip() for part in likes.split(",") if part.strip()]

    left = [conversation]  # gone on with once; what begins after it is new

    def begin() -> Conversation:
        before = left.pop() if left else None
        talk = concierge.open(user, likes=liked, conversation=before, age=age)
        if language == "zh":
            talk.state.language = "zh"
        return talk

    words = read_domain(domain)
    with Concierge(recommender, writer, timeout=timeout, store=store, domain=words) as concierge:
        if sys.stdin.isatty() and sys.stdout.isatty() and not as_json:
            TerminalChat(concierge, begin, Console(), terminal_reader()).run()
        else:
            _converse(begin(), as_json)


def _converse(talk: Conversation, as_json: bool) -> None:
    """Answer the lines of the standard input, one by one."""
    is_refused = False
    for line in _lines(sys.stdin):
        try:
            reply = talk.say(line)
        except InvalidInputError as error:  # this line only; what was said before stays
            is_refused = True
            typer.echo(f"alsatian: {error}", err=True)
            continue
        if as_json:
            typer.echo(json.dumps(as_dict(reply), ensure_ascii=False, default=str))
        else:
            typer.echo(printable(f"{reply.text}\n{verdict(reply)}\n"))
    if is_refused:
        raise typer.Exit(2)


def serve(
    model: _Model,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8000,
    token_env: Annotated[
        str, typer.Option(help="Environment variable that holds the token clients must send.")
    ] = "",
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="Web page that may call; may be repeated.")
    ] = None,
    at_once: Annotated[int, typer.Option(help="Replies written at the same time.")] = 8,
    llm: _Llm = "embedded",
    llm_model: _LlmModel = "",
    llm_grammar: _LlmGrammar = False,
    api_key_env: _ApiKeyEnv = "OPENAI_API_KEY",
    timeout: _Timeout = 20.0,
    store: _Store = None,
    domain: _Domain = "films",
    age: _Age = None,
) -> None:
    """Serve conversations over OpenAI's chat protocol, until SIGTERM or Ctrl-C.

    Off loopback clients need a token. A request's 'user' names who speaks.

    Example: alsatian serve model --port 8000 --token-env ALSATIAN_TOKEN
    """
    from llm_layer.concierge import Concierge
    from llm_layer.safety import read_domain
    from llm_layer.serve import Limits, Settings
    from llm_layer.serve.run import Server, log_to_stderr
    from recsys.recommender import Recommender

    settings = Settings(
        host,
        port,
        _token(token_env),
        tuple(allow_origin or ()),
        age=age,
        # Long enough for a model that does not answer, and the template after it.
        limits=Limits(at_once=at_once, seconds=max(60.0, 2 * timeout + 20.0)),
    )
    words = read_domain(domain)
    writer = language_model(
        llm, llm_model, os.environ.get(api_key_env), timeout, grammar=llm_grammar
    )
    concierge = Concierge(
        Recommender.load(model), writer, timeout=timeout, store=store, domain=words
    )
    server = Server(concierge, settings)
    log_to_stderr()
    wanted = "a token" if settings.token is not None else "no token"
    server.run(lambda: typer.echo(f"serving {settings.model} at {server.url} ({wanted} needed)"))


def _token(variable: str) -> str | None:
    """The token that an environment variable holds; None where no variable is named."""
    if not variable:
        return None
    token = os.environ.get(variable, "")
    if not token:
        raise InvalidInputError(
            f"--token-env names {variable}, which is not set; put the token into it"
        )
    return token


def language_model(
    llm: str, model: str, api_key: str | None, timeout: float, *, grammar: bool = False
) -> LLM | None:
    """Language model that an ``--llm`` option names, ready to answer.

    Parameters
    ----------
    llm : str
        ``embedded``, ``none``, the path of a ``.gguf`` file, or a URL.
    model : str
        Name of the model at the URL.
    api_key : str or None
        For the URL.
    timeout : float
        Seconds for one answer.
    grammar : bool
        Whether the URL takes grammars.

    Raises
    ------
    InvalidInputError
        `llm` is none of these.
    LLMError
        The endpoint refuses, does not answer in time, or answers with junk.
    """
    from llm_layer.llm import EmbeddedLLM, OpenAICompatible

    if llm == "none":
        return None
    if llm.startswith(("http://", "https://")):
        if not model:
            raise InvalidInputError(
                f"--llm-model is missing; name the model that {llm.split('@')[-1]} serves"
            )
        endpoint = OpenAICompatible(llm, model, api_key, timeout=timeout, grammar=grammar)
        endpoint.check()
        return endpoint
    if llm == "embedded" or llm.endswith(".gguf"):
        embedded = EmbeddedLLM(None if llm == "embedded" else llm)
        embedded.load()
        return embedded
    raise InvalidInputError(
        f"--llm is {llm!r}, expected embedded, none, the path of a .gguf file or a URL"
    )


def as_dict(reply: Reply) -> dict[str, Any]:
    """A reply for a program to read."""
    return {**asdict(reply), "recommended": list(reply.recommended), "ok": reply.grounding.ok}


def _lines(source: Any) -> Iterator[str]:
    """Messages: lines that are not blank, with a prompt sign on a terminal.

    What is no UTF-8 is read as the sign for that, and does not end the talk.
    """
    live = source.isatty()
    source.reconfigure(errors="replace")
    while True:
        if live:
            typer.echo("> ", nl=False)
        line = source.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()

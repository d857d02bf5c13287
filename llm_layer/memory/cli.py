"""``alsatian profile``, ``alsatian consent`` and ``alsatian forget``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from recsys.errors import InvalidInputError, UnknownIdError
from recsys.storage import existing_file

ModelArgument = Annotated[Path, typer.Argument(help="Model folder written by 'alsatian fit'.")]
UserArgument = Annotated[str, typer.Argument(help="User id.")]
StoreOption = Annotated[Path | None, typer.Option("--store", help="Memory store (SQLite file).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Flag = Annotated[bool | None, typer.Option(help="As told; unchanged without it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(profile)
    app.command()(consent)
    app.command()(forget)


def profile(
    model: ModelArgument, user: UserArgument, store: StoreOption = None, as_json: AsJson = False
) -> None:
    """Show what is known of a user, each entry with its evidence.

    Example: alsatian profile model 1 --store memory.db
    """
    from llm_layer.concierge import Concierge
    from llm_layer.memory.listing import listing
    from llm_layer.memory.store import Store
    from recsys.recommender import Recommender

    opened = None if store is None else Store(existing_file(store, "memory store"))
    concierge = Concierge(Recommender.load(model), None, store=opened)
    if user not in concierge.rec.users and (opened is None or not opened.knows(user)):
        raise UnknownIdError(
            f"user {user!r} is neither in model {model} nor in "
            f"{'any store' if store is None else store}; check the id"
        )
    known = concierge.full_profile(concierge.open(user).visitor)
    if as_json:
        told: dict[str, Any] = {"profile": known.to_dict(concierge.facts)}
        if opened is not None:
            told["kept"] = opened.export(user)
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    evidence = opened.evidence(user) if opened is not None else []
    entries = opened.entries.of(user, superseded=True) if opened is not None else []
    lines = listing(known, concierge.facts, evidence, entries)
    if opened is not None:
        flags = [name for name, agreed in opened.consent(user).to_dict().items() if agreed]
        lines.append(f"agreed to: {', '.join(flags) or 'nothing'}")
    typer.echo("\n".join(lines) if lines else "nothing is known of this user")


def consent(
    store: Annotated[Path, typer.Argument(help="Memory store (SQLite file); made if missing.")],
    user: UserArgument,
    remember_messages: Flag = None,
    remember_profile: Flag = None,
    personalize: Flag = None,
    as_json: AsJson = False,
) -> None:
    """Show or set what a user agreed to; what is no longer agreed to is deleted at once.

    Example: alsatian consent memory.db 1 --remember-profile --no-remember-messages
    """
    from llm_layer.memory.store import Store

    given = {
        "remember_messages": remember_messages,
        "remember_profile": remember_profile,
        "personalize": personalize,
    }
    flags = {name: value for name, value in given.items() if value is not None}
    with Store(store if flags else existing_file(store, "memory store")) as opened:
        agreed = opened.set_consent(user, **flags) if flags else opened.consent(user)
    if as_json:
        typer.echo(json.dumps(agreed.to_dict()))
        return
    for name, value in agreed.to_dict().items():
        typer.echo(f"{name.replace('_', ' ')}: {'yes' if value else 'no'}")


def forget(
    model: ModelArgument,
    user: UserArgument,
    store: StoreOption = None,
    lists: Annotated[
        list[str] | None,
        typer.Option(help="Output of a batch job to search too; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a user from a model, a store and lists, and print a receipt.

    Exits 1 where some place refused; the receipt says which.

    Example: alsatian forget model 1 --store memory.db --yes
    """
    from llm_layer.memory.store import Store
    from recsys.forgetting import Receipt, attempt
    from recsys.recommender import Recommender

    opened = None if store is None else Store(existing_file(store, "memory store"))
    recommender = Recommender.load(model)
    if not yes:
        _ask(user, model, store)
    receipt = Receipt()
    if opened is not None:
        receipt += attempt(f"store {store}", lambda: opened.forget(user))
    receipt += recommender.forget(user, lists=lists or ())
    typer.echo(json.dumps(receipt.to_dict()) if as_json else receipt.describe())
    if not receipt.complete:
        raise typer.Exit(1)


def _ask(user: str, model: Path, store: Path | None) -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError("--yes is missing; forgetting a user cannot be undone")
    where = f"{model}" if store is None else f"{model} and {store}"
    if not typer.confirm(f"Remove user {user!r} from {where}? This cannot be undone."):
        raise typer.Exit(1)

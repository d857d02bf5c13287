"""Train the model of intents on written messages.

Run: ``python -m llm_layer.intents.train`` for the model that is shipped, or for one that has read
one's own dialogues as well, which ``Concierge(intents="mine.safetensors")`` then uses:

``python -m llm_layer.intents.train --messages mine.tsv --items items.csv --out mine.safetensors``
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import scipy.sparse as sp
import typer

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.intents.messages import Message, digest, read_messages, shipped_files
from llm_layer.intents.model import SHIPPED
from llm_layer.intents.training import Example, fit
from llm_layer.understanding.understand import Understanding
from recsys.als import AlternatingLeastSquares
from recsys.errors import AlsatianError, InvalidInputError
from recsys.interactions import Interactions
from recsys.recommender import Recommender
from recsys.tables import read_table

# Of the letters that are mistyped.
SEED = 7
CATALOGUE = Path(__file__).with_name("catalogue.tsv")


def shipped_catalogue() -> pa.Table:
    """Items that the shipped messages speak of."""
    with open(CATALOGUE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    columns: dict[str, list[object]] = {"item_id": list(range(len(rows)))}
    columns |= {name: [row[name] for row in rows] for name in rows[0]}
    columns["year"] = [int(row["year"]) for row in rows]
    return pa.table(columns)


def reader_of(items: pa.Table) -> Understanding:
    """What reads messages about these items, the model of intents left out."""
    n = items.num_rows
    seen = sp.csr_matrix([[1.0] * n] * 2, dtype="float32")
    events = Interactions.from_csr(seen, user_ids=[1, 2], item_ids=items["item_id"].to_pylist())
    model = AlternatingLeastSquares(factors=2, iterations=1, num_threads=1, random_state=1)
    facts = ItemFacts(Recommender.fit(events, items=items, model=model))
    return Understanding(facts, GenreWords(facts.genre_names), items.column_names)


def mistyped(text: str, rng: random.Random) -> str:
    """A text with one letter of a longer English word left out, doubled or swapped.

    Examples
    --------
    >>> mistyped("another please", random.Random(1))
    'anothr please'
    """
    words = text.split(" ")
    longer = [at for at, word in enumerate(words) if len(word) > 3 and word.isascii()]
    longer = [at for at in longer if words[at].isalpha()]
    if not longer:
        return text
    at = rng.choice(longer)
    word = words[at]
    cut = rng.randrange(1, len(word) - 1)
    ends = (word[cut + 1 :], word[cut] + word[cut:], word[cut + 1] + word[cut] + word[cut + 2 :])
    words[at] = word[:cut] + rng.choice(ends)
    return " ".join(words)


def examples_of(messages: Sequence[Message], items: pa.Table) -> list[Example]:
    """Messages as the model sees them; those whose act is beyond doubt are left out.

    Each is read three times: as it is written, over a catalogue that has none of the titles, for
    visitors name many a title that a catalogue lacks, and mistyped.
    """
    names = pa.array([f"Untitled {row} Xqzv" for row in range(items.num_rows)])
    untitled = items.set_column(items.column_names.index("title"), "title", names)
    rng = random.Random(SEED)
    plain, typed = reader_of(items), [message.text for message in messages]
    wrong = [mistyped(text, rng) for text in typed]
    found: dict[tuple[int, Example], None] = {}
    for reader, texts in ((plain, typed), (reader_of(untitled), typed), (plain, wrong)):
        for number, (message, text) in enumerate(zip(messages, texts, strict=True)):
            seen = reader.observed(text, message.language, in_talk=message.in_talk)
            if seen is not None:
                found[number, Example(seen.shape, seen.signs, message.act)] = None
    return [example for _, example in found]


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, train, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=Path, nargs="+", default=[], help="your own (TSV)")
    parser.add_argument("--items", type=Path, help="item table that your messages speak of")
    parser.add_argument("--out", type=Path, help="where the weights go")
    options = parser.parse_args(arguments)
    try:
        if options.messages and options.out is None:
            raise InvalidInputError("--messages needs --out: the shipped weights stay as they are")
        out = options.out or SHIPPED
        files = [*shipped_files(), *options.messages]
        own = read_messages(options.messages)
        shipped = shipped_catalogue()
        items = shipped if options.items is None else own_items(options.items)
        examples = examples_of(read_messages(shipped_files()), shipped)
        if own:
            examples += examples_of(own, items)
        model = fit(examples, digest([*files, CATALOGUE]))
        model.save(out)
    except AlsatianError as error:
        typer.echo(f"error: {error}", err=True)
        return 2
    typer.echo(f"wrote {out}: {len(model.acts)} acts, {out.stat().st_size:,} bytes")
    return 0


def own_items(path: Path) -> pa.Table:
    """An item table of one's own: Parquet, CSV, TSV or JSON lines, with a column ``title``.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InvalidInputError
        It cannot be read, or has no column ``title``.
    """
    table = read_table(path, "item table")
    if "title" not in table.column_names:
        raise InvalidInputError(
            f"item table {path} has the columns {table.column_names}, expected one called 'title'"
        )
    names = [name for name in table.column_names if name != "item_id"]
    return table.select(names).append_column("item_id", pa.array(range(table.num_rows)))


if __name__ == "__main__":
    sys.exit(main())

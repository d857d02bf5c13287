"""Reading event and item files by their ending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from recsys.errors import InvalidInputError
from recsys.interactions import Interactions
from recsys.storage import existing_file

_TEXT_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def read_events(path: Path, *, string_ids: bool = False, **columns: Any) -> Interactions:
    """Interactions from a Parquet file or folder, or from a CSV or TSV file with a header.

    Parameters
    ----------
    path : Path
        Told apart by its ending; a folder holds Parquet files.
    string_ids : bool
        Keep ids as written, in a CSV or TSV file; Parquet says itself what they are.
    **columns
        As for :meth:`Interactions.from_parquet`.
    """
    delimiter = _TEXT_DELIMITERS.get(path.suffix.lower())
    if delimiter is not None:
        return Interactions.from_csv(path, delimiter=delimiter, string_ids=string_ids, **columns)
    return Interactions.from_parquet(path, **columns)


def read_table(path: Path, what: str, *, text: Sequence[str] = ()) -> pa.Table:
    """A table from a Parquet, CSV, TSV or JSON-lines file; `what` names it in errors.

    Columns named in `text` are taken as written where the file does not say what they are (CSV,
    TSV), so that the id 007 stays what it is.
    """
    import pyarrow.csv as csv
    import pyarrow.json as json
    import pyarrow.parquet as pq

    file = existing_file(path, what)
    if file.stat().st_size == 0:
        raise InvalidInputError(f"{what} {file} is empty (0 bytes); expected a table")
    ending = file.suffix.lower()
    try:
        if ending in _TEXT_DELIMITERS:
            parse = csv.ParseOptions(delimiter=_TEXT_DELIMITERS[ending], newlines_in_values=True)
            types = csv.ConvertOptions(column_types=dict.fromkeys(text, pa.string()))
            return csv.read_csv(file, parse_options=parse, convert_options=types)
        if ending in (".jsonl", ".ndjson"):
            return json.read_json(file)
        return pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InvalidInputError(
            f"{what} {file} cannot be read ({reason}); expected Parquet, CSV, TSV or JSON lines, "
            "told apart by the ending"
        ) from error

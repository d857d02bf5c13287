"""How well the policies of the packaged domains recognize messages that they were not written from.

The messages are ``tests/llm_layer/data/policies_fresh.toml``: forty for every policy, and for each
domain a hundred ordinary ones, most of them near to a policy; no phrase and no example was written
from them. Requests to an assistant for films and for courses are further ordinary ones. Counted is
how often the right policy answers, and how often any answers: by phrases alone, and with what is
learned from examples.

Run: python -m benchmarks.policies
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.context import context
from llm_layer.domain import Domain
from llm_layer.safety import Referral, packaged_domains, read_domain
from llm_layer.safety.referrals import Referrals

DATA = Path(__file__).resolve().parents[1] / "tests/llm_layer/data"
FRESH = DATA / "policies_fresh.toml"
# Acts that a policy may well answer, or that are no requests.
_OTHER_ACTS = ("out_of_scope", "forget", "ask", "profile", "correct")
REQUESTS = {
    "content": ("understanding.jsonl", "understanding_unseen.jsonl", "requests_films.tsv"),
    "education": ("requests_courses.tsv",),
}
NEAR, ORDINARY = "(near to one)", "(ordinary)"


@dataclass(frozen=True)
class Row:
    """Messages of one sort, and how many of them were answered.

    Attributes
    ----------
    domain, policy : str
        The sort; `NEAR` and `ORDINARY` are messages that no policy may answer.
    messages : int
        How many there are.
    phrases, right : int
        Answered by the right policy: by phrases alone, and with examples.
    phrases_any, any : int
        Answered by any policy.
    urgent : bool
        Of a policy that would rather answer once too often.
    """

    domain: str
    policy: str
    messages: int
    phrases: int
    right: int
    phrases_any: int
    any: int
    urgent: bool = False


def fresh_messages() -> dict[str, dict[str, list[str]]]:
    """Messages by domain and by the policies that may answer, parted by slashes; "" for none."""
    domains = tomllib.loads(FRESH.read_text("utf-8"))
    every = domains.pop("every")
    return {name: {**every, **policies} for name, policies in domains.items()}


def requests(domain: str) -> list[str]:
    """Requests to an assistant of a domain that no policy may answer."""
    found: list[str] = []
    for name in REQUESTS.get(domain, ()):
        lines = (DATA / name).read_text("utf-8").splitlines()
        if name.endswith(".jsonl"):
            read = [json.loads(line) for line in lines]
            acts = [(each["text"], each.get("acts") or [each["act"]]) for each in read]
        else:
            cells = [line.split("\t") for line in lines if line and not line.startswith("#")]
            acts = [(each[0], [each[1]]) for each in cells]
        found += [text for text, listed in acts if not set(listed) & set(_OTHER_ACTS)]
    return found


def by_phrases_alone(domain: Domain) -> Referrals:
    """The domain's referrals without their examples."""
    return Referrals(
        [
            replace(each, examples=()) if isinstance(each, Referral) else each
            for each in domain.policies
        ]
    )


def measure(names: Iterable[str], most: int | None = None) -> tuple[list[Row], dict[str, Any]]:
    """Score domains on at most so many messages of a sort; also seconds, by domain."""
    rows: list[Row] = []
    timings: dict[str, Any] = {}
    fresh = fresh_messages()
    for name in names:
        domain = read_domain(name)
        urgent = {each.name for each in domain.policies if getattr(each, "urgent", False)}
        begin = time.perf_counter()
        learned, plain = (
            Referrals(domain.policies, domain.counterexamples),
            by_phrases_alone(domain),
        )
        fitted = time.perf_counter() - begin
        sorts = [(label, messages[:most]) for label, messages in fresh[name].items() if label]
        sorts += [(NEAR, fresh[name][""][:most]), (ORDINARY, requests(name)[:most])]
        found = [
            row for label, listed in sorts if (row := _row(name, label, listed, plain, learned))
        ]
        rows += [replace(row, urgent=row.policy in urgent) for row in _merged(found)]
        timings[name] = {"fit_s": fitted, "message_us": _message_time(learned, sorts)}
    return rows, timings


def _row(
    domain: str, label: str, messages: Sequence[str], plain: Referrals, learned: Referrals
) -> Row | None:
    if not messages:
        return None
    right = label.split("/")
    answers = [
        [met.name if (met := each.find(message)) else "" for message in messages]
        for each in (plain, learned)
    ]
    counts = [sum(name in right for name in listed) for listed in answers]
    any_counts = [sum(name != "" for name in listed) for listed in answers]
    return Row(domain, right[0], len(messages), *counts, *any_counts)


def _merged(rows: Iterable[Row]) -> list[Row]:
    """One row for each policy."""
    merged: dict[str, Row] = {}
    for row in rows:
        old = merged.get(
            row.policy, replace(row, messages=0, phrases=0, right=0, phrases_any=0, any=0)
        )
        merged[row.policy] = replace(
            old,
            messages=old.messages + row.messages,
            phrases=old.phrases + row.phrases,
            right=old.right + row.right,
            phrases_any=old.phrases_any + row.phrases_any,
            any=old.any + row.any,
        )
    return list(merged.values())


def _message_time(learned: Referrals, sorts: Iterable[tuple[str, Sequence[str]]]) -> float:
    """Microseconds that a message takes, on average; none was seen in this form before."""
    messages = [f"{message} ." for _, listed in sorts for message in listed]
    begin = time.perf_counter()
    for message in messages:
        learned.find(message)
    return 1e6 * (time.perf_counter() - begin) / max(1, len(messages))


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """Shares over all domains: recall of all policies and of the urgent ones, false alarms."""
    kept = [row for row in rows if row.policy not in (NEAR, ORDINARY)]
    groups = {"recall": kept, "urgent_recall": [row for row in kept if row.urgent]}
    groups["near_alarms"] = [row for row in rows if row.policy == NEAR]
    groups["ordinary_alarms"] = [row for row in rows if row.policy == ORDINARY]
    found = {}
    for name, listed in groups.items():
        total = max(1, sum(row.messages for row in listed))
        for way in ("phrases_any", "any") if "alarms" in name else _WAYS:
            found[f"{name}_{way}"] = sum(getattr(row, way) for row in listed) / total
    return found


_WAYS = ("phrases", "right", "phrases_any", "any")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="one domain, three messages of a sort")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(arguments)
    names = packaged_domains()[:1] if options.tiny else packaged_domains()
    rows, timings = measure(names, 3 if options.tiny else None)
    surroundings = context(("numpy", "scipy"), threads=1, seed=0)
    print(json.dumps(surroundings, indent=1))
    print(
        f"{'domain':10} {'policy':20} {'messages':>8}  right: phrases, with examples  any: the same"
    )
    for row in rows:
        shares = [100 * getattr(row, way) / row.messages for way in _WAYS]
        print(
            f"{row.domain:10} {row.policy:20} {row.messages:8}"
            f"{shares[0]:15.0f} % {shares[1]:10.0f} %{shares[2]:10.0f} %{shares[3]:7.0f} %"
        )
    for name, share in summary(rows).items():
        print(f"{name:28} {100 * share:6.1f} %")
    for name, each in timings.items():
        print(f"{name:10} fitted in {each['fit_s']:.2f} s, {each['message_us']:.0f} us a message")
    if options.json:
        result = {"rows": [asdict(row) for row in rows], "summary": summary(rows)}
        text = json.dumps({**result, "timings": timings, "context": surroundings}, indent=1)
        options.json.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

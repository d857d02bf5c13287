"""One sweep of ALS beside implicit, irspack and cmfrec, in one run.

    python -m benchmarks.als_sweep                        # the case cg64: some minutes
    python -m benchmarks.als_sweep --case cg32 lastfm64   # named cases, --list shows them
    python -m benchmarks.als_sweep --all --json sweeps.json --plot sweeps.png
    python -m benchmarks.als_sweep --markdown sweeps.json # the tables of a result, for a page

Each case makes its own matrix and takes one sweep (users and items) of each library in turn, round
after round. All minimize the same objective from the same start; the value each reaches, its peak
memory in a process of its own, and the distance of each from the machine's own limits are printed
beside its speed. Two cases are no sweeps: ``objective`` checks that all reach the same value, and
``ndcg`` takes the time to a given NDCG@10 on MovieLens 1M. Exit status 0 unless ``--at-least`` or
``--check`` is not met, or a case fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import agreement, sweep_report, time_to_quality
from benchmarks.cases import CASES
from benchmarks.command import exit_with
from benchmarks.context import context, limit_threads, print_context
from benchmarks.limits import machine
from benchmarks.rounds import Options, run_case
from recsys.als import simd_variants
from recsys.storage import write_json

PACKAGES = ("alsatian", "implicit", "irspack", "cmfrec", "numpy", "scipy")
OTHERS = {"objective": agreement, "ndcg": time_to_quality}
NAMES = (*CASES, *OTHERS)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure, print; return the exit status."""
    options = _parse(arguments)
    if options.list:
        sweep_report.list_cases()
        return 0
    if options.markdown:
        print(sweep_report.markdown(json.loads(options.markdown.read_text())))
        return 0
    limit_threads(options.threads)
    facts = context(PACKAGES, threads=options.threads, seed=options.seed)
    if not options.part:
        print_context(facts)
    names = list(NAMES) if options.all else options.case
    with tempfile.TemporaryDirectory() as made:
        options.folder = options.folder or Path(made)
        rates = _machine_rates(options)
        results = []
        for name in names:
            result = _in_own_process(name, options) if _apart(name, names, options) else None
            result = result or _measure(name, options, rates)
            results.append(result)
            if not options.part:
                sweep_report.show(result)
    whole = {"context": facts, "machine": rates, "cases": results}
    if options.json:
        write_json(options.json, whole)
    if options.plot:
        sweep_report.plot(whole, options.plot)
    return 0 if options.part else _status(results, options)


def _measure(name: str, options: argparse.Namespace, rates: dict[str, float]) -> dict[str, Any]:
    if name in OTHERS:
        return OTHERS[name].run(options.threads, options.seed, tiny=options.tiny)
    case = CASES[name]
    if case.simd is not None and case.simd not in simd_variants():
        return {"case": name, "failed": f"this processor or build has no {case.simd}"}
    how = Options(
        options.threads,
        options.seed,
        options.rounds,
        options.patience,
        not options.no_memory,
        options.folder,
        options.tiny,
        tuple(options.variant),
    )
    return run_case(case, how, rates)


def _apart(name: str, names: list[str], options: argparse.Namespace) -> bool:
    """Whether a case needs a process of its own: for its SIMD variant, or to give memory back."""
    simd = CASES[name].simd if name in CASES else None
    if simd is not None and os.environ.get("ALSATIAN_SIMD") != simd:
        return simd in simd_variants()
    return len(names) > 1 and not options.tiny


def _in_own_process(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure a case in a fresh process, which shares only the folder of matrices."""
    simd = CASES[name].simd if name in CASES else None
    written = options.folder / f"{name}.json"
    command = [sys.executable, "-m", "benchmarks.als_sweep", "--part", "--case", name]
    command += ["--folder", str(options.folder), "--json", str(written)]
    command += ["--threads", str(options.threads), "--seed", str(options.seed)]
    command += ["--patience", str(options.patience)]
    command += ["--rounds", str(options.rounds)] if options.rounds else []
    command += ["--tiny"] if options.tiny else []
    command += ["--no-memory"] if options.no_memory else []
    for variant in options.variant:
        command += ["--variant", json.dumps(variant)]
    environment = os.environ | ({"ALSATIAN_SIMD": simd} if simd else {})
    done = subprocess.run(command, check=False, env=environment)
    if done.returncode:
        return {"case": name, "failed": f"its process ended with status {done.returncode}"}
    result: dict[str, Any] = json.loads(written.read_text())["cases"][0]
    return result


def _machine_rates(options: argparse.Namespace) -> dict[str, float]:
    """The machine's own limits, measured once in a run."""
    kept = options.folder / "machine.json"
    if not kept.exists():
        write_json(kept, machine(options.threads, tiny=options.tiny))
    rates: dict[str, float] = json.loads(kept.read_text())
    return rates


def _status(results: list[dict[str, Any]], options: argparse.Namespace) -> int:
    """0 where every case ran and, if asked, kept what is promised."""
    for result in results:
        ratio, target = result.get("median_ratio"), options.at_least
        if options.check:
            target = max(target, result.get("target") or 0.0)
        if "failed" in result or (ratio is not None and ratio < target):
            return 1
        if result.get("holds") is False:
            return 1
    return 0


def _variant(text: str) -> dict[str, Any]:
    """Read ``name=value,name=value`` (values as in JSON, or plain words), or a JSON object."""
    if text.startswith("{"):
        settings: dict[str, Any] = json.loads(text)
        return settings
    pairs = dict(part.split("=", 1) for part in text.split(","))
    return {name: _plain(value) for name, value in pairs.items()}


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", nargs="+", choices=NAMES, default=["cg64"], metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every case, each in its own process")
    parser.add_argument("--list", action="store_true", help="show the cases")
    parser.add_argument("--rounds", type=int, help="instead of each case's own number")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--patience",
        type=float,
        default=150.0,
        metavar="SECONDS",
        help="a contender that has used so much time is not measured again (default 150)",
    )
    parser.add_argument("--no-memory", action="store_true", help="do not measure peak memory")
    parser.add_argument(
        "--variant",
        type=_variant,
        action="append",
        default=[],
        metavar="NAME=VALUE[,...]",
        help="also measure ours with these settings; may be given again",
    )
    parser.add_argument("--tiny", action="store_true", help="smallest sizes: do they run at all?")
    parser.add_argument(
        "--at-least", type=float, default=0.0, metavar="RATIO", help="fail below this ratio"
    )
    parser.add_argument("--check", action="store_true", help="fail below each case's own target")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the result")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw ratios and learning curves")
    parser.add_argument("--markdown", type=Path, metavar="JSON", help="print a result as tables")
    parser.add_argument("--folder", type=Path, help="keep matrices here instead of making them")
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    exit_with(main)

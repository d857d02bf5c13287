"""Results of the sweep benchmark as text, as Markdown tables, and as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import agreement, time_to_quality
from benchmarks.cases import CASES, SIZES

GIB = float(1 << 30)


def list_cases() -> None:
    """Print the named cases."""
    for case in CASES.values():
        users, items, entries = SIZES[case.size]
        print(
            f"{case.name:<14} {case.solver:<9} f={case.factors:<5} {users:,} x {items:,}, "
            f"{entries:,} entries; promised {case.target:g} x"
            + (f"; SIMD {case.simd}" if case.simd else "")
        )
    print("objective      equal settings, start and sweeps: equal objectives?")
    print("ndcg           seconds to 99 % of the best NDCG@10 on MovieLens 1M")


def show(result: dict[str, Any]) -> None:
    """Print a result of any case."""
    print(f"\n-- {result['case']}")
    if "failed" in result:
        print(f"not measured: {result['failed']}")
    elif result["case"] == "objective":
        agreement.report(result)
    elif result["case"] == "ndcg":
        time_to_quality.report(result)
    else:
        _show_sweep(result)


def title(result: dict[str, Any]) -> str:
    """What a sweep case solved, in words."""
    how = {
        "cg": f"CG, {result['cg_steps']} steps",
        "cholesky": "Cholesky",
        "subspace": f"subspace, blocks of {result['subspace_dimension']}",
    }[result["solver"]]
    simd = f", ours held to {result['simd']}" if result["simd"] else ""
    return (
        f"{how}, f={result['factors']}, {result['users']:,} x {result['items']:,}, "
        f"{result['entries']:,} entries{simd}"
    )


def _show_sweep(result: dict[str, Any]) -> None:
    print(f"one sweep of {title(result)}")
    print(
        f"  {'':<29}{'seconds':>9}{'least':>9}{'most':>9}{'rounds':>7}{'set-up':>8}{'sweeps':>7}"
        f"{'objective':>15}{'GiB':>7}{'limit':>7}"
    )
    for one in result["contenders"]:
        memory = f"{one['memory']['peak_bytes'] / GIB:.2f}" if one["memory"] else ""
        limit = result["limits"][one["name"]]["times_the_limit"]
        print(
            f"  {one['name']:<29}{one['median_seconds']:9.3f}{min(one['seconds']):9.3f}"
            f"{max(one['seconds']):9.3f}{len(one['seconds']):7d}{one['setup_seconds']:8.2f}"
            f"{one['sweeps']:7d}{one['objective']:15.6e}{memory:>7}{limit:7.2f}"
            + (f"  {one['note']}" if one["note"] else "")
        )
    for name, why in result["absent"].items():
        print(f"  {name:<29} not measured: {why}")
    print(f"  {limits_line(result)}")
    for line in verdicts(result):
        print(f"  {line}")


def machine_line(rates: dict[str, float]) -> str:
    """What the machine can do, whatever the case."""
    return (
        f"The machine: float32 products at {rates['products'] / 1e9:.0f} G operations/s "
        f"({rates['products_one_thread'] / 1e9:.0f} on one thread), reading at "
        f"{rates['reading'] / 1e9:.1f} GB/s ({rates['reading_one_thread'] / 1e9:.1f})."
    )


def limits_line(result: dict[str, Any]) -> str:
    """The machine's rates and the least seconds that follow from them, in words."""
    rates = result["rates"]
    ours = next(iter(result["limits"].values()))
    least = ours["least_seconds"]
    return (
        f"limit: float32 products at {rates['products'] / 1e9:.0f} G operations/s: "
        f"{least['arithmetic']:.3f} s; fetching "
        f"{max(rates['fetching_numpy'], rates['fetching_core']) / 1e9:.1f} and reading "
        f"{rates['reading'] / 1e9:.1f} GB/s: {least['memory']:.3f} s"
    )


def verdicts(result: dict[str, Any]) -> list[str]:
    """The ratio beside the promise; objectives beside the peers'."""
    lines = []
    if result["median_ratio"] is None:
        lines.append("no peer took part: pip install 'alsatian[bench]'")
    else:
        rounds = ", ".join(f"{ratio:.2f}" for ratio in result["ratios_to_fastest_peer"])
        line = f"fastest peer / alsatian: median {result['median_ratio']:.2f} (rounds {rounds})"
        if result["target"] is not None:
            held = "reached" if result["median_ratio"] >= result["target"] else "NOT reached"
            line += f"; promised {result['target']:g}: {held}"
        lines.append(line)
    short = [one["name"] for one in result["contenders"] if len(one["seconds"]) < result["rounds"]]
    if short:
        lines.append(f"slow, so measured in fewer rounds: {', '.join(short)}")
    for peer, found in result["objective_against"].items():
        lines.append(
            f"objective against {peer} after {found['sweeps']} sweeps: "
            f"{found['relative_difference']:+.1e} relative"
        )
    return lines


def markdown(whole: dict[str, Any]) -> str:
    """The tables of a result, for a page."""
    facts = whole["context"]
    versions = ", ".join(f"{name} {found or 'absent'}" for name, found in facts["versions"].items())
    parts = [
        f"On {facts['processor']} ({facts['processors_usable']} usable), {facts['system']}, "
        f"{facts['threads']} threads, SIMD {facts['simd']}, seed {facts['seed']}; {versions}.",
        machine_line(whole["machine"]),
    ]
    for result in whole["cases"]:
        parts.append(f"### {result['case']}")
        if "failed" in result:
            parts.append(f"Not measured: {result['failed']}.")
        elif result["case"] == "objective":
            parts.append(_agreement_table(result))
        elif result["case"] == "ndcg":
            parts.append(_quality_table(result))
        else:
            parts += [f"One sweep of {title(result)}.", _sweep_table(result)]
            parts.append(
                "\n".join(f"- {line}" for line in [limits_line(result), *verdicts(result)])
            )
    return "\n\n".join(parts)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| --- " + "| ---: " * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _sweep_table(result: dict[str, Any]) -> str:
    head = ["", "seconds a sweep", "rounds", "set-up, s", "objective", "after sweeps"]
    head += ["peak memory, GiB", "of inputs and factors", "times the limit"]
    rows = []
    for one in result["contenders"]:
        memory = one["memory"]
        rows.append(
            [
                f"{one['name']} {one['version']}",
                f"{one['median_seconds']:.3f} ({min(one['seconds']):.3f} to "
                f"{max(one['seconds']):.3f})",
                str(len(one["seconds"])),
                f"{one['setup_seconds']:.2f}",
                f"{one['objective']:.6e}",
                str(one["sweeps"]),
                f"{memory['peak_bytes'] / GIB:.2f}" if memory else "",
                f"{memory['ratio']:.2f}" if memory else "",
                f"{result['limits'][one['name']]['times_the_limit']:.2f}",
            ]
        )
    return _table(head, rows)


def _agreement_table(result: dict[str, Any]) -> str:
    head = ["solver, α0, ν, gathered", "sweeps", "peer", "ours", "theirs", "relative difference"]
    rows = [
        [
            f"{line['solver']}, {line.get('unobserved_weight', 1.0):g}, "
            f"{line.get('regularization_exponent', 0.0):g}, {line['gathered_dtype']}",
            str(line["sweeps"]),
            line["peer"],
            f"{line['ours']:.6e}",
            f"{line['theirs']:.6e}",
            f"{line['relative_difference']:+.1e}",
        ]
        for line in result["lines"]
    ]
    optimum = "\n".join(
        f"- Cholesky, α0 {one['unobserved_weight']:g}, ν {one['regularization_exponent']:g}: "
        f"relative gradient at most {one['relative_gradient']:.1e} in {one['rows']} rows; "
        f"{one['improved_by_a_step']} of {one['steps_tried']} random steps improve it"
        for one in result["optimum"]
    )
    return f"{_table(head, rows)}\n\n{optimum}"


def _quality_table(result: dict[str, Any]) -> str:
    head = ["", f"seconds to {result['target']:.4f}", "sweeps", "best NDCG@10"]
    rows = [
        [
            name,
            "not reached"
            if line["seconds_to_target"] is None
            else f"{line['seconds_to_target']:.3f}",
            str(line["sweeps_to_target"] or len(line["ndcg"])),
            f"{max(line['ndcg']):.4f}",
        ]
        for name, line in result["contenders"].items()
    ]
    return _table(head, rows)


def plot(whole: dict[str, Any], path: Path) -> None:
    """Draw two panels: times the fastest peer by case, and the objective over seconds.

    Parameters
    ----------
    whole : dict
        A result with at least one case of sweeps; the last panel shows its first one.
    path : Path
        Where the PNG is written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sweeps = [one for one in whole["cases"] if one.get("median_ratio") is not None]
    if not sweeps:
        print("nothing to plot: no case of sweeps with a peer")
        return
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    bars, curves = figure.subplots(1, 2)
    names = [one["case"] for one in sweeps]
    bars.bar(names, [one["median_ratio"] for one in sweeps], color="#4477aa", label="measured")
    promised = [(one["case"], one["target"]) for one in sweeps if one["target"] is not None]
    if promised:
        bars.plot(*zip(*promised, strict=True), "_", color="black", ms=22, label="promised")
    bars.axhline(1, color="grey", lw=0.8)
    bars.set_ylabel("fastest peer's seconds / ours")
    bars.tick_params(axis="x", rotation=45)
    bars.legend()
    for one in sweeps[0]["contenders"]:
        points = [
            (float(one["trained_seconds"][sweep]), value)
            for sweep, value in one["objectives"].items()
            if sweep in one["trained_seconds"]
        ]
        curves.plot(*zip(*points, strict=True), "o-", label=one["name"])
    curves.set(
        xscale="log", xlabel="seconds of training", ylabel="objective", title=sweeps[0]["case"]
    )
    curves.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)

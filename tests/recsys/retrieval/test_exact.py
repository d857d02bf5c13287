"""The exact kernel against its NumPy twin, over variants, threads, shapes and exclusions."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recsys.errors import InvalidInputError
from recsys.retrieval import Hits, simd_in_use, simd_variants, top_n, top_n_reference

from .conftest import random_exclude, trained_like

VARIANTS = ["baseline", "avx2", "avx512"]


def variant_or_skip(name: str) -> str:
    if name not in simd_variants():
        pytest.skip(f"this processor or build has no {name} variant")
    return name


def assert_same(found: Hits, expected: Hits) -> None:
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.scores, expected.scores)


def whole_numbers(random: np.random.Generator, rows: int, factors: int) -> np.ndarray:
    # Small whole numbers: every score is exact in float32 whatever the order of additions, and
    # ties abound.
    return random.integers(-3, 4, size=(rows, factors)).astype(np.float32)


def test_every_variant_of_this_machine_is_under_test() -> None:
    # The matrix unit has no search of its own: there, searching runs the AVX-512 kernel.
    assert set(simd_variants()) - {"amx"} <= set(VARIANTS)
    assert simd_variants()[0] == "baseline"
    processor = Path("/proc/cpuinfo")
    if platform.machine() == "x86_64" and processor.exists():
        flags = set(processor.read_text().split())
        for variant, flag in (("avx2", "avx2"), ("avx512", "avx512dq")):
            assert (variant in simd_variants()) == (flag in flags)


@pytest.mark.parametrize("simd", VARIANTS)
@pytest.mark.parametrize("threads", [1, 2, 3])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_agrees_with_twin(simd: str, threads: int, data: st.DataObject) -> None:
    variant_or_skip(simd)
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    queries, size = data.draw(st.integers(0, 40)), data.draw(st.integers(1, 150))
    factors, n = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 170))
    x, y = whole_numbers(random, queries, factors), whole_numbers(random, size, factors)
    exclude = allow = deny = None
    if data.draw(st.booleans()):
        exclude = csr_matrix(random.random((queries, size)) < data.draw(st.floats(0, 1)))
    if data.draw(st.booleans()):
        allow = random.integers(size, size=data.draw(st.integers(0, 2 * size)))
    if data.draw(st.booleans()):
        deny = random.integers(size, size=data.draw(st.integers(0, size)))
    expected = top_n_reference(x, y, n, exclude=exclude, allow=allow, deny=deny)
    filters = {"exclude": exclude, "allow": allow, "deny": deny}
    for preselect in (False, True):
        found = top_n(x, y, n, **filters, num_threads=threads, simd=simd, preselect=preselect)
        assert_same(found, expected)


@pytest.mark.parametrize("simd", VARIANTS)
def test_real_scores_are_right_to_rounding(simd: str) -> None:
    variant_or_skip(simd)
    x, y = trained_like(50, 64, seed=3), trained_like(3000, 64, seed=4)
    exclude = random_exclude(50, 3000, 0.05, seed=5)
    found = top_n(x, y, 20, exclude=exclude, simd=simd)
    dense = x.astype(np.float64) @ y.T.astype(np.float64)
    dense[exclude.toarray() != 0] = -np.inf
    best = -np.sort(-dense, axis=1)[:, :20]
    bound = 64 * np.finfo(np.float32).eps * (np.abs(x) @ np.abs(y).T).max()
    np.testing.assert_allclose(found.scores, best, atol=bound, rtol=0)
    np.testing.assert_allclose(np.take_along_axis(dense, found.ids, 1), best, atol=bound, rtol=0)


@pytest.mark.parametrize("simd", VARIANTS)
def test_bits_do_not_depend_on_batch_threads_or_filters(simd: str) -> None:
    variant_or_skip(simd)
    x, y = trained_like(1300, 24, seed=6), trained_like(9000, 24, seed=7)
    whole = top_n(x, y, 15, num_threads=1, simd=simd)
    for threads in (2, 3):
        assert_same(top_n(x, y, 15, num_threads=threads, simd=simd), whole)
    for start, stop in ((0, 1), (5, 18), (700, 1300)):
        part = top_n(x[start:stop], y, 15, num_threads=2, simd=simd)
        assert_same(
            part,
            Hits(whole.ids[start:stop], whole.scores[start:stop], whole.counts[start:stop]),
        )
    allow = np.unique(whole.ids[:4])
    few = top_n(x[:4], y, 15, allow=allow, simd=simd)
    np.testing.assert_array_equal(few.scores, whole.scores[:4])


def test_equal_scores_come_in_row_order() -> None:
    y = np.ones((5000, 3), np.float32)
    found = top_n(np.ones((2, 3), np.float32), y, 100, num_threads=2)
    np.testing.assert_array_equal(found.ids, np.tile(np.arange(100), (2, 1)))
    found = top_n(np.zeros((1, 3), np.float32), -y, 10, deny=[0, 2])  # scores are -0.0
    assert found.ids.tolist() == [[1, 3, 4, 5, 6, 7, 8, 9, 10, 11]]


def test_sign_of_zero_is_no_order() -> None:
    found = top_n([[1.0]], [[-0.0], [0.0], [-0.0]], 3)
    assert found.ids.tolist() == [[0, 1, 2]]


def test_overflow_to_nan_or_minus_infinity_is_never_returned() -> None:
    huge = np.float32(3e38)
    items = [[huge, -huge], [0.0, 0.0], [-huge, -huge], [1.0, 0.0]]
    found = top_n([[huge, huge]], items, 4, simd="baseline")  # inf - inf without fused arithmetic
    assert found.ids.tolist() == [[3, 1, -1, -1]]
    assert found.counts.tolist() == [2]
    assert 2 not in top_n([[huge, huge]], items, 4).ids


def test_unsorted_and_explicit_zero_entries_exclude() -> None:
    exclude = csr_matrix(
        (np.array([1.0, 0.0], np.float32), np.array([2, 0]), np.array([0, 2])), shape=(1, 3)
    )
    assert top_n([[1.0]], [[3.0], [2.0], [1.0]], 3, exclude=exclude).ids.tolist() == [[1, -1, -1]]


def test_many_thousands_wanted() -> None:
    random = np.random.default_rng(8)
    x, y = whole_numbers(random, 30, 5), whole_numbers(random, 20_000, 5)
    assert_same(top_n(x, y, 20_000, num_threads=2), top_n_reference(x, y, 20_000))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": [[np.nan, 1.0]]}, "queries hold nan in row 0, factor 0"),
        ({"queries": [[1.0, 1e300]]}, "queries hold inf in row 0, factor 1"),
        ({"items": [[1.0, 2.0], [np.inf, 0.0]]}, "items hold inf in row 1, factor 0"),
        ({"queries": [[1.0]]}, "queries have 1 factors, the index has 2"),
        ({"queries": [1.0, 2.0]}, "expected two dimensions"),
        ({"queries": [["a", "b"]]}, "not a matrix of numbers"),
        ({"n": 0}, "n is 0, expected a whole number of at least 1"),
        ({"n": 1.5}, "n is 1.5"),
        ({"num_threads": -1}, "num_threads is -1"),
        ({"allow": [2]}, "allow holds row 2, expected rows from 0 to 1"),
        ({"deny": [-1]}, "deny holds row -1"),
        ({"deny": [0.5]}, "deny is an array of float64"),
        ({"exclude": csr_matrix((1, 3))}, "exclude has shape"),
        ({"exclude": np.zeros((1, 2))}, "exclude is a ndarray"),
        ({"simd": "mmx"}, "SIMD variant 'mmx' cannot run here; choose one of baseline"),
    ],
)
def test_bad_input_is_refused_in_one_line(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "queries": [[1.0, 2.0]], "items": [[1.0, 2.0], [3.0, 4.0]], "n": 1, **change,
    }  # fmt: skip
    with pytest.raises(InvalidInputError) as raised:
        top_n(**arguments)  # type: ignore[arg-type]
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_environment_chooses_the_variant_and_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALSATIAN_SIMD", "baseline")
    assert simd_in_use() == "baseline"
    monkeypatch.setenv("ALSATIAN_SIMD", "none-such")
    with pytest.raises(InvalidInputError, match="ALSATIAN_SIMD"):
        simd_in_use()
    with pytest.raises(InvalidInputError, match="none-such"):
        top_n([[1.0]], [[1.0]], 1)


def test_gil_is_released() -> None:
    x, y = trained_like(4000, 64, seed=9), trained_like(20_000, 64, seed=10)
    searching = threading.Thread(target=lambda: top_n(x, y, 10, num_threads=1, simd="baseline"))
    ticks = 0
    searching.start()
    while searching.is_alive():
        ticks += 1
        time.sleep(0.005)
    assert ticks > 3


INTERRUPTED = """
import _thread, threading, time
import numpy as np
from recsys.retrieval import top_n
x = np.ones((60_000, 64), np.float32); y = np.random.default_rng(0).normal(size=(60_000, 64))
y = y.astype(np.float32)
fired = []
def fire():
    fired.append(time.perf_counter())
    _thread.interrupt_main()
threading.Timer(0.5, fire).start()
try:
    while True:
        top_n(x, y, 10, simd="baseline")
except KeyboardInterrupt:
    print("stopped", time.perf_counter() - fired[0] < 1.0)
print(top_n(x[:1], y, 1).counts[0])
"""


def test_interrupt_stops_a_long_search() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert done.stdout.split() == ["stopped", "True", "1"]

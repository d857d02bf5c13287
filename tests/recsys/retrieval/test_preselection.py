"""Preselection in whole numbers: the plain search's answer, bit for bit, whatever the vectors."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from recsys.retrieval import ExactIndex, simd_variants, top_n, workspace_bytes
from recsys.retrieval.exact import PRESELECT_FROM

from .conftest import random_exclude, trained_like
from .test_exact import assert_same

Floats = NDArray[np.float32]
RUNNABLE = [name for name in simd_variants() if name != "amx"]
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
both_kernels = pytest.mark.parametrize("simd", RUNNABLE)


def assert_plain(x: Floats, y: Floats, n: int, **options: object) -> None:
    plain = top_n(x, y, n, preselect=False, **options)  # type: ignore[arg-type]
    assert_same(top_n(x, y, n, preselect=True, **options), plain)  # type: ignore[arg-type]


@both_kernels
@pytest.mark.parametrize("factors", [1, 2, 3, 15, 16, 17, 64, 200])
def test_trained_factors(simd: str, factors: int) -> None:
    x, y = trained_like(700, factors, seed=1), trained_like(5000, factors, seed=2)
    exclude = random_exclude(700, 5000, 0.03, seed=3)
    allow = np.random.default_rng(4).permutation(5000)[:2500]
    assert_plain(x, y, 20, simd=simd)
    assert_plain(x, y, 20, exclude=exclude, num_threads=1, simd=simd)
    assert_plain(x, y, 20, exclude=exclude, allow=allow, num_threads=3, simd=simd)
    assert_plain(x[:3], y, 400, exclude=exclude[:3], simd=simd)


@both_kernels
@settings(max_examples=60, deadline=None)
@given(
    x=arrays(np.float32, (9, 5), elements=FINITE),
    y=arrays(np.float32, (40, 5), elements=FINITE),
    n=st.integers(1, 45),
)
def test_any_finite_numbers(simd: str, x: Floats, y: Floats, n: int) -> None:
    assert_plain(x, y, n, simd=simd)


@both_kernels
def test_lengths_from_the_least_to_the_largest_number(simd: str) -> None:
    random = np.random.default_rng(5)
    scales = np.float32(10.0) ** np.linspace(-44, 18, 600, dtype=np.float32)[:, None]
    y = (scales * random.normal(size=(600, 6))).astype(np.float32)
    x = (scales[::7] * random.normal(size=(86, 6))).astype(np.float32)
    assert_plain(x, y, 10, simd=simd)
    assert_plain(x, random.permutation(y), 300, simd=simd)


@both_kernels
def test_scores_closer_than_whole_numbers_can_tell(simd: str) -> None:
    random = np.random.default_rng(6)
    x = random.normal(size=(50, 32)).astype(np.float32)
    one = random.normal(size=(1, 32)).astype(np.float32)
    near = one * (1 + 1e-6 * random.normal(size=(3000, 32)).astype(np.float32))
    assert_plain(x, near, 20, simd=simd)  # hundreds within rounding: searched plainly
    mixed = np.concatenate([near[:30], random.normal(size=(2000, 32)).astype(np.float32)])
    assert_plain(x, mixed, 20, simd=simd)


@both_kernels
def test_equal_items_and_zeros_come_in_row_order(simd: str) -> None:
    random = np.random.default_rng(7)
    y = np.repeat(random.normal(size=(40, 8)).astype(np.float32), 50, axis=0)
    y[::3] = 0
    x = random.normal(size=(64, 8)).astype(np.float32)
    x[::5] = 0
    assert_plain(x, y, 120, simd=simd)
    found = top_n(np.zeros((40, 8), np.float32), y, 5, simd=simd, preselect=True)
    assert found.ids.tolist() == [[0, 1, 2, 3, 4]] * 40


@both_kernels
def test_lists_that_need_negative_scores(simd: str) -> None:
    random = np.random.default_rng(8)
    y = np.abs(random.normal(size=(900, 12))).astype(np.float32)
    assert_plain(-np.abs(random.normal(size=(70, 12))).astype(np.float32), y, 30, simd=simd)


@both_kernels
def test_everything_excluded_for_some(simd: str) -> None:
    x, y = trained_like(40, 8, seed=9), trained_like(300, 8, seed=10)
    exclude = random_exclude(40, 300, 0.5, seed=11).tolil()
    exclude[3, :] = 1
    exclude[5, :295] = 1
    assert_plain(x, y, 20, exclude=exclude.tocsr(), simd=simd)


def test_an_index_answers_alike_before_and_after_it_has_whole_numbers() -> None:
    x, y = trained_like(200, 24, seed=12), trained_like(4000, 24, seed=13)
    index = ExactIndex(y)
    expected = top_n(x, y, 15, preselect=False)
    few = [index.search(x[at : at + 1], 15) for at in range(PRESELECT_FROM + 5)]
    for at, hits in enumerate(few):
        np.testing.assert_array_equal(hits.ids[0], expected.ids[at])
        np.testing.assert_array_equal(hits.scores[0], expected.scores[at])
    assert_same(index.search(x, 15), expected)
    deny = expected.ids[:, 0]
    for _ in range(2):  # made, then kept
        assert_same(index.search(x, 15, deny=deny), top_n(x, y, 15, deny=deny, preselect=False))
    assert_same(index.search(x, 15, deny=[1]), top_n(x, y, 15, deny=[1], preselect=False))
    assert_same(pickle.loads(pickle.dumps(index)).search(x, 15), expected)


def test_another_variant_makes_its_own_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = trained_like(60, 16, seed=14), trained_like(500, 16, seed=15)
    index = ExactIndex(y)
    for simd in [*RUNNABLE, *RUNNABLE]:
        monkeypatch.setenv("ALSATIAN_SIMD", simd)
        assert_same(index.search(x, 9), top_n(x, y, 9, preselect=False))


def test_threads_share_an_index() -> None:
    x, y = trained_like(300, 16, seed=16), trained_like(6000, 16, seed=17)
    index, expected, wrong = ExactIndex(y), top_n(x, y, 10, preselect=False), []

    def ask() -> None:
        for _ in range(5):
            found = index.search(x, 10, num_threads=1)
            wrong.append(not np.array_equal(found.ids, expected.ids))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 20


def test_work_space_counts_the_whole_numbers() -> None:
    more = workspace_bytes(20, 64, 2, size=1_000_000) - workspace_bytes(20, 64, 2)
    assert 1_000_000 * 128 < more < 1_000_000 * 160

"""A matrix in a file is trained on where it lies, whatever the types of its indices."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

from recsys.als import AlternatingLeastSquares, csr_over
from recsys.als.sparse import canonical_csr
from recsys.errors import InvalidInputError

from .conftest import random_matrix

USERS, ITEMS, ENTRIES = 20_000, 500, 100


def model() -> AlternatingLeastSquares:
    return AlternatingLeastSquares(
        4, iterations=1, random_state=1, num_threads=1, calculate_training_loss=True
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two million entries as files: 8 MB of values, as many of indices."""
    folder = tmp_path_factory.mktemp("mapped")
    first = np.random.default_rng(1).integers(0, ITEMS - ENTRIES, (USERS, 1), dtype=np.int32)
    indices = (first + np.arange(ENTRIES, dtype=np.int32)).reshape(-1)
    np.save(folder / "indices.npy", indices)
    np.save(folder / "data.npy", np.ones(indices.size, np.float32))
    np.save(folder / "indptr.npy", np.arange(USERS + 1, dtype=np.int64) * ENTRIES)
    return folder


def mapped(files):
    return tuple(
        np.load(files / f"{name}.npy", mmap_mode="r") for name in ("data", "indices", "indptr")
    )


@pytest.mark.parametrize("make", [csr_over, lambda *parts: csr_matrix(parts[:3], shape=parts[3])])
def test_no_copy_is_made(files, make):
    data, indices, indptr = mapped(files)
    matrix = make(data, indices, indptr, (USERS, ITEMS))
    trained = model()
    tracemalloc.start()  # arrays of NumPy are counted; the transpose, of the native core, is not
    try:
        trained.fit(matrix, show_progress=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    factors = (USERS + ITEMS) * 4 * 4
    assert peak < factors + data.nbytes / 2, f"{peak / data.nbytes:.2f} of the values"
    assert np.shares_memory(matrix.data, data)
    assert np.shares_memory(matrix.indices, indices)
    canonical = canonical_csr(matrix, "matrix")
    assert np.shares_memory(canonical.indices, indices)
    assert matrix.indices.dtype == np.int32


def test_factors_are_those_of_the_matrix_in_memory(files):
    data, indices, indptr = mapped(files)
    one, other = model(), model()
    one.fit(csr_over(data, indices, indptr, (USERS, ITEMS)), show_progress=False)
    copied = csr_matrix((data.copy(), indices.copy(), indptr.copy()), shape=(USERS, ITEMS))
    other.fit(copied, show_progress=False)
    np.testing.assert_array_equal(one.user_factors, other.user_factors)
    np.testing.assert_array_equal(one.item_factors, other.item_factors)
    assert one.history_[0]["loss"] == other.history_[0]["loss"]


@pytest.mark.parametrize("kind", [csr_matrix, csr_array])
@pytest.mark.parametrize("types", [(np.int32, np.int32), (np.int64, np.int32), (np.int64,) * 2])
def test_unsorted_and_doubled_entries_of_any_types_are_mended_in_a_copy(kind, types):
    sound = random_matrix(30, 20, 0.3, seed=2)
    rng = np.random.default_rng(3)
    indices, data = [], []
    for row in range(30):
        part = slice(sound.indptr[row], sound.indptr[row + 1])
        order = rng.permutation(2 * (part.stop - part.start))
        indices.append(np.tile(sound.indices[part], 2)[order])
        data.append(np.tile(sound.data[part] / 2, 2)[order])
    given = kind((30, 20), dtype=np.float32)
    given.data, given.indices = np.concatenate(data), np.concatenate(indices).astype(types[1])
    given.indptr = 2 * sound.indptr.astype(types[0])
    before = given.indices.copy()
    made = canonical_csr(given, "matrix")
    np.testing.assert_array_equal(made.toarray(), sound.toarray())
    np.testing.assert_array_equal(given.indices, before)


def test_room_behind_the_last_entry_is_left_out():
    sound = random_matrix(30, 20, 0.3, seed=2)
    roomy = csr_matrix((30, 20), dtype=np.float32)
    roomy.indptr = sound.indptr.astype(np.int64)
    roomy.indices = np.concatenate([sound.indices, np.full(500, -7, np.int32)])
    roomy.data = np.concatenate([sound.data, np.full(500, np.nan, np.float32)])
    made = canonical_csr(roomy, "matrix")
    np.testing.assert_array_equal(made.toarray(), sound.toarray())
    assert len(roomy.data) == sound.nnz + 500


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"indptr": np.array([0, 2, 1, 3])}, "rise"),
        ({"indptr": np.array([1, 1, 2, 3])}, "rise"),
        ({"indptr": np.array([0, 1, 3])}, "3 pointers"),
        ({"indptr": np.array([0, 1, 2, 4])}, "end at 4"),
        ({"indices": np.array([0, 3, 1])}, "outside 0 to 2"),
        ({"indices": np.array([0, -1, 1])}, "outside 0 to 2"),
        ({"indices": np.array([0.0, 1.0, 1.0])}, "float64"),
        ({"indices": np.array([[0, 1, 1]])}, "one dimension"),
        ({"data": np.ones(2, np.float32)}, "2 values"),
    ],
)
@pytest.mark.parametrize("pointers", [np.int32, np.int64])
def test_what_contradicts_itself_is_one_clear_line(changes, says, pointers):
    broken = csr_matrix(np.eye(3, dtype=np.float32))
    broken.indptr = broken.indptr.astype(pointers)
    for name, value in changes.items():
        setattr(broken, name, value)
    with pytest.raises(InvalidInputError, match=says) as raised:
        model().fit(broken, show_progress=False)
    assert "\n" not in str(raised.value)


def test_arrays_of_other_sizes_are_refused():
    parts = np.ones(3, np.float32), np.zeros(3, np.int32), np.array([0, 1, 2, 3])
    for bad in (
        (parts[0][:2], *parts[1:]),
        (*parts[:2], parts[2][:2]),
        (parts[0][None], *parts[1:]),
    ):
        with pytest.raises(InvalidInputError):
            csr_over(*bad, (3, 3))

"""The facade over outside ids, on real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from recsys import Allow, AlternatingLeastSquares, Deny, Interactions, Recommender, Where
from recsys.content import encode_items, predict_factors
from recsys.errors import (
    InvalidInputError,
    UnknownIdError,
)

from .fitting import COLD, HashedWords


def test_lists_are_what_the_factors_say(fitted: Recommender) -> None:
    users = [196, 7, 405]
    found = fitted.recommend(users, n=25)
    assert found.schema.names == ["user_id", "item_id", "rank", "score"]
    assert [str(kind) for kind in found.schema.types] == ["int64", "int64", "int32", "float"]
    for user in users:
        mine = found.filter(pc.field("user_id") == user)
        row = fitted.users.rows([user])[0]
        scores = fitted.item_factors @ fitted.model.user_factors[row]
        scores[fitted.interactions.matrix[row].indices] = -np.inf
        best = np.argsort(-scores, kind="stable")[:25]
        assert mine["rank"].to_pylist() == list(range(1, 26))
        assert mine["item_id"].to_pylist() == fitted.items.take(best).to_pylist()
        np.testing.assert_allclose(mine["score"], scores[best], rtol=1e-4, atol=1e-5)


def test_everything_but_the_seen_can_be_had(fitted: Recommender) -> None:
    row = fitted.users.rows([405])[0]
    seen = fitted.interactions.matrix[row].nnz
    assert fitted.recommend([405], n=5000).num_rows == len(fitted.items) - seen
    everything = fitted.recommend([405], n=5000, exclude_seen=False)
    assert sorted(everything["item_id"].to_pylist()) == sorted(fitted.items.ids.to_pylist())


def test_rules_apply_inside_the_search(fitted: Recommender) -> None:
    cold = fitted.recommend([7], n=10, rules=[Allow(COLD), Deny([50])])
    assert sorted(cold["item_id"].to_pylist()) == [1, 181]
    old = fitted.recommend([7], n=10, rules=[Where(pc.field("release_year") == "1957")])
    assert old.num_rows > 2
    assert fitted.catalogue is not None
    for item in old["item_id"].to_pylist():
        assert fitted.catalogue.year(int(fitted.items.rows([item])[0])) == 1957
    assert fitted.recommend([7], rules=[Allow([1]), Deny([1])]).num_rows == 0


def test_cold_items_get_factors_near_their_like(fitted: Recommender) -> None:
    assert fitted.items.ids.to_pylist()[-3:] == COLD
    assert np.isfinite(fitted.cold_factors).all()
    assert (np.abs(fitted.cold_factors).sum(axis=1) > 0).all()
    assert not set(COLD) & set(fitted.interactions.items.ids.to_pylist())


def test_a_visitor_with_two_likes(fitted: Recommender) -> None:
    found = fitted.recommend_from([172, 174], n=10)  # Star Wars V, Raiders of the Lost Ark
    assert found.num_rows == 10
    assert not {172, 174} & set(found["item_id"].to_pylist())
    assert fitted.recommend_from([172], n=5, exclude_seen=False)["item_id"].to_pylist()
    assert fitted.recommend_from([COLD[0]], n=5).num_rows == 5


def test_fold_in_of_a_users_history_is_that_user(fitted: Recommender) -> None:
    for user in (196, 7):
        history = fitted.history(user)
        vector = fitted.fold_in(history["item_id"], history["weight"].to_pylist())
        np.testing.assert_allclose(vector, fitted.user_vector(user), rtol=2e-3, atol=2e-4)


def test_what_is_rejected_has_label_0_and_its_weight(fitted: Recommender) -> None:
    """Against the dense normal equations; where it is liked too, or weighs no more, no change."""
    liked, rejected, model = [172, 173, 174], [98, 100, 174], fitted.model
    rows, against = fitted.items.rows(liked), fitted.items.rows(rejected[:2])
    learned = fitted.item_factors[: fitted.interactions.n_items].astype(float)
    weights = np.full(len(learned), model.unobserved_weight)
    weights[rows], weights[against] = model.alpha, 3.0 * model.alpha
    count = len(rows) + model.unobserved_weight * len(learned)
    strength = model.regularization * count**model.regularization_exponent
    matrix = (learned.T * weights) @ learned + strength * np.eye(learned.shape[1])
    expected = np.linalg.solve(matrix, model.alpha * learned[rows].sum(axis=0))
    found = fitted.fold_in(liked, rejected=rejected, rejection=3.0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    plain = fitted.fold_in(liked)
    assert (learned[against] @ (found - plain) < 0).all()
    np.testing.assert_array_equal(fitted.fold_in(liked, rejected=[174]), plain)
    light = fitted.fold_in(liked, rejected=[98], rejection=model.unobserved_weight / 2)
    np.testing.assert_allclose(light, plain, rtol=1e-6)
    for wrong in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(InvalidInputError, match="rejection"):
            fitted.fold_in(liked, rejected=[98], rejection=wrong)


def test_contributions_sum_to_the_score(fitted: Recommender) -> None:
    for user in (196, 7):
        best = [*fitted.recommend([user], n=3).to_pylist(), {"item_id": 1, "score": None}]
        for row in best:
            history = fitted.history(user)
            found = fitted.explain(user, row["item_id"], n=history.num_rows)
            shares = np.array(found.contributions["contribution"])
            assert shares.sum() == pytest.approx(found.score, rel=1e-9)
            assert (np.diff(shares) <= 0).all()
            assert sorted(found.contributions["item_id"].to_pylist()) == sorted(
                history["item_id"].to_pylist()
            )
            if row["score"] is not None:
                assert found.score == pytest.approx(row["score"], rel=2e-3)


def test_without_an_item_its_contribution_is_gone(fitted: Recommender) -> None:
    """The definition, from outside: removing b's term from the right-hand side."""
    liked, target = [172, 174, 98], 50
    found = fitted.explain_from(liked, target)
    system = fitted._systems.of(fitted.items.rows(liked), np.ones(3, np.float32))
    direction = fitted.item_factors[fitted.items.rows([target])[0]].astype(float)
    dense = fitted._systems._base + (system.liked.T * (1 - 1.0)) @ system.liked
    dense += fitted.model.regularization * np.eye(dense.shape[0])
    expected = {
        item: direction @ np.linalg.solve(dense, factor)
        for item, factor in zip(liked, system.liked, strict=True)
    }
    for row in found.contributions.to_pylist():
        assert row["contribution"] == pytest.approx(expected[row["item_id"]], rel=1e-6)


def test_similar_items(fitted: Recommender) -> None:
    found = fitted.similar_items(50 + 122, n=8)  # a Star Wars film
    assert found["rank"].to_pylist() == list(range(1, 9))
    scores = np.array(found["score"])
    assert (np.diff(scores) <= 0).all()
    assert scores.max() <= 1 + 1e-5
    assert 172 not in found["item_id"].to_pylist()
    assert fitted.similar_items(172, n=3, by="content").num_rows == 3


def test_history_is_newest_first(fitted: Recommender) -> None:
    history = fitted.history(196)
    assert (np.diff(np.array(history["timestamp"])) <= 0).all()


def test_bad_requests(fitted: Recommender) -> None:
    with pytest.raises(UnknownIdError, match="unknown user 4040"):
        fitted.recommend([4040])
    with pytest.raises(UnknownIdError, match="unknown item 'x'"):
        fitted.similar_items("x")
    for n in (0, -1, 1.5, True):
        with pytest.raises(InvalidInputError, match=r"n is .*, expected a whole number"):
            fitted.recommend([7], n=n)
    with pytest.raises(InvalidInputError, match="at least one"):
        fitted.recommend_from([])
    with pytest.raises(InvalidInputError, match="finite numbers > 0"):
        fitted.recommend_from([172], weights=[float("nan")])
    with pytest.raises(InvalidInputError, match="1 lists for 2 vectors"):
        fitted.search(np.zeros((2, 16)), 3, exclude=[[1]])
    with pytest.raises(InvalidInputError, match="expected 'factors' or 'content'"):
        fitted.similar_items(172, by="magic")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="without items"):
        Recommender.fit(fitted.interactions, item_text=["title"])


def test_string_ids_all_the_way(tmp_path: Path) -> None:
    events = pa.table(
        {"user_id": ["ann", "ann", "ben", "cy"], "item_id": ["tea", "jam", "tea", "ham"]}
    )
    made = Recommender.fit(
        Interactions.from_frame(events), model=AlternatingLeastSquares(4, random_state=0)
    )
    made.save(tmp_path / "m")
    found = Recommender.load(tmp_path / "m").recommend(["ben"], n=9)
    assert found["user_id"].to_pylist() == ["ben", "ben"]
    assert found["item_id"].to_pylist()[0] == "jam"


def test_predicted_factors_recover_a_linear_map() -> None:
    random = np.random.default_rng(0)
    mapping = random.normal(size=(12, 6))
    vectors = random.normal(size=(500, 12)).astype(np.float32)
    factors = vectors @ mapping + 3 + 0.01 * random.normal(size=(500, 6))
    predicted = predict_factors(vectors, factors[:400].astype(np.float32), np.full(400, 9))
    np.testing.assert_allclose(predicted, factors[400:], atol=0.06)


def test_predicted_factors_of_noise_are_the_mean() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(300, 20)).astype(np.float32)
    factors = random.normal(size=(200, 4)).astype(np.float32) + 5
    predicted = predict_factors(vectors, factors, np.full(200, 9))
    assert np.abs(predicted - factors.mean(axis=0)).max() < 0.7


def test_items_without_text() -> None:
    content = encode_items(["a b", "", "c"], HashedWords())
    assert np.abs(content.item_vectors[1]).sum() == 0
    with pytest.raises(InvalidInputError, match="no item has any text"):
        encode_items(["", " "], HashedWords())


def test_cold_items_beat_chance_with_real_sentence_vectors(ml100k: Path) -> None:
    """Hide one film in ten: by title and genres alone, are they offered to who liked them?"""
    events = Interactions.from_parquet(ml100k / "interactions.parquet")
    items = pq.read_table(ml100k / "items.parquet")
    hidden = np.arange(events.n_items) % 10 == 3
    train = Interactions.from_csr(
        events.matrix[:, ~hidden], events.users.ids, events.items.take(np.flatnonzero(~hidden))
    )
    made = Recommender.fit(
        train,
        items=items,
        item_text=["class", "movie_title"],
        model=AlternatingLeastSquares(32, 0.1, iterations=8, random_state=0),
    )
    cold_ids = events.items.take(np.flatnonzero(hidden))
    found = made.recommend(events.users.ids, n=10, rules=[Allow(cold_ids)], exclude_seen=False)
    truth = events.matrix[:, hidden]
    place = np.full(events.n_items, -1)
    place[np.flatnonzero(hidden)] = np.arange(hidden.sum())
    got = place[events.items.rows(found["item_id"])].reshape(events.n_users, 10)
    liked = [truth[user, got[user]].astype(bool).sum() / 10 for user in range(events.n_users)]
    chance = truth.nnz / (truth.shape[0] * truth.shape[1])
    assert np.mean(liked) > 1.5 * chance, (np.mean(liked), chance)


def test_visitors_who_like_only_cold_items() -> None:
    """The system stays positive definite, and what is liked scores near its label of 1."""
    random = np.random.default_rng(0)
    events = Interactions.from_csr(
        sp.csr_matrix((random.random((40, 15)) < 0.3).astype(np.float32))
    )
    names = [" ".join(random.choice(list("abcdefgh"), 3)) for _ in range(115)]
    items = pa.table({"item_id": np.arange(115), "title": names})
    for alpha in (0.1, 1.0):
        made = Recommender.fit(
            events,
            items=items,
            item_text=["title"],
            model=AlternatingLeastSquares(8, 0.01, alpha, random_state=0),
            encoder=HashedWords(),
        )
        for count in (5, 60, 100):
            liked = np.arange(15, 15 + count)
            scores = made.item_factors[liked] @ made.fold_in(liked)
            assert 0 < scores.mean() < 1.5, (alpha, count)


def test_asking_for_more_than_there_is_costs_no_memory(fitted: Recommender) -> None:
    assert fitted.similar_items(172, n=10**15).num_rows == len(fitted.items) - 1
    assert fitted.recommend([7], n=10**15).num_rows > 1000


def test_weights_by_popularity_hold_for_visitors_and_after_loading(
    ml100k: Path, tmp_path: Path
) -> None:
    events = Interactions.from_frame(pq.read_table(ml100k / "interactions.parquet"))
    model = AlternatingLeastSquares(
        8, 0.1, iterations=3, random_state=1, unobserved_weight=0.2, popularity_exponent=0.5
    )
    made = Recommender.fit(events, model=model)
    made.save(tmp_path / "model")
    for each in (made, Recommender.load(tmp_path / "model")):
        history = events.matrix[4]
        liked = each.items.take(history.indices).to_pylist()
        found = each.fold_in(liked, history.data.tolist())
        np.testing.assert_allclose(found, model.user_factors[4], rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(each.model.item_weights, model.item_weights)


def test_a_model_with_biases_is_refused(ml100k: Path) -> None:
    events = Interactions.from_frame(pq.read_table(ml100k / "interactions.parquet"))
    with pytest.raises(InvalidInputError, match="biases=False"):
        Recommender.fit(events, model=AlternatingLeastSquares(8, biases=True))

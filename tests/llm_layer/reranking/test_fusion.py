from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from reranking_doubles import among

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.profile import UserProfile
from llm_layer.rerank import Ranked, Usage, Wish
from llm_layer.reranking import Example, Fusion, FusionReranker, fit_fusion, trials
from llm_layer.reranking.fitting import Table, _expanded
from llm_layer.reranking.fusion import gather, standardized
from llm_layer.reranking.ordering import ranked_by
from llm_layer.retrieve import Candidates
from recsys.errors import (
    DownloadError,
    InputNotFoundError,
    InvalidInputError,
    ModelFormatError,
)
from recsys.recommender import Recommender

WISH, NOBODY = Wish(), UserProfile()


class Says:
    """A signal with a value for each row."""

    def __init__(self, name: str, values: dict[int, float] | Exception, reason: str = "") -> None:
        self.signals = (name,)
        self.values, self.reason = values, reason
        self.asked = 0

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        self.asked += 1
        if isinstance(self.values, Exception):
            raise self.values
        values = np.array([self.values.get(int(row), np.nan) for row in candidates.rows])
        usage = Usage(1.0, calls=2, prompt_tokens=5)
        return ranked_by(candidates, self.signals[0], values, self.reason, ("mended",), usage)


def test_signals_come_back_in_the_candidates_order() -> None:
    candidates = among([7, 3, 9, 1])
    parts, _ = gather([Says("x", {3: 0.9, 7: 0.1, 1: 0.5})], candidates, WISH, NOBODY)
    np.testing.assert_array_equal(parts["x"], [0.1, 0.9, np.nan, 0.5])
    np.testing.assert_allclose(parts["score"], candidates.scores)


def test_the_order_is_the_weighted_sum_of_standardized_signals() -> None:
    candidates = among([7, 3, 9, 1], [4.0, 3.0, 2.0, 1.0])
    x, y = {7: 0.0, 3: 0.2, 9: 1.0, 1: 0.1}, {7: 0.3, 3: 0.1, 9: 0.2, 1: 0.9}
    fusion = Fusion({"score": 1.0, "x": 0.7, "y": 0.2})
    ranked = FusionReranker([Says("x", x), Says("y", y)], fusion).rerank(candidates, WISH, NOBODY)

    def scaled(values: list[float]) -> np.ndarray:
        return (np.array(values) - np.mean(values)) / np.std(values)

    total = (
        scaled([4, 3, 2, 1])
        + 0.7 * scaled([x[row] for row in (7, 3, 9, 1)])
        + 0.2 * scaled([y[row] for row in (7, 3, 9, 1)])
    )
    assert ranked.rows.tolist() == candidates.rows[np.argsort(-total)].tolist()
    assert (ranked.scores[0], ranked.scores[-1]) == (1.0, 0.0)
    assert set(ranked.parts) == {"score", "x", "y"}
    assert (ranked.parts["score"].min(), ranked.parts["score"].max()) == (0, 1)
    assert ranked.parts["x"].tolist() == [x[int(row)] for row in ranked.rows]
    assert (ranked.usage.calls, ranked.usage.prompt_tokens) == (4, 10)
    assert ranked.repairs == ("mended",)


def test_what_has_no_weight_is_not_asked() -> None:
    helps, does_not = Says("x", {1: 1.0, 2: 0.0}), Says("llm", {1: 0.0, 2: 1.0})
    fusion = Fusion({"score": 1.0, "x": 0.5, "llm": 0.0})
    FusionReranker([helps, does_not], fusion).rerank(among([1, 2]), WISH, NOBODY)
    assert (helps.asked, does_not.asked) == (1, 0)


def test_a_signal_that_fails_abstains_with_its_reason() -> None:
    failing = Says("x", DownloadError("no network"))
    silent = Says("y", {}, reason="timed out: late")
    fusion = Fusion({"score": 1.0, "x": 3.0, "y": 3.0})
    ranked = FusionReranker([failing, silent], fusion).rerank(among([5, 2, 4]), WISH, NOBODY)
    assert ranked.rows.tolist() == [5, 2, 4]
    assert ranked.reason == "failed: no network; timed out: late"
    assert set(ranked.parts) == {"score"}


def test_what_was_not_judged_is_neither_lifted_nor_lowered() -> None:
    assert standardized([np.nan, 1.0, 3.0]).tolist() == [0.0, -1.0, 1.0]
    assert standardized([np.nan, np.nan]).tolist() == [0.0, 0.0]
    assert standardized([0.3, 0.3, 0.3]).tolist() == [0.0, 0.0, 0.0]


def test_no_candidates_are_an_error() -> None:
    with pytest.raises(InvalidInputError, match="no candidates"):
        FusionReranker([], Fusion({"score": 1.0})).rerank(among([]), WISH, NOBODY)


@pytest.mark.parametrize(
    "weights", [{}, {"score": 0.0}, {"score": 1.0, "x": -0.1}, {"score": float("nan")}]
)
def test_weights_that_cannot_be(weights: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError, match="weight of"):
        Fusion(weights)


def test_a_weight_needs_exactly_one_source() -> None:
    fusion = Fusion({"score": 1.0, "x": 1.0})
    with pytest.raises(InvalidInputError, match="comes from 0"):
        FusionReranker([Says("y", {})], fusion)
    with pytest.raises(InvalidInputError, match="comes from 2"):
        FusionReranker([Says("x", {}), Says("x", {})], fusion)
    assert fusion.with_weights(mood=2.0).weights == {"score": 1.0, "x": 1.0, "mood": 2.0}


# Fitting


def examples(n: int, *, good: float = 0.0, seed: int = 0) -> list[Example]:
    """Users whose choice follows the score, a signal of so much use, and one of none."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        score, useful, noise = random.normal(size=(3, 40))
        taste = score + good * useful + random.gumbel(size=40)
        relevant = np.zeros(40, np.bool_)
        relevant[np.argsort(-taste)[:4]] = True
        order = np.argsort(-score)
        signals = {"score": score[order], "useful": useful[order], "noise": noise[order]}
        made.append(Example(signals, relevant[order], 5))
    return made


def test_what_helps_gets_its_weight_and_what_does_not_gets_none() -> None:
    fusion = fit_fusion(examples(400, good=1.0), samples=200)
    assert fusion.weights["score"] == 1.0
    assert fusion.weights["useful"] == pytest.approx(1.0, abs=0.25)
    assert fusion.weights["noise"] == 0.0
    report = fusion.report
    assert report is not None
    assert report.verdicts["useful"].kept
    assert report.verdicts["useful"].low > 0
    assert not report.verdicts["noise"].kept
    assert report.low > 0
    assert report.fused == pytest.approx(report.prior + report.gain)
    assert (report.fitted_on, report.checked_on) == (200, 200)


def test_on_others_the_fusion_is_better_than_the_prior() -> None:
    fusion = fit_fusion(examples(200, good=1.0), samples=200)
    names = list(fusion.weights)
    table = Table(examples(200, good=1.0, seed=9), names)
    fused = table.ndcg([fusion.weights[name] for name in names], 10)
    prior = table.ndcg([float(name == "score") for name in names], 10)
    assert fused.mean() > prior.mean() + 0.02


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_leaves_the_prior(seed: int) -> None:
    made = examples(60, seed=seed)
    fusion = fit_fusion(made, samples=200, seed=seed)
    # The odds of noise to be taken for a signal are those of the interval.
    table = Table(made, list(fusion.weights))
    fused = table.ndcg(list(fusion.weights.values()), 10)
    assert fused.mean() >= table.ndcg([1.0, 0.0, 0.0], 10).mean()
    if fusion.weights["useful"] == fusion.weights["noise"] == 0:
        assert fusion.report is not None
        assert (fusion.report.gain, fusion.report.low, fusion.report.high) == (0, 0, 0)
        assert fusion.report.fused == fusion.report.prior


def test_few_users_need_a_clear_case() -> None:
    # Of Student's t with 4 degrees of freedom: resampling five values alone would be too sure.
    assert _expanded(0.95, 5) == pytest.approx(math.erf(2.7764 * math.sqrt(5 / 4) / math.sqrt(2)))
    assert _expanded(0.95, 100_000) == pytest.approx(0.95, abs=1e-4)


def test_a_signal_that_misleads_is_not_turned_round() -> None:
    made = [
        Example(
            {"score": each.signals["score"], "wrong": -each.signals["useful"]},
            each.relevant,
            each.held_out,
        )
        for each in examples(200, good=1.0)
    ]
    assert fit_fusion(made, samples=100).weights == {"score": 1.0, "wrong": 0.0}


def test_signals_that_some_users_lack_are_fitted_on_the_others() -> None:
    made = examples(400, good=1.5)
    for each in made[::2]:
        del each.signals["useful"]
    assert fit_fusion(made, samples=100).weights["useful"] > 0.5


def test_the_gradient_is_that_of_the_loss() -> None:
    table = Table(examples(30, good=1.0), ["score", "useful", "noise"])
    weights = np.array([0.7, 0.3, 0.1])
    _, gradient = table.loss(weights)
    for place in range(3):
        step = np.eye(3)[place] * 1e-6
        slope = (table.loss(weights + step)[0] - table.loss(weights - step)[0]) / 2e-6
        assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_the_loss_counts_no_padding() -> None:
    long, short = examples(2, good=1.0)
    cut = Example({name: part[:12] for name, part in short.signals.items()}, short.relevant[:12], 5)
    cut.relevant[0] = True
    names = ["score", "useful", "noise"]
    weights = np.array([1.0, 0.5, 0.2])
    alone = [Table([each], names).loss(weights)[0] for each in (long, cut)]
    ridge = 1e-4 * weights @ weights
    both = Table([long, cut], names).loss(weights)[0]
    assert both - ridge == pytest.approx(np.mean(alone) - ridge)
    ndcg = Table([long, cut], names).ndcg(weights, 10)
    assert ndcg[1] == pytest.approx(Table([cut], names).ndcg(weights, 10)[0])


def test_ndcg_is_the_textbook_s() -> None:
    relevant = np.array([False, True, False, True])
    table = Table([Example({"score": np.array([4.0, 3, 2, 1])}, relevant, 3)], ["score"])
    gained = 1 / np.log2(3) + 1 / np.log2(5)
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert table.ndcg([1.0], 10)[0] == pytest.approx(gained / ideal)
    assert table.ndcg([0.0], 2)[0] == pytest.approx(1 / np.log2(3) / (1 + 1 / np.log2(3)))


def test_bad_examples_are_named() -> None:
    made = examples(12)
    with pytest.raises(InvalidInputError, match="9 examples"):
        fit_fusion(made[:9])
    with pytest.raises(InvalidInputError, match="k is 0"):
        fit_fusion(made, k=0)
    with pytest.raises(InvalidInputError, match="level 1"):
        fit_fusion(made, level=1.0)
    nothing = Example(made[0].signals, made[0].relevant, 0)
    with pytest.raises(InvalidInputError, match="example 3 has 0 held-out"):
        fit_fusion([*made[:3], nothing, *made[4:]])
    uneven = Example({**made[0].signals, "noise": np.ones(3)}, made[0].relevant, 5)
    with pytest.raises(InvalidInputError, match="noise has shape"):
        fit_fusion([uneven, *made[1:]])


def test_the_same_seed_gives_the_same_fusion() -> None:
    made = examples(60, good=1.0)
    assert fit_fusion(made, samples=50, seed=3) == fit_fusion(made, samples=50, seed=3)


# Files


def test_weights_and_figures_survive_a_file(tmp_path: Path) -> None:
    fusion = fit_fusion(examples(100, good=1.0), samples=50)
    fusion.save(tmp_path / "fusion.json")
    assert Fusion.load(tmp_path / "fusion.json") == fusion
    by_hand = Fusion({"score": 1.0, "x": 0.5})
    by_hand.save(tmp_path / "fusion.json")
    assert Fusion.load(tmp_path / "fusion.json") == by_hand


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"format": 2},
        {"weights": None},
        {"weights": {"score": -1}},
        {"weights": {"score": "1"}},
        {"report": 5},
        {"report": {"verdicts": {}}},
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "fusion.json"
    Fusion({"score": 1.0}).save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelFormatError, match=r"fusion .*fusion.json"):
        Fusion.load(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="fusion"):
        Fusion.load(tmp_path / "absent.json")


# Held-out visitors


def test_trials_show_what_the_model_would_offer(rec: Recommender, facts: ItemFacts) -> None:
    random = np.random.default_rng(1)
    seen = rec.interactions.matrix
    test = sp.csr_matrix((random.random(seen.shape) < 0.3) & (seen.toarray() == 0))
    users = np.flatnonzero(np.diff(test.indptr))[::-1].tolist()
    made = trials(rec, facts, test, users, candidates=9)
    for user, trial in zip(users, made, strict=True):
        name = rec.users.take([user])[0].as_py()
        offered = rec.recommend([name], 9).column("item_id")
        assert rec.items.take(trial.candidates.rows).to_pylist() == offered.to_pylist()
        assert sorted(trial.held_out) == np.flatnonzero(test[[user]].toarray()[0]).tolist()
        assert set(trial.profile.history) == set(seen[[user]].indices)
    example = Example.of([Says("x", {1: 0.5})], made[0])
    assert example.relevant.sum() == np.isin(made[0].candidates.rows, made[0].held_out).sum()
    assert example.held_out == made[0].held_out.size
    with pytest.raises(InvalidInputError, match="shape"):
        trials(rec, facts, test[:3], [0])
    empty = sp.csr_matrix(test.shape)
    with pytest.raises(InvalidInputError, match="nothing held out"):
        trials(rec, facts, empty, [0])

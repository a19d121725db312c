from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.metrics.frechet import GaussianSums, frechet_distance, frechet_from_features

Array = NDArray[np.float64]
Moments = tuple[Array, Array, Array, Array]

SAMPLES = np.random.default_rng(0).normal(size=(40, 6)) * [1, 2, 3, 0.1, 0.01, 5] + [1000, 0, -3, 50, 0, 1]


def sums_of(samples: Array) -> GaussianSums:
    sums = GaussianSums.empty(samples.shape[1])
    sums.update(samples)
    return sums


def assert_equal(ours: GaussianSums, theirs: GaussianSums) -> None:
    assert ours.count == theirs.count
    np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.covariance(), theirs.covariance(), rtol=1e-9, atol=1e-11)


def moments(x: Array, y: Array) -> Moments:
    return x.mean(axis=0), np.cov(x.T), y.mean(axis=0), np.cov(y.T)


@pytest.fixture(scope="module")
def oracle() -> Callable[..., float]:
    """pytorch-fid's distance. SciPy 1.18 has taken away the argument of `sqrtm` that it passes."""
    from pytorch_fid import fid_score

    def sqrtm(matrix: Array, disp: bool = True) -> Array | tuple[Array, float]:
        root = scipy.linalg.sqrtm(matrix)
        return root if disp else (root, 0.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fid_score, "linalg", SimpleNamespace(sqrtm=sqrtm))
        yield fid_score.calculate_frechet_distance


def features(kind: str) -> tuple[Array, Array]:
    """Sets like those of networks: positive, of unequal spread, and one a distorted copy of the other."""
    random = np.random.default_rng(3)
    samples, width = 20 if kind == "low-rank" else 300, 48
    decades = {"random": 1, "low-rank": 1, "spread": 3, "nearly-singular": 7}[kind]
    spread = 10.0 ** -np.linspace(0, decades, width)
    x = np.maximum(random.normal(size=(samples, width)), 0) @ random.normal(size=(width, width)) * spread
    return x, 0.8 * x + 0.3 * spread * random.normal(size=x.shape) + 0.1 * spread


def test_sums_are_numpys_mean_and_covariance() -> None:
    sums = sums_of(SAMPLES)
    np.testing.assert_allclose(sums.mean, SAMPLES.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(sums.covariance(), np.cov(SAMPLES.T), rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(cuts=st.sets(st.integers(0, 40)), order=st.randoms(use_true_random=False))
def test_chunks_in_any_order_and_cut_give_the_same_sums(cuts: set[int], order: Random) -> None:
    pieces = np.split(SAMPLES, sorted(cuts))
    order.shuffle(pieces)
    sums = GaussianSums.empty(6)
    for piece in pieces:
        sums.update(piece)
    assert_equal(sums, sums_of(SAMPLES))


@settings(deadline=None)
@given(owners=st.lists(st.integers(0, 3), min_size=40, max_size=40))
def test_merged_parts_are_the_whole_and_a_part_can_be_taken_away(owners: list[int]) -> None:
    parts = [sums_of(SAMPLES[np.equal(owners, part)]) for part in range(4)]
    whole = GaussianSums.empty(6)
    for part in parts:
        whole.merge(part)
    assert_equal(whole, sums_of(SAMPLES))
    left = SAMPLES[np.not_equal(owners, 0)]
    if len(left) >= 2:
        assert_equal(whole.without(parts[0]), sums_of(left))


def test_taking_everything_away_leaves_nothing() -> None:
    left = sums_of(SAMPLES).without(sums_of(SAMPLES))
    assert left.count == 0
    left.update(SAMPLES)
    assert_equal(left, sums_of(SAMPLES))


def test_features_far_from_zero_keep_their_covariance() -> None:
    np.testing.assert_allclose(sums_of(SAMPLES + 1e7).covariance(), np.cov(SAMPLES.T), rtol=1e-5, atol=1e-6)


def test_saved_sums_resume_without_a_difference(tmp_path: Path) -> None:
    path = tmp_path / "sums"
    first = sums_of(SAMPLES[:17])
    first.save(path)
    resumed = GaussianSums.load(path)
    for sums in (first, resumed):
        sums.update(SAMPLES[17:])
    assert first.count == resumed.count == 40
    np.testing.assert_array_equal(first.scatter, resumed.scatter)
    np.testing.assert_array_equal(first.mean, resumed.mean)
    assert [file.name for file in tmp_path.iterdir()] == ["sums"]


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sums.npz"
    with pytest.raises(TokenBenchError, match=r"cannot read Gaussian sums from .*sums.npz"):
        GaussianSums.load(path)
    path.write_bytes(b"no numbers")
    with pytest.raises(TokenBenchError, match=r"cannot read Gaussian sums from .*sums.npz"):
        GaussianSums.load(path)
    sums_of(SAMPLES).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TokenBenchError, match=r"cannot read Gaussian sums from .*sums.npz"):
        GaussianSums.load(path)
    np.save(path.open("wb"), SAMPLES)
    with pytest.raises(TokenBenchError, match=r"cannot read Gaussian sums from .*sums.npz"):
        GaussianSums.load(path)
    np.savez(path, count=1)
    with pytest.raises(TokenBenchError, match="expected count, mean and scatter, got count"):
        GaussianSums.load(path)


@pytest.mark.parametrize(
    "change",
    [{"count": np.array(-1)}, {"count": np.array(1.5)}, {"mean": np.zeros(5)}, {"scatter": np.eye(6) * np.nan}],
)
def test_a_damaged_state_is_refused(change: dict[str, Array]) -> None:
    with pytest.raises(TokenBenchError, match="not saved Gaussian sums"):
        GaussianSums.from_state({**sums_of(SAMPLES).state(), **change})


def test_sums_that_cannot_be_written_are_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*sums.npz: No such file"):
        sums_of(SAMPLES).save(tmp_path / "missing" / "sums.npz")
    (tmp_path / "sums.npz").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*sums.npz: Is a directory"):
        sums_of(SAMPLES).save(tmp_path / "sums.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["sums.npz"]


def test_unfit_features_are_refused() -> None:
    sums = sums_of(SAMPLES)
    for refused in (
        lambda: sums.update(SAMPLES[:, :5]),
        lambda: sums.merge(GaussianSums.empty(5)),
        lambda: sums.without(GaussianSums.empty(5)),
    ):
        with pytest.raises(TokenBenchError, match="expected 6 features a sample, got 5"):
            refused()
    with pytest.raises(TokenBenchError, match="features must have 2 dimensions"):
        sums.update(SAMPLES[0])
    with pytest.raises(TokenBenchError, match="features holds NaN or infinite values"):
        sums.update(np.full((2, 6), np.inf))
    with pytest.raises(TokenBenchError, match="cannot take 80 samples from 40"):
        sums.without(sums_of(np.repeat(SAMPLES, 2, axis=0)))
    assert_equal(sums, sums_of(SAMPLES))


def test_a_covariance_needs_two_samples() -> None:
    with pytest.raises(TokenBenchError, match="at least two samples, got 1"):
        sums_of(SAMPLES[:1]).covariance()


@pytest.mark.parametrize("kind", ["random", "low-rank", "spread", "nearly-singular"])
def test_the_distance_is_pytorch_fids(kind: str, oracle: Callable[..., float]) -> None:
    given_moments = moments(*features(kind))
    expected = oracle(*given_moments)
    assert frechet_distance(*given_moments) == pytest.approx(expected, rel=1e-4)
    assert frechet_from_features(*features(kind)) == pytest.approx(expected, rel=1e-4)


def test_the_distance_of_full_and_low_rank_is_pytorch_fids(oracle: Callable[..., float]) -> None:
    mean1, full, *_ = moments(*features("random"))
    *_, mean2, low = moments(*features("low-rank"))
    expected = oracle(mean1, full, mean2, low)
    assert frechet_distance(mean1, full, mean2, low) == pytest.approx(expected, rel=1e-4)


@settings(deadline=None)
@given(
    variances=st.lists(st.tuples(*[st.floats(0, 100)] * 2), min_size=1, max_size=8),
    shift=st.floats(-10, 10),
    seed=st.integers(0, 99),
)
def test_covariances_with_common_axes_have_the_closed_form(
    variances: list[tuple[float, float]], shift: float, seed: int
) -> None:
    first, second = np.array(variances).T
    axes = scipy.linalg.qr(np.random.default_rng(seed).normal(size=(len(first),) * 2))[0]
    mean = np.full(len(first), shift)
    cov1, cov2 = axes * first @ axes.T, axes * second @ axes.T
    expected = len(first) * shift**2 + ((np.sqrt(first) - np.sqrt(second)) ** 2).sum()
    distance = frechet_distance(mean, cov1, 0 * mean, cov2)
    # A root of rounding is large: what is lost beside a variance of 100 can be 1e-6.
    assert distance == pytest.approx(expected, rel=1e-9, abs=1e-5)
    assert frechet_distance(0 * mean, cov2, mean, cov1) == pytest.approx(distance, rel=1e-9, abs=1e-5)


@pytest.mark.parametrize("samples", [150, 400, 1000])
def test_identical_sets_have_no_distance(samples: int) -> None:
    x = np.random.default_rng(1).normal(size=(samples, 400)) * np.sqrt(10) + 0.4
    mean, cov, *_ = moments(x, x)
    assert frechet_distance(mean, cov, mean, cov) < 1e-6
    assert frechet_from_features(x, x) < 1e-6


@pytest.mark.parametrize("decades", [0, 3, 6, 9, 14, 20])
def test_identical_covariances_of_any_condition_have_no_distance(decades: int) -> None:
    axes = scipy.linalg.qr(np.random.default_rng(2).normal(size=(100, 100)))[0]
    cov = axes * (10 * 10.0 ** -np.linspace(0, decades, 100)) @ axes.T
    assert frechet_distance(np.zeros(100), cov, np.zeros(100), cov) < 1e-9


@pytest.mark.parametrize("decades", [1, 3, 5, 6, 7, 9, 14])
@pytest.mark.parametrize("order", ["same", "reversed", "shuffled", "half"])
def test_the_trace_of_the_root_is_the_sum_of_singular_values(order: str, decades: int) -> None:
    random = np.random.default_rng(decades)
    axes, turn = (scipy.linalg.qr(random.normal(size=(60, 60)))[0] for _ in range(2))
    first = 10 * 10.0 ** -np.linspace(0, decades, 60)
    half = np.arange(60) < 40
    second = {"same": first, "reversed": first[::-1], "shuffled": random.permutation(first), "half": 10.0 * half}[order]
    first = np.where(half[::-1], first, 0) if order == "half" else first
    mixed = axes @ scipy.linalg.expm(1e-3 * (turn - turn.T)) if order != "half" else axes
    expected = np.linalg.norm((np.sqrt(first)[:, None] * (axes.T @ mixed)) * np.sqrt(second), "nuc")
    distance = frechet_distance(np.zeros(60), axes * first @ axes.T, np.zeros(60), mixed * second @ mixed.T)
    total = first.sum() + second.sum()
    assert distance == pytest.approx(total - 2 * expected, abs=3e-8 * total)


def test_sets_of_one_repeated_sample_have_the_distance_of_their_means() -> None:
    x, y = np.ones((5, 3)), np.full((5, 3), 3.0)
    assert frechet_from_features(x, y) == pytest.approx(12)
    assert frechet_distance(*moments(x, y)) == pytest.approx(12)


@pytest.mark.parametrize("samples", [2, 9, 10, 11, 60])
def test_features_and_moments_give_one_distance(samples: int) -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=(samples, 10)) + 7
    y = 1.2 * x + random.normal(size=x.shape)
    assert frechet_from_features(x, y) == pytest.approx(frechet_distance(*moments(x, y)), rel=1e-7)


def test_sets_that_share_few_directions_lose_no_digits() -> None:
    x, y = np.random.default_rng(6).normal(size=(2, 50, 60)) * 3
    x[:, 40:] = y[:, :20] = 0
    distance = frechet_from_features(x, y)
    assert frechet_distance(*moments(x, y)) == pytest.approx(distance, rel=1e-10)


@settings(deadline=None)
@given(times=st.lists(st.integers(0, 3), min_size=12, max_size=12).filter(lambda times: sum(times) > 1))
@pytest.mark.parametrize("width", [4, 30])
def test_weights_are_repeated_samples(width: int, times: list[int]) -> None:
    random = np.random.default_rng(7)
    x, y = random.normal(size=(2, 12, width))
    repeated = frechet_from_features(np.repeat(x, times, axis=0), np.repeat(y, times, axis=0))
    assert frechet_from_features(x, y, times) == pytest.approx(repeated, rel=1e-9, abs=1e-9)


def test_one_sample_has_no_distance() -> None:
    for weights, there in ((None, 1), ([1], 1), ([0], 0)):
        with pytest.raises(TokenBenchError, match=f"at least two samples, got {there}"):
            frechet_from_features(SAMPLES[:1], SAMPLES[:1], weights)


def test_unfit_moments_are_refused() -> None:
    with pytest.raises(TokenBenchError, match="needs two means of d and two covariances"):
        frechet_distance(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))
    with pytest.raises(TokenBenchError, match="cov2 holds NaN or infinite values"):
        frechet_distance(np.zeros(2), np.eye(2), np.zeros(2), np.eye(2) * np.nan)
    with pytest.raises(TokenBenchError, match="must have one shape"):
        frechet_from_features(SAMPLES, SAMPLES[1:])

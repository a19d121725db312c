"""Kernel distances of two sets of features: KID for Inception's, KVD for I3D's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tokenbench.metrics.estimate import Estimate, jackknife_error, normal_estimate
from tokenbench.metrics.paired_samples import PairedSamples, paired_samples

# Numbers of the KID paper, and the defaults of torch-fidelity.
SUBSETS = 100
SUBSET_SIZE = 1000


def kernel_distance(x: ArrayLike, y: ArrayLike, *, seed: int = 0) -> float:
    """Squared maximum mean discrepancy of two sets, unbiased, and so at times below 0.

    The kernel is (x.y / d + 1)^3. Sample i of one set is the reconstruction of sample i of the other, so the mean of
    k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j) is taken over pairs i != j only, in all four terms. Equal
    sets have the distance 0. Tools for independent sets keep i = j in the cross terms, which for reconstructions are
    the pairs that are most alike: their values are lower.

    All pairs are used of up to 1000 samples; of more, the mean over 100 random subsets of 1000.

    Args:
        x: n x d, real; an array or a memory-mapped file.
        y: the same shape.
        seed: of the random subsets.

    Raises:
        TokenBenchError: the shapes differ, a feature is not finite, or there are fewer than two samples.

    Source:
        Gretton et al., A kernel two-sample test (2012), Lemma 6; kernel and subsets: Binkowski et al., Demystifying
        MMD GANs (2018), section 4.
    """
    samples = np.asanyarray(x)
    return kernel_estimate(paired_samples(x, y, np.arange(len(samples))), seed=seed).value


def kernel_estimate(samples: PairedSamples, *, seed: int = 0) -> Estimate:
    """`kernel_distance` with an interval, from the values that leave out one cluster each.

    Args:
        samples: of both sets.
        seed: of the random subsets.
    """
    method = f"jackknife over {samples.groups} clusters, normal interval"
    # Of every cluster: the terms with a sample of it in the first place, and those with one in both places.
    terms, terms_within = np.zeros(samples.groups), np.zeros(samples.groups)
    pairs, pairs_within = np.zeros(samples.groups), np.zeros(samples.groups)
    for subset in _subsets(len(samples), seed):
        members = samples.clusters[subset]
        matrix = _terms(*samples.take(subset))
        same = members[:, None] == members[None, :]
        sizes = np.bincount(members, minlength=samples.groups)
        terms += np.bincount(members, matrix.sum(axis=1), samples.groups)
        terms_within += np.bincount(members, (matrix * same).sum(axis=1), samples.groups)
        pairs += sizes * (len(subset) - 1)
        pairs_within += sizes * (sizes - 1)
    value = float(terms.sum() / pairs.sum())
    pairs_left = pairs.sum() - 2 * pairs + pairs_within
    if not pairs_left.all():
        return Estimate(value=value, standard_error=None, ci95=None, method="none: too few clusters for an interval")
    leaving_out = (terms.sum() - 2 * terms + terms_within) / pairs_left
    return normal_estimate(value, jackknife_error(leaving_out), method)


def _subsets(samples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    if samples <= SUBSET_SIZE:
        yield np.arange(samples)
        return
    random = np.random.default_rng(seed)
    for _ in range(SUBSETS):
        yield random.choice(samples, SUBSET_SIZE, replace=False)


def _terms(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of all pairs, n x n: k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j), and 0 where i = j."""
    terms, across = _kernel(x, x), _kernel(x, y)
    terms += _kernel(y, y)
    terms -= across
    terms -= across.T
    np.fill_diagonal(terms, 0)
    return terms


def _kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    base = x @ (y.T / x.shape[1])
    base += 1
    # Products, because a power takes ten times as long.
    cubes = base * base
    cubes *= base
    return cubes

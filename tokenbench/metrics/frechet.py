"""The Frechet distance of two Gaussians, from features or from moments that are added up and merged."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tokenbench.errors import OutputError, TokenBenchError

Array = NDArray[np.float64]


@dataclass(eq=False)
class GaussianSums:
    """Mean and covariance of features, added up chunk by chunk in float64.

    Deviations from the mean are added up, not plain squares: those lose digits where features lie far from zero.
    The order of the samples and how they were cut into chunks change nothing beyond rounding.

    Args:
        count: samples seen so far.
        mean: of the features, float64 d.
        scatter: sum over the samples of the outer product of their deviation from `mean`, float64 d x d.

    Source:
        Chan, Golub and LeVeque, Algorithms for computing the sample variance (1983).
    """

    count: int
    mean: Array
    scatter: Array

    @classmethod
    def empty(cls, features: int) -> GaussianSums:
        """Of no sample with that many features."""
        return cls(0, np.zeros(features), np.zeros((features, features)))

    def update(self, features: ArrayLike) -> None:
        """Add samples.

        Args:
            features: n x d, any real type.

        Raises:
            TokenBenchError: not n x d with the d of these sums, or not finite.
        """
        samples = _finite(features, 2, "features")
        self._check_width(samples.shape[1])
        if len(samples) == 0:
            return
        mean = samples.mean(axis=0)
        deviations = samples - mean
        self.merge(GaussianSums(len(samples), mean, deviations.T @ deviations))

    def merge(self, other: GaussianSums) -> None:
        """Add the samples that `other` has seen.

        Raises:
            TokenBenchError: the numbers of features differ.
        """
        self._check_width(len(other.mean))
        if other.count == 0:
            return
        count = self.count + other.count
        step = other.mean - self.mean
        self.scatter += other.scatter + np.outer(step, step) * (self.count * other.count / count)
        self.mean += step * (other.count / count)
        self.count = count

    def without(self, part: GaussianSums) -> GaussianSums:
        """The sums of the samples that are left when those of `part`, all seen here, are taken away.

        Raises:
            TokenBenchError: the numbers of features differ, or `part` has more samples.
        """
        self._check_width(len(part.mean))
        if part.count > self.count:
            raise TokenBenchError(
                f"cannot take {part.count} samples from {self.count}: take away a part that was added"
            )
        count = self.count - part.count
        if count == 0:
            return GaussianSums.empty(len(self.mean))
        step = (self.mean - part.mean) * (self.count / count)
        spread = np.outer(step, step) * (part.count * count / self.count)
        return GaussianSums(count, part.mean + step, self.scatter - part.scatter - spread)

    def covariance(self) -> Array:
        """With n - 1, float64 d x d.

        Raises:
            TokenBenchError: there are fewer than two samples.
        """
        _check_count(self.count)
        return self.scatter / (self.count - 1)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that `from_state` needs, as arrays."""
        return {"count": np.array(self.count, np.int64), "mean": self.mean, "scatter": self.scatter}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> GaussianSums:
        """The sums whose `state()` this is.

        Raises:
            TokenBenchError: an array is missing, or of another type or shape.
        """
        if set(state) != {"count", "mean", "scatter"}:
            raise TokenBenchError(f"not saved Gaussian sums: expected count, mean and scatter, got {', '.join(state)}")
        count, mean, scatter = (np.array(state[name]) for name in ("count", "mean", "scatter"))
        fits = count.shape == () and mean.ndim == 1 and scatter.shape == mean.shape * 2
        typed = count.dtype == np.int64 and mean.dtype == scatter.dtype == np.float64
        if not (fits and typed and count >= 0 and np.isfinite(mean).all() and np.isfinite(scatter).all()):
            raise TokenBenchError(
                "not saved Gaussian sums: expected an int64 count, float64 d and finite float64 d x d"
            )
        return cls(int(count), mean, scatter)

    def save(self, path: Path) -> None:
        """Write an .npz file, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("wb") as file:
                np.savez(file, count=self.count, mean=self.mean, scatter=self.scatter)
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: Path) -> GaussianSums:
        """Read what `save` wrote.

        Raises:
            TokenBenchError: the file cannot be read, or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                state = dict(file)
        except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
            raise TokenBenchError(f"cannot read Gaussian sums from {path}: {error}") from error
        return cls.from_state(state)

    def _check_width(self, features: int) -> None:
        if features != len(self.mean):
            raise TokenBenchError(f"expected {len(self.mean)} features a sample, got {features}: use one network only")


def frechet_distance(mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike) -> float:
    """|m1 - m2|^2 + tr C1 + tr C2 - 2 tr sqrt(C1 C2), never below 0.

    With factors C1 = F F' and C2 = G G', the trace of the root is the nuclear norm of F' G, the sum of its singular
    values. Covariances of low rank have thin factors.

    Args:
        mean1: d.
        cov1: d x d, symmetric and positive semidefinite; only the lower triangle is read.
        mean2: d.
        cov2: the same.

    Raises:
        TokenBenchError: the shapes do not fit together, or a value is not finite.

    Source:
        Dowson and Landau, The Frechet distance between multivariate normal distributions (1982), equation 4; the same
        value as pytorch-fid's `calculate_frechet_distance`.
    """
    first, second = _finite(mean1, 1, "mean1"), _finite(mean2, 1, "mean2")
    one, other = _finite(cov1, 2, "cov1"), _finite(cov2, 2, "cov2")
    if not (first.shape == second.shape and one.shape == other.shape == first.shape * 2):
        raise TokenBenchError(
            "a Frechet distance needs two means of d and two covariances of d x d values,"
            f" got {first.shape}, {one.shape}, {second.shape}, {other.shape}"
        )
    gap = first - second
    return max(0.0, float(gap @ gap + np.trace(one) + np.trace(other) - 2 * _root_trace(one, other)))


def frechet_from_features(x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The Frechet distance of two sets of features, without their covariances.

    The centred features X, Y are factors of the covariances, so tr sqrt(C1 C2) is the nuclear norm of X Y' / (n - 1):
    of an n x n matrix, or where n > d of a d x d one, from the triangular factors of X and Y.

    Args:
        x: n x d, any real type, all in memory.
        y: the same shape.
        weights: n whole numbers: how often each sample is in both sets; None for once.

    Raises:
        TokenBenchError: the shapes differ, a value is not finite, or there are fewer than two samples.
    """
    first, second = _finite(x, 2, "x"), _finite(y, 2, "y")
    if first.shape != second.shape:
        raise TokenBenchError(f"two sets of features must have one shape, got {first.shape} and {second.shape}")
    times = np.ones(len(first)) if weights is None else np.asarray(weights, np.float64)
    present = times > 0
    first, second, times = first[present], second[present], times[present]
    count = int(times.sum())
    _check_count(count)
    mean1, mean2 = times @ first / count, times @ second / count
    root = np.sqrt(times)[:, None]
    first, second = (first - mean1) * root, (second - mean2) * root
    gap = mean1 - mean2
    traces = np.vdot(first, first) + np.vdot(second, second)
    if len(first) > first.shape[1]:
        first, second = (np.asarray(np.linalg.qr(side, mode="r")) for side in (first, second))
    return max(0.0, float(gap @ gap + (traces - 2 * _nuclear_norm(first @ second.T)) / (count - 1)))


def _factor(covariance: Array) -> Array:
    """A factor F of d x rank with F F' = covariance: Cholesky with pivots, which ends where only rounding is left."""
    from scipy.linalg.lapack import dpstrf

    lower, pivots, rank, _ = dpstrf(covariance, lower=1)
    factor = np.zeros((len(covariance), rank))
    factor[pivots - 1] = np.tril(lower)[:, :rank]
    return factor


def _root_trace(one: Array, other: Array) -> float:
    """The trace of sqrt(one other): the nuclear norm of the product of their factors.

    Roots of eigenvalues take a third of the time of singular values, but those of rounding look like small singular
    values. Above it they are as good: the pivots grade the product from large to small, and then each eigenvalue is
    accurate by its own size.
    """
    product = _factor(one).T @ _factor(other)
    squares = np.linalg.eigvalsh(product.T @ product)
    if (squares > len(squares) * np.finfo(np.float64).eps * squares[-1:]).all():
        return float(np.sqrt(squares).sum())
    return _nuclear_norm(product)


def _nuclear_norm(matrix: Array) -> float:
    return float(np.linalg.svd(matrix, compute_uv=False).sum())


def _finite(values: ArrayLike, dimensions: int, name: str) -> Array:
    array = np.asarray(values, np.float64)
    if array.ndim != dimensions:
        raise TokenBenchError(f"{name} must have {dimensions} dimensions, got the shape {array.shape}")
    if not np.isfinite(array).all():
        raise TokenBenchError(f"{name} holds NaN or infinite values: check the network and its weights")
    return array


def _check_count(count: int) -> None:
    if count < 2:
        raise TokenBenchError(f"a Frechet distance needs at least two samples, got {count}: score more clips")

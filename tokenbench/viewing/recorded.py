"""A run's tokenizer and data set once more, as its result records them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import torch

from tokenbench.datasets.catalog import open_dataset
from tokenbench.datasets.dataset import Dataset
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.device import open_device
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip
from tokenbench.recorded import load_recorded
from tokenbench.tokenizer import Tokenizer
from tokenbench.viewing.sources import Frame, remade_frames
from tokenbench.viewing.subjects import Subject


def find_dataset(subject: Subject, name: str | None) -> Dataset:
    """The data set that a run was made on.

    Args:
        subject: the run.
        name: of the data set, or its folder or manifest; None takes what the run names.

    Raises:
        TokenBenchError: it cannot be read, or its manifest or listing is not that of the run.
    """
    run = subject.run
    try:
        dataset = open_dataset(name or subject.claim.dataset)
    except TokenBenchError as error:
        raise TokenBenchError(
            f"{error}; {run.folder} was made on {run.dataset.name}: say where with 'tokenbench view --dataset'"
        ) from error
    recorded = run.dataset.manifest_sha256
    if recorded and dataset.manifest_sha256 != recorded:
        raise TokenBenchError(
            f"the data set {dataset.name} ({dataset.manifest_sha256[:12]}) is not the one that {run.folder} was made "
            f"on ({run.dataset.name}, {recorded[:12]}): files differ; give that one with --dataset"
        )
    return dataset


class Remaker:
    """Makes reconstructions of a run anew; the tokenizer is loaded with the first.

    Args:
        subject: the run.
        device: where; None takes the one that the run had.
    """

    def __init__(self, subject: Subject, device: str | None) -> None:
        self._subject = subject
        self.device = device or subject.claim.device

    def frames(self, clip: Clip) -> Iterator[Frame]:
        """A clip's reconstruction, H x W x 3 each.

        Args:
            clip: with its size and rate known.

        Raises:
            TokenBenchError: the tokenizer cannot be loaded, or its weights are not those of the run.
            ClipError: the clip cannot be reconstructed.
        """
        return remade_frames(clip, self._tokenizer, self._subject.protocol, self._compute)

    @cached_property
    def _compute(self) -> Compute:
        return Compute(open_device(self.device), getattr(torch, self._subject.claim.dtype))

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        run, claim = self._subject.run, self._subject.claim
        try:
            tokenizer = load_recorded(
                claim.tokenizer,
                run.tokenizer.settings,
                where=run.folder,
                typed=claim.typed,
                weights=claim.weights,
                device=self._compute.device,
                dtype=self._compute.dtype,
            )
        except TokenBenchError as error:
            raise TokenBenchError(
                f"{run.folder} has no saved reconstructions, and its tokenizer cannot be loaded: {error}; or evaluate "
                "again with --save-reconstructions"
            ) from error
        recorded, found = run.tokenizer.weights_sha256, getattr(tokenizer, "weights_sha256", None)
        if recorded != found:
            raise TokenBenchError(
                f"{run.folder} was made with weights {str(recorded)[:12]}, those found for {run.tokenizer.name} are "
                f"{str(found)[:12]}; put the former back, or evaluate again with --save-reconstructions"
            )
        return tokenizer

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.evaluation.measures import DEFAULT_MEASURES
from tokenbench.evaluation.meters import ClipMeters
from tokenbench.evaluation.protocol import Protocol
from tokenbench.media.clip import Clip
from tokenbench.metrics.conventions import CONVENTIONS

CLIP = Clip(id="a", domain="d", path=Path("a.mkv"), kind="video", frames=4, fps=25.0, height=40, width=40)


def scored(convention: str, frames: NDArray[np.uint8]) -> dict[str, float]:
    with ClipMeters(DEFAULT_MEASURES, Protocol.of(CONVENTIONS[convention], DEFAULT_MEASURES), CLIP) as meters:
        meters.update(frames, frames)
        return meters.scored().record.values


@pytest.fixture
def fading(carphone: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Four frames, of which the first is black."""
    frames = carphone[:4, :40, :40].copy()
    frames[0] = 0
    return frames


@pytest.mark.parametrize(
    ("convention", "side", "message"),
    [
        ("torchmetrics-auto", 40, "torchmetrics-auto has no SSIM of frames of one level"),
        ("luma", 10, "luma needs at least 11 x 11 pixels, got 10 x 40"),
        ("unquantised", 6, "unquantised needs at least 7 x 7 pixels, got 6 x 40"),
    ],
)
def test_published_values_never_stand_in_for_those_of_the_runs_convention(
    convention: str, side: int, message: str, fading: NDArray[np.uint8]
) -> None:
    with pytest.raises(ClipError, match=message):
        scored(convention, fading[:, :, :side])
    assert scored("paper", fading)["ssim"] == 1

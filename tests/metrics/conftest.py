"""Real photographs and their distortions, as tokenizers and codecs make them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from skimage import data

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee")
DISTORTIONS = ("jpeg-10", "jpeg-90", "noise", "blur", "shift", "brighter")


@pytest.fixture(params=PHOTOGRAPHS)
def photograph(request: pytest.FixtureRequest) -> NDArray[np.uint8]:
    """H x W x 3, uint8; in scikit-image's wheel, so nothing is downloaded."""
    return getattr(data, request.param)()


@pytest.fixture(params=DISTORTIONS)
def pair(request: pytest.FixtureRequest, photograph: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    return photograph, distorted(photograph, request.param)


@pytest.fixture(scope="session")
def clips() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """12 x 45 x 61 x 3 pair: a window that moves over a photograph, and its noisy copy."""
    photograph = data.astronaut()
    clip = np.stack([photograph[4 * t : 4 * t + 45, 6 * t : 6 * t + 61] for t in range(12)])
    return clip, distorted(clip, "noise")


def distorted(image: NDArray[np.uint8], kind: str) -> NDArray[np.uint8]:
    if kind.startswith("jpeg"):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(kind.removeprefix("jpeg-")))
        return np.asarray(Image.open(file))
    if kind == "blur":
        return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(2)))
    if kind == "shift":
        return np.roll(image, 1, axis=1)
    change = 20 if kind == "brighter" else np.random.default_rng(0).normal(0, 12, image.shape)
    return np.clip(image + change, 0, 255).astype(np.uint8)

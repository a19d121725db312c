import math

import pytest
import torch
from cosmos_support import golden, needs_facts
from torch import Tensor, nn

from tokenbench_cosmos.wavelet import HaarWavelet2D, HaarWavelet3D, InverseHaarWavelet2D, InverseHaarWavelet3D

PAIRS = {"patch2d": (HaarWavelet2D, InverseHaarWavelet2D), "patch3d": (HaarWavelet3D, InverseHaarWavelet3D)}


def pixels(kind: str, patch: int) -> Tensor:
    frames = [1 + 2 * patch] if kind == "patch3d" else []
    return torch.rand(2, 3, *frames, 2 * patch, 3 * patch) * 2 - 1


@needs_facts
@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize(("patch", "tolerance"), [(2, 1e-5), (4, 2e-5)])
def test_wavelet_equals_the_references(kind: str, patch: int, tolerance: float) -> None:
    prefix = f"{kind}_haar_{patch}."
    arrays = golden("cosmos-units")
    units = {key.removeprefix(prefix): torch.from_numpy(arrays[key]) for key in arrays if key.startswith(prefix)}
    forward, inverse = (made(patch) for made in PAIRS[kind])
    bands = forward(units["x"])
    torch.testing.assert_close(bands, units["y"], rtol=0, atol=tolerance)
    torch.testing.assert_close(inverse(bands), units["inv"], rtol=0, atol=tolerance)
    torch.testing.assert_close(inverse(units["bands"]), units["from_bands"], rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("patch", [2, 4, 8])
def test_inverse_undoes_the_wavelet(kind: str, patch: int) -> None:
    forward, inverse = (made(patch) for made in PAIRS[kind])
    given = pixels(kind, patch)
    bands = forward(given)
    assert bands.shape[1] == 3 * patch ** (3 if kind == "patch3d" else 2)
    assert bands.abs().max() <= 1 + 1e-6
    torch.testing.assert_close(inverse(bands), given, rtol=0, atol=1e-6)


def test_worked_example_of_a_video() -> None:
    clip = torch.stack([torch.full((2, 2), 9.0), torch.tensor([[1.0, 2], [3, 4]]), torch.tensor([[5.0, 6], [7, 8]])])
    bands = HaarWavelet3D(2)(clip[None, None])[0, :, :, 0, 0]
    torch.testing.assert_close(bands[:, 0], torch.tensor([9.0, 0, 0, 0, 0, 0, 0, 0]))
    torch.testing.assert_close(bands[:, 1], torch.tensor([4.5, -0.5, -1.0, 0, -2.0, 0, 0, 0]))


def test_worked_example_of_an_image_has_its_width_band_slower() -> None:
    bands = HaarWavelet2D(2)(torch.tensor([[1.0, 2], [3, 4]])[None, None]).flatten()
    torch.testing.assert_close(bands, torch.tensor([2.5, -1.0, -0.5, 0.0]))


@pytest.mark.parametrize(("kind", "channel", "bands"), [("patch3d", 8 * 1 + 2, 64), ("patch2d", 4 * 2 + 1, 16)])
def test_coarse_band_is_the_slower_channel(kind: str, channel: int, bands: int) -> None:
    """Rows that alternate (fine H) over two-pixel columns (coarse W)."""
    pattern = torch.tensor([1.0, -1, 1, -1])[:, None] * torch.tensor([1.0, 1, -1, -1])[None, :]
    given = pattern.expand(1, 1, *[1] * (kind == "patch3d"), 4, 4)
    found = PAIRS[kind][0](4)(given).flatten()
    torch.testing.assert_close(found, torch.nn.functional.one_hot(torch.tensor(channel), bands).float())


@pytest.mark.parametrize(("kind", "axes"), [("patch3d", 3), ("patch2d", 2)])
def test_loaded_tap_scales_every_level(kind: str, axes: int) -> None:
    given = pixels(kind, 4)
    scale = 0.70703125 * math.sqrt(2)
    forward, inverse = (made(4) for made in PAIRS[kind])
    bands = forward(given)
    for module in (forward, inverse):
        assert isinstance(module, nn.Module)
        module.wavelets.fill_(0.70703125)
    torch.testing.assert_close(forward(given), bands * scale ** (2 * axes))
    torch.testing.assert_close(inverse(bands), given * scale ** (2 * axes))


@pytest.mark.parametrize("kind", PAIRS)
def test_eight_bit_arithmetic_does_not_lose_the_tap(kind: str) -> None:
    forward = PAIRS[kind][0](4).bfloat16()
    given = torch.ones_like(pixels(kind, 4))
    precise = PAIRS[kind][0](4)
    precise.wavelets.fill_(0.70703125)
    bands = forward(given.bfloat16())
    assert bands.dtype == torch.bfloat16
    assert torch.equal(bands, precise(given).bfloat16())

"""Faults within a frame, made on purpose, are found and named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from probing_support import LEVEL, faulty, subject
from torch import Tensor
from torch.nn import functional as F

from tokenbench.probing import colour_bars, edge, flat, noise, shift, zone_plate
from tokenbench.probing.catalog import PROBES
from tokenbench.probing.colour_bars import known_errors
from tokenbench.probing.grids import find_grid, find_seams

ACROSS = torch.arange(256)


def columns(values: Tensor) -> Tensor:
    """One value a column, to be added to a clip."""
    return values.view(1, 1, 1, 1, -1)


def with_grid(period: int, height: float) -> object:
    def change(video: Tensor) -> Tensor:
        lines = (ACROSS[: video.shape[-1]] % period == 0).float()
        return video + height * LEVEL * columns(lines - 1 / period)

    return change


@pytest.mark.parametrize("name", ["identity", "haar-8x8", "haar-4x8x8"])
def test_flat_fields_through_exact_transforms_are_exact(name: str) -> None:
    finding = flat.PROBE.run(subject(name))
    assert finding.faults == ()
    assert abs(finding.value("mean shift, worst")) < 0.05
    assert finding.value("deviation in a field, worst") < 0.01


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
@pytest.mark.parametrize("size", [64, 100])
def test_nothing_is_wrong_with_identity(probe: object, size: int) -> None:
    assert probe.run(subject("identity", size=size)).faults == ()  # type: ignore[attr-defined]
    assert probe.run(faulty(lambda video: video, size=size)).faults == ()  # type: ignore[attr-defined]


@pytest.mark.parametrize("period", [2, 4, 8, 16])
def test_a_grid_is_found_with_its_period_and_strength(period: int) -> None:
    finding = flat.PROBE.run(faulty(with_grid(period, 2.0), compression=(1, 16, 16)))
    assert "grid" in finding.faults
    assert finding.value("grid period") == period
    # White and black clip one side of it away; greys show all of it.
    assert finding.value("grid") == pytest.approx(2.0 * (1 / period * (1 - 1 / period)) ** 0.5, rel=0.05)
    assert f"({period} pixels" in finding.verdict


def test_a_checkerboard_is_a_grid_too() -> None:
    def change(video: Tensor) -> Tensor:
        side = ACROSS[: video.shape[-1]]
        return video + LEVEL * (((side[:, None] + side) % 2) * 2.0 - 1)

    finding = flat.PROBE.run(faulty(change))
    assert (finding.faults, finding.value("grid period")) == (("grid",), 2)


def test_the_token_grid_is_called_so() -> None:
    finding = flat.PROBE.run(faulty(with_grid(8, 2.0), compression=(1, 8, 8)))
    assert "token grid (8 pixels)" in finding.verdict


def test_noise_on_flat_fields_is_no_grid() -> None:
    random = torch.Generator().manual_seed(0)
    finding = flat.PROBE.run(faulty(lambda video: video + LEVEL * torch.randn(video.shape, generator=random)))
    assert finding.faults == ()
    assert finding.value("deviation in a field, worst") == pytest.approx(1, rel=0.05)


def test_seams_of_tiles_with_other_means_are_found_in_their_places() -> None:
    def change(video: Tensor) -> Tensor:
        tiles = torch.tensor([0.0, 1.5, -1.0, 2.0])[torch.arange(256) // 64]
        return video + LEVEL * (columns(tiles) + tiles.view(1, 1, 1, -1, 1))

    finding = flat.PROBE.run(faulty(change, size=256))
    assert "seams" in finding.faults
    assert "x = 64, 128, 192" in finding.verdict
    assert "y = 64, 128, 192" in finding.verdict
    assert finding.value("seam, strongest") == pytest.approx(3.0, rel=0.01)


def test_tiles_that_repeat_are_seams_and_no_grid() -> None:
    finding = flat.PROBE.run(faulty(with_grid(64, 6.0), size=256, compression=(1, 8, 8)))
    assert finding.faults == ("seams",)
    assert finding.value("grid period") == 64


def test_a_shift_of_the_mean_is_named_with_its_sign() -> None:
    finding = flat.PROBE.run(faulty(lambda video: video - 3 * LEVEL))
    assert finding.faults == ("shift",)
    assert "3.0 levels too dark" in finding.verdict


def test_a_wrong_border_is_named() -> None:
    def change(video: Tensor) -> Tensor:
        video = video.clone()
        video[..., :6] *= 0.9
        return video

    assert flat.PROBE.run(faulty(change)).faults == ("border",)


def test_grids_and_seams_of_arrays() -> None:
    rows = np.tile([0.0, 0, 0, 4], 24)
    grid = find_grid(np.broadcast_to(rows[:, None, None], (96, 96, 1)), (2, 3, 4, 8))
    assert grid.period == 4
    assert grid.rms == pytest.approx(3**0.5)
    assert find_grid(np.zeros((32, 32, 3)), (2, 4)).period == 0
    step = (np.arange(40) >= 13).astype(float)
    seams = find_seams(np.broadcast_to(step[None, :, None], (40, 40, 3)), offset=5)
    assert (seams.step, seams.columns, seams.rows) == (1.0, (18,), ())


def test_nearest_neighbour_aliases() -> None:
    def change(video: Tensor) -> Tensor:
        return video[..., ::2, ::2].repeat_interleave(2, -1).repeat_interleave(2, -2)

    finding = zone_plate.PROBE.run(faulty(change))
    assert "aliasing" in finding.faults
    assert finding.value("folded energy, worst") > 0.4
    assert finding.value("folded energy, worst at") > 0.2


def test_a_blur_loses_contrast_and_does_not_alias() -> None:
    sigma = 1.5
    taps = torch.exp(-(torch.arange(-6, 7) ** 2) / (2 * sigma**2))
    kernel = (taps / taps.sum()).view(1, 1, 1, 1, -1)

    def change(video: Tensor) -> Tensor:
        for along in (kernel, kernel.transpose(-1, -2)):
            pads = (6, 6, 0, 0, 0, 0) if along.shape[-1] > 1 else (0, 0, 6, 6, 0, 0)
            video = F.conv3d(F.pad(video, pads, mode="replicate"), along.expand(3, 1, 1, -1, -1), groups=3)
        return video

    finding = zone_plate.PROBE.run(faulty(change, size=256))
    assert finding.faults == ("blur",)
    # A Gaussian's contrast is exp(-2 (pi sigma f)^2).
    half = (np.log(2) / 2) ** 0.5 / (np.pi * sigma)
    assert finding.value("contrast falls below 1/2 at") == pytest.approx(half, rel=0.03)
    assert finding.value("contrast at 0.1 cycles/pixel") == pytest.approx(np.exp(-2 * (np.pi * 0.15) ** 2), abs=0.02)


def test_swapped_channels_are_named() -> None:
    finding = colour_bars.PROBE.run(faulty(lambda video: video.flip(1)))
    assert finding.faults == ("colour",)
    assert finding.value("nearest known error") == "channels in the order BGR"


@pytest.mark.parametrize("name", [name for name in known_errors() if name != "none"])
def test_every_known_error_is_told_from_all_others(name: str) -> None:
    def change(video: Tensor) -> Tensor:
        levels = ((video + 1) * 127.5).movedim(1, -1).double()
        wrong = known_errors()[name](levels.reshape(-1, 3).numpy()).reshape(levels.shape)
        return torch.from_numpy(wrong).movedim(-1, 1).float() / 127.5 - 1

    finding = colour_bars.PROBE.run(faulty(change, size=64))
    assert finding.value("nearest known error") == name
    assert finding.faults == ("colour",)
    assert name in finding.verdict


def test_the_matrix_is_that_of_the_change() -> None:
    wrong = torch.tensor([[0.8, 0.1, 0.0], [0.05, 0.9, 0.0], [0.0, 0.0, 0.7]])
    finding = colour_bars.PROBE.run(faulty(lambda video: torch.einsum("ij,bjthw->bithw", wrong, video + 1) - 1))
    row = finding.value("G = matrix of R, G, B, 1")
    assert row == pytest.approx([0.05, 0.9, 0.0, 0.0], abs=0.01)


def test_lost_saturation_is_named() -> None:
    finding = colour_bars.PROBE.run(faulty(lambda video: 0.7 * video + 0.3 * video.mean(1, keepdim=True)))
    assert finding.faults == ("saturation",)
    assert finding.value("saturation") == pytest.approx(0.7, abs=0.01)


def test_half_a_pixel_is_found_by_edge_and_by_shift() -> None:
    moved = faulty(lambda video: (video + F.pad(video, (1, 0, 0, 0, 0, 0), mode="replicate")[..., :-1]) / 2)
    for probe, digits in ((edge.PROBE, 0.01), (shift.PROBE, 0.05)):
        finding = probe.run(moved)
        assert finding.faults == ("displacement",), probe.name
        assert finding.value("displacement to the right") == pytest.approx(0.5, abs=digits)


def test_an_edge_that_is_sharpened_overshoots() -> None:
    def change(video: Tensor) -> Tensor:
        padded = F.pad(video, (1, 1, 0, 0, 0, 0), mode="replicate")
        return video + 0.3 * (2 * video - padded[..., :-2] - padded[..., 2:])

    finding = edge.PROBE.run(faulty(change))
    assert finding.faults == ("overshoot",)
    assert finding.value("overshoot, worst frame") == pytest.approx(0.3, abs=0.01)


def test_a_tokenizer_of_cells_depends_on_the_place() -> None:
    finding = shift.PROBE.run(subject("haar-8x8"))
    assert finding.faults == ("shift variance",)
    assert finding.value("equivariance error against error") > 0.9


def test_a_transform_passes_the_share_of_noise_that_it_keeps_coefficients() -> None:
    finding = noise.PROBE.run(subject("haar-8x8", size=256))
    assert finding.value("passes, of the amplitude") == pytest.approx(16 / 192, rel=0.05)
    assert finding.value("passes, of luma") == pytest.approx(12 / 64, rel=0.05)
    assert finding.value("passes, of colours") == pytest.approx(4 / 128, rel=0.1)
    assert finding.value("energy that comes back") == pytest.approx(16 / 192, rel=0.05), "it is a projection"


def test_noise_that_grows_is_named() -> None:
    assert noise.PROBE.run(faulty(lambda video: 1.5 * video)).faults == ("amplified",)


def test_jpeg_is_right_in_colour_and_halves_the_size_of_chroma() -> None:
    jpeg = subject("jpeg-q75", size=256)
    assert colour_bars.PROBE.run(jpeg).faults == ()
    assert flat.PROBE.run(jpeg).faults == ()
    # 4:2:0 keeps one value of four at most.
    assert noise.PROBE.run(jpeg).value("passes, of colours") < 0.25

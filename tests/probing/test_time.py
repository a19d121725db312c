"""Faults between frames, made on purpose, are found and named."""

from __future__ import annotations

import pytest
import torch
from probing_support import LEVEL, faulty, subject
from torch import Tensor

from tokenbench.probing import first_frame, flash, pan, still


def earlier(video: Tensor, frames: int = 1) -> Tensor:
    """The frame before each; the first repeats."""
    return torch.cat([video[:, :, :1].expand(-1, -1, frames, -1, -1), video[:, :, :-frames]], dim=2)


def later(video: Tensor) -> Tensor:
    return earlier(video.flip(2)).flip(2)


def test_a_ghost_of_the_former_frame_is_measured() -> None:
    finding = pan.PROBE.run(faulty(lambda video: 0.7 * video + 0.3 * earlier(video)))
    assert finding.faults == ("ghosting", "lag")
    assert finding.value("left of the former frame") == pytest.approx(0.3, abs=0.02)
    assert finding.value("from the next frame") == pytest.approx(0, abs=0.01)
    assert finding.value("lag") == pytest.approx(0.3, abs=0.03)
    assert "of the former frame is left" in finding.verdict


def test_a_ghost_of_the_next_frame_is_told_apart() -> None:
    finding = pan.PROBE.run(faulty(lambda video: 0.8 * video + 0.2 * later(video)))
    assert "of the next frame is in each" in finding.verdict
    assert finding.value("lag") < -0.15


def test_a_late_picture_lags_by_whole_frames() -> None:
    finding = pan.PROBE.run(faulty(lambda video: earlier(video, 2)))
    assert finding.value("lag") == pytest.approx(2, abs=0.2)


def test_a_blur_in_space_is_no_ghost() -> None:
    def change(video: Tensor) -> Tensor:
        return sum(torch.roll(video, (y, x), (-2, -1)) for y in (-1, 0, 1) for x in (-1, 0, 1)) / 9

    assert pan.PROBE.run(faulty(change)).faults == ()


def test_frames_averaged_in_time_hold_both_neighbours() -> None:
    finding = pan.PROBE.run(faulty(lambda video: (earlier(video) + video + later(video)) / 3))
    assert finding.faults == ("ghosting",)
    assert finding.value("left of the former frame") == pytest.approx(1 / 3, abs=0.05)
    assert finding.value("from the next frame") == pytest.approx(1 / 3, abs=0.05)


def test_a_flash_that_is_known_before_it_comes_is_non_causal() -> None:
    finding = flash.PROBE.run(faulty(lambda video: 0.9 * video + 0.1 * later(video)))
    assert set(finding.faults) == {"non-causal", "leak"}
    assert finding.value("of the flash, before it, at most") == pytest.approx(0.1, abs=0.005)
    assert finding.value("of the flash, after it, at most") == pytest.approx(0, abs=0.005)
    assert finding.value("first frame that knows of it") == -1


def test_an_echo_after_a_flash_is_a_leak_and_causal() -> None:
    finding = flash.PROBE.run(faulty(lambda video: 0.9 * video + 0.1 * earlier(video, 2)))
    assert finding.faults == ("leak",)
    assert finding.value("last frame that knows of it") == 2


def test_frames_that_share_tokens_may_know_of_a_flash() -> None:
    def change(video: Tensor) -> Tensor:
        groups = video[:, :, 1:].unflatten(2, (-1, 4))
        mixed = groups + 0.015 * (groups.mean(3, keepdim=True) - groups)
        return torch.cat([video[:, :, :1], mixed.flatten(2, 3)], dim=2)

    finding = flash.PROBE.run(faulty(change, compression=(4, 1, 1)))
    assert finding.faults == ()
    assert finding.value("first frame that knows of it") == finding.value("frames that share its tokens, first") == -3
    assert "within the 4 that share its tokens" in finding.verdict


def test_the_causal_transform_is_causal() -> None:
    finding = flash.PROBE.run(subject("haar-4x8x8"))
    assert finding.faults == ()
    assert finding.value("of the flash, in its own frame") == pytest.approx(1, abs=0.01)


def test_a_bad_first_frame_is_named() -> None:
    def change(video: Tensor) -> Tensor:
        noise = LEVEL * torch.randn(video.shape, generator=torch.Generator().manual_seed(0))
        noise[:, :, :1] *= 5
        return video + noise

    finding = first_frame.PROBE.run(faulty(change))
    assert finding.faults == ("first frame",)
    assert finding.value("frame 0 less later frames") == pytest.approx(-14, abs=0.7)


def test_drift_of_a_still_is_named() -> None:
    def change(video: Tensor) -> Tensor:
        return video + 0.1 * LEVEL * torch.arange(video.shape[2]).view(1, 1, -1, 1, 1)

    finding = still.PROBE.run(faulty(change))
    assert finding.faults == ("drift",)
    assert finding.value("drift, last third less first") == pytest.approx(0.1 * 33, rel=0.1)


def test_flicker_of_a_still_is_named() -> None:
    def change(video: Tensor) -> Tensor:
        return video + LEVEL * (torch.arange(video.shape[2]) % 2).view(1, 1, -1, 1, 1)

    assert still.PROBE.run(faulty(change)).faults == ("flicker",)


def test_windows_show_where_they_begin() -> None:
    def change(video: Tensor) -> Tensor:
        return video + 0.2 * LEVEL * torch.arange(video.shape[2]).view(1, 1, -1, 1, 1)

    finding = still.PROBE.run(faulty(change, window=17))
    assert finding.faults == ("window jumps",)
    assert finding.value("window") == 17
    assert finding.value("jump at windows") == pytest.approx(0.2 * 16 - 0.2, rel=0.05)


def test_what_does_not_come_back_is_said_to_be_lost() -> None:
    blind = faulty(lambda video: torch.zeros_like(video))
    for probe in (pan.PROBE, flash.PROBE):
        finding = probe.run(blind)
        assert finding.faults == ("lost",), probe.name
        assert "0% of a" in finding.verdict
    assert pan.PROBE.run(blind).value("lag") is None

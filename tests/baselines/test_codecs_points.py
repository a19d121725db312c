"""Codecs at any of their operating points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import features
from torch import Tensor

from tokenbench import load_tokenizer
from tokenbench.errors import TokenBenchError
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.metrics import psnr
from tokenbench.registry import find_card, registered
from tokenbench.tokenizer import Tokenizer
from tokenbench_baselines.codecs.cards import CARDS, FAMILIES, card
from tokenbench_baselines.codecs.family import Family

Frames = NDArray[np.uint8]

POINTS = [offered.info.name for offered in CARDS]
MAGIC = {
    "jpeg": (0, b"\xff\xd8\xff"),
    "webp": (8, b"WEBPVP8 "),
    "jpeg2000": (0, b"\x00\x00\x00\x0cjP  "),
    "avif": (4, b"ftypavif"),
}


def given(tokenizer: Tokenizer, frames: Frames) -> Tensor:
    """Frames as a tokenizer takes them: one video, or a batch of images."""
    video = to_float(frames)
    return video if tokenizer.info.modality == "video" else video[0].transpose(0, 1)


def through(tokenizer: Tokenizer, frames: Frames) -> tuple[Frames, float]:
    """What comes back, and the bits that it took."""
    tokens = tokenizer.encode(given(tokenizer, frames))
    decoded = tokenizer.decode(tokens)
    assert tokens.bits is not None
    video = decoded if tokenizer.info.modality == "video" else decoded.transpose(0, 1)[None]
    return to_uint8(video), tokens.bits


def written(tokens: Any) -> list[bytes]:
    """All bytes of a batch: packets of clips, or files."""
    return [packet for item in tokens.data for packet in (item if isinstance(item, bytes) else b"".join(item.packets),)]


def test_a_usual_point_of_each_family_is_listed() -> None:
    assert set(POINTS) == {
        *("h264-crf23", "h265-crf28", "vp9-crf32", "av1-crf35"),
        *("jpeg-q75", "webp-q80", "jpeg2000-r20", "avif-q60"),
    }
    assert set(POINTS) < set(registered())


@pytest.mark.parametrize("name", POINTS)
def test_bits_are_the_bytes_written_the_same_each_time(name: str, carphone: Frames) -> None:
    tokenizer = load_tokenizer(name)
    tokens = tokenizer.encode(given(tokenizer, carphone[:4]))
    assert tokens.bits == 8 * sum(map(len, written(tokens)))
    assert written(load_tokenizer(name).encode(given(tokenizer, carphone[:4]))) == written(tokens)
    assert psnr(carphone[:4], through(tokenizer, carphone[:4])[0]) > 29


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_along_a_sweep_more_bits_buy_more_quality(family: Family, carphone: Frames) -> None:
    frames = carphone[:3, :64, :96]
    points = []
    for value in (family.sweep[0], family.sweep[2], family.sweep[-1]):
        decoded, bits = through(load_tokenizer(family.point(value).info.name), frames)
        points.append((bits, psnr(frames, decoded)))
    points.sort()
    assert len({bits for bits, _ in points}) == 3
    assert [quality for _, quality in points] == sorted(quality for _, quality in points)


@pytest.mark.parametrize("name", POINTS)
def test_one_odd_frame_comes_back_in_its_size(name: str, carphone: Frames) -> None:
    frame = carphone[:1, :67, :93]
    decoded, _ = through(load_tokenizer(name), frame)
    assert decoded.shape == frame.shape
    assert psnr(frame, decoded) > 24


@pytest.mark.parametrize("name", [point for point in POINTS if point.partition("-")[0] in MAGIC])
def test_image_codecs_write_whole_files_frame_by_frame(name: str, carphone: Frames) -> None:
    tokenizer = load_tokenizer(name)
    files = tokenizer.encode(given(tokenizer, carphone[:2])).data
    at, magic = MAGIC[name.partition("-")[0]]
    assert [file[at : at + len(magic)] for file in files] == [magic] * 2
    alone = [tokenizer.encode(given(tokenizer, carphone[index : index + 1])).data[0] for index in range(2)]
    assert files == alone


def test_the_ratio_of_jpeg_2000_is_that_to_24_bits_a_pixel(carphone: Frames) -> None:
    for ratio in (10, 40):
        _, bits = through(load_tokenizer(f"jpeg2000-r{ratio}"), carphone[:1])
        assert 24 * carphone[0, ..., 0].size / bits == pytest.approx(ratio, rel=0.05)


def test_any_point_has_a_card_by_its_name() -> None:
    assert find_card("h264-crf31").info.name == "h264-crf31"
    assert find_card("h264-crf31").options["quality"] == 31
    assert find_card("jpeg-quality40") == find_card("jpeg-q40")
    assert find_card("jpeg2000-ratio50").info.name == "jpeg2000-r50"
    assert [card(point) for point in POINTS] == CARDS


@pytest.mark.parametrize("name", ["haar-8x8", "h264-crf", "h264-crf23-x", "h264-crf²3", "-crf3", "", "H264"])
def test_other_names_are_left_to_others(name: str) -> None:
    assert card(name) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("h264-crf99", "h264-crf99: crf is 99, expected 0 to 51"),
        ("av1-crf0", "av1-crf0: crf is 0, expected 1 to 63"),
        ("jpeg-q0", "jpeg-q0: quality is 0, expected 1 to 100"),
        ("avif-q101", "avif-q101: quality is 101, expected 0 to 100"),
        ("jpeg2000-r0", "jpeg2000-r0: ratio is 0, expected 1 to 1000"),
        ("h264-q20", "h264-q20: the points of h264 differ in crf, as h264-crf23"),
        (
            "jpeg",
            "jpeg has many operating points: name one, as jpeg-q75, or evaluate several: "
            "--tokenizer jpeg --sweep quality=10,25,50,75,90",
        ),
    ],
)
def test_points_that_do_not_exist_are_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(TokenBenchError) as caught:
        load_tokenizer(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(("name", "preset"), [("h264-crf23", "ultrafast"), ("vp9-crf32", 5), ("av1-crf35", "12")])
def test_a_preset_is_a_setting(name: str, preset: str | int, carphone: Frames) -> None:
    frames = carphone[:4]
    tokenizer = load_tokenizer(name, preset=preset)
    options: dict[str, str] = tokenizer.provenance["options"]  # type: ignore[attr-defined]
    assert str(preset) in options.values()
    assert through(tokenizer, frames)[1] != through(load_tokenizer(name), frames)[1]
    with pytest.raises(TokenBenchError, match=f"{name} has no preset 'sloow': choose one of"):
        load_tokenizer(name, preset="sloow")


def test_a_pillow_without_the_format_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda feature: feature != "avif")
    assert "avif-q60" in registered(), "it is listed all the same"
    assert load_tokenizer("webp-q80").info.name == "webp-q80"
    with pytest.raises(TokenBenchError, match=r"^avif-q60: this Pillow was built without avif; install Pillow 11\.3"):
        load_tokenizer("avif-q60")


def test_decoded_frames_are_on_the_device_and_in_the_type_that_were_asked_for(carphone: Frames) -> None:
    for name in ("jpeg-q75", "h264-crf23"):
        tokenizer = load_tokenizer(name, dtype=torch.float64)
        assert tokenizer.reconstruct(given(tokenizer, carphone[:1])).dtype == torch.float64

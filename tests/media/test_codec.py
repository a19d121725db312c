"""The codecs of all registered cards, on a real clip and on clips that are hard to code."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.media.codec import CodecRoundTrip, CodecSettings, VideoDecoder, VideoEncoder
from tokenbench.metrics import psnr
from tokenbench_baselines.cards import CARDS

Frames = NDArray[np.uint8]

SETTINGS = {
    card.info.name: CodecSettings(
        encoder=card.options["encoder"], decoder=card.options["decoder"], options=card.options["encoder_options"]
    )
    for card in CARDS
    if "encoder" in card.options
}
ELEMENTARY_STREAMS = {"h264": "h264", "hevc": "hevc", "libdav1d": "obu", "vp9": "ivf"}


@pytest.fixture(params=SETTINGS)
def settings(request: pytest.FixtureRequest) -> CodecSettings:
    return SETTINGS[request.param]


@pytest.fixture(scope="module")
def pan(mini: dict[str, Clip]) -> Frames:
    """A window that moves over a photograph, so that no two frames are alike: uint8 20 x 95 x 127 x 3."""
    photo = next(mini["chelsea"].chunks(1))[0]
    return np.stack([photo[5 * t : 5 * t + 95, 7 * t : 7 * t + 127] for t in range(20)])


def coded(settings: CodecSettings, frames: Frames, chunk: int = 1000, fps: float = 25.0) -> tuple[Frames, int]:
    """A clip after the round trip, and the bytes written."""
    codec = CodecRoundTrip(settings, *frames.shape[1:3], fps)
    back = [codec.push(frames[start : start + chunk]) for start in range(0, len(frames), chunk)]
    return np.concatenate([*back, codec.flush()]), codec.bytes_written


def test_every_codec_card_is_tested() -> None:
    assert {"h264-crf23", "h265-crf28", "av1-crf35"} <= set(SETTINGS)


def test_a_real_clip_comes_back_frame_for_frame(settings: CodecSettings, carphone: Frames) -> None:
    back, size = coded(settings, carphone)
    assert back.shape == carphone.shape
    assert psnr(carphone, back) > 30
    assert min(psnr(x, y) for x, y in zip(carphone, back, strict=True)) > 28
    assert size < carphone.nbytes / 50


def test_frames_of_an_odd_size_come_back_in_order(settings: CodecSettings, pan: Frames) -> None:
    back, _ = coded(settings, pan)
    assert back.shape == pan.shape
    errors = (back[:, None].astype(int) - pan[None]) ** 2
    assert np.argmin(errors.mean((2, 3, 4)), axis=1).tolist() == list(range(len(pan)))
    own = errors[range(len(pan)), range(len(pan))]
    assert max(own[:, -1].mean(), own[:, :, -1].mean()) < 3 * own.mean(), "the last row or column is worse"


@pytest.mark.parametrize("size", [(144, 176), (95, 127), (16, 16)])
def test_one_frame_is_a_clip(settings: CodecSettings, size: tuple[int, int], carphone: Frames) -> None:
    frame = carphone[:1, : size[0], : size[1]]
    back, size_ = coded(settings, frame, fps=0)
    assert back.shape == frame.shape
    assert psnr(frame, back) > 28
    assert size_ > 0


def test_chunks_of_any_length_give_the_same_bytes_and_frames(settings: CodecSettings, pan: Frames) -> None:
    whole = coded(settings, pan)
    for chunk in (1, 7):
        back, size = coded(settings, pan, chunk)
        assert size == whole[1]
        assert np.array_equal(back, whole[0])


def test_bytes_counted_are_those_of_a_stream_that_ffmpeg_decodes(
    settings: CodecSettings, carphone: Frames, ffmpeg: Any, tmp_path: Path
) -> None:
    height, width = carphone.shape[1:3]
    encoder = VideoEncoder(settings, height, width, 25.0)
    packets = encoder.push(carphone) + encoder.flush()
    back, size = coded(settings, carphone)
    assert size == sum(map(len, packets))
    path = tmp_path / f"stream.{ELEMENTARY_STREAMS[settings.decoder]}"
    # VP9 has no stream of its own: IVF tells its packets apart.
    path.write_bytes(ivf(packets, height, width) if path.suffix == ".ivf" else b"".join(packets))
    assert np.array_equal(ffmpeg.rgb24(path, height, width), back)


def ivf(packets: list[bytes], height: int, width: int) -> bytes:
    """VP9 packets at 25 frames a second: a header of 32 bytes, and 12 before each packet."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP90", width, height, 25, 1, len(packets), 0)
    return header + b"".join(struct.pack("<IQ", len(packet), number) + packet for number, packet in enumerate(packets))


def test_packets_alone_are_enough_to_decode(settings: CodecSettings, pan: Frames) -> None:
    """Nothing is handed from encoder to decoder beside what was counted."""
    encoder = VideoEncoder(settings, 95, 127, 25.0)
    packets = encoder.push(pan) + encoder.flush()
    decoder = VideoDecoder(settings, 95, 127)
    back = np.concatenate([decoder.push(packets), decoder.flush()])
    assert np.array_equal(back, coded(settings, pan)[0])


@pytest.mark.parametrize("fps", [1e-4, 24000 / 1001, 240.0])
def test_any_frame_rate_can_be_coded(settings: CodecSettings, fps: float, pan: Frames) -> None:
    assert coded(settings, pan[:3], fps=fps)[0].shape == pan[:3].shape


def test_a_size_that_an_encoder_refuses_is_one_line() -> None:
    with pytest.raises(ClipError, match="libx264 cannot encode 17000x2 frames: ") as error:
        coded(SETTINGS["h264-crf23"], np.zeros((2, 1, 17000, 3), np.uint8))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("encoder", "decoder"), [("nosuch", "h264"), ("libx264", "nosuch")])
def test_a_codec_that_is_not_there_is_named(encoder: str, decoder: str) -> None:
    with pytest.raises(TokenBenchError, match="nosuch is not in this build of PyAV"):
        CodecRoundTrip(CodecSettings(encoder=encoder, decoder=decoder), 16, 16, 25.0)


@pytest.mark.parametrize("size", [(2, 2), (33, 31), (16, 40)])
def test_frames_smaller_than_a_block_come_back(settings: CodecSettings, pan: Frames, size: tuple[int, int]) -> None:
    frames = np.ascontiguousarray(pan[:5, : size[0], : size[1]])
    back, _ = coded(settings, frames)
    assert back.shape == frames.shape
    assert np.abs(back.astype(int) - frames).mean() < 40

"""Classical video codecs as tokenizers: their tokens are the bytes that they really write."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import TokenBenchError
from tokenbench.media.codec import CodecRoundTrip, CodecSettings, VideoDecoder, VideoEncoder
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens
from tokenbench_baselines.codecs.family import Presets

# SVT-AV1 prints its banner from C, past every logger; 1 leaves its errors.
os.environ.setdefault("SVT_LOG", "1")

_DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class CodedClip:
    """One clip's packets, an elementary stream."""

    packets: tuple[bytes, ...]
    height: int
    width: int


class VideoCodec(Tokenizer):
    """An encoder at one operating point. Runs on the CPU whatever the device.

    Args:
        info: its card.
        encoder: FFmpeg's name of it.
        decoder: FFmpeg's name of the decoder.
        encoder_options: the same for all operating points.
        presets: that the encoder has.
        quality: the operating point, a constant rate factor.
        preset: one of the presets; None takes the usual one.
        device: of what is decoded.
        dtype: of what is decoded.

    Raises:
        TokenBenchError: there is no such preset.
    """

    def __init__(
        self,
        info: TokenizerInfo,
        *,
        encoder: str,
        decoder: str,
        encoder_options: Mapping[str, str],
        presets: Presets,
        quality: int,
        preset: str | int | None = None,
        device: torch.device,
        dtype: torch.dtype,
        **_: Any,
    ) -> None:
        chosen = presets.usual if preset is None else str(preset)
        if chosen not in presets.names:
            raise TokenBenchError(f"{info.name} has no preset {chosen!r}: choose one of {', '.join(presets.names)}")
        options = {**encoder_options, presets.option: chosen, "crf": str(quality)}
        self.info = info
        self.provenance = {"encoder": encoder, "options": options}
        self._settings = CodecSettings(encoder=encoder, decoder=decoder, options=options)
        self._device, self._dtype = device, dtype

    def encode(self, video: Tensor) -> Tokens:
        """B x 3 x T x H x W to one `CodedClip` for each of the batch, at 25 frames a second."""
        clips = [self._encode_clip(clip.unsqueeze(0)) for clip in video]
        return Tokens(clips, float(sum(8 * len(packet) for clip in clips for packet in clip.packets)))

    def decode(self, tokens: Tokens) -> Tensor:
        """B x 3 x T x H x W in [-1, 1], on 256 levels."""
        return torch.cat([self._decode_clip(clip) for clip in tokens.data])

    def frame_stream(self, *, fps: float) -> CodecStream:
        """One coded clip at its own frame rate, which the encoder's rate control knows about."""
        return CodecStream(self._settings, fps)

    def _encode_clip(self, video: Tensor) -> CodedClip:
        frames = to_uint8(video)
        height, width = frames.shape[1:3]
        encoder = VideoEncoder(self._settings, height, width, _DEFAULT_FPS)
        return CodedClip((*encoder.push(frames), *encoder.flush()), height, width)

    def _decode_clip(self, clip: CodedClip) -> Tensor:
        decoder = VideoDecoder(self._settings, clip.height, clip.width)
        frames = np.concatenate([decoder.push(clip.packets), decoder.flush()])
        return to_float(frames, self._device, self._dtype)


class CodecStream:
    """A clip through encoder and decoder; frames lag by the encoder's look-ahead."""

    def __init__(self, settings: CodecSettings, fps: float) -> None:
        self._settings, self._fps = settings, fps
        self._codec: CodecRoundTrip | None = None

    @property
    def bits(self) -> float:
        """Written so far."""
        return 8.0 * self._codec.bytes_written if self._codec else 0.0

    def push(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Take uint8 T x H x W x 3; give the frames that came back."""
        if self._codec is None:
            height, width = frames.shape[1:3]
            self._codec = CodecRoundTrip(self._settings, height, width, self._fps)
        return self._codec.push(frames)

    def flush(self) -> NDArray[np.uint8]:
        """The rest."""
        return self._codec.flush() if self._codec else np.empty((0, 0, 0, 3), np.uint8)

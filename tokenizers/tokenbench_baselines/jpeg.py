"""JPEG as a tokenizer of pictures."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens


class Jpeg(Tokenizer):
    """libjpeg-turbo at one quality; the bytes counted are whole files, headers included."""

    def __init__(
        self, info: TokenizerInfo, *, quality: int, device: torch.device, dtype: torch.dtype, **_: Any
    ) -> None:
        self.info = info
        self._quality = quality
        self._device, self._dtype = device, dtype

    def encode(self, video: Tensor) -> Tokens:
        """B x 3 x H x W to one JPEG file for each of the batch."""
        files = [self._encode_image(image) for image in to_uint8(video.transpose(0, 1).unsqueeze(0))]
        return Tokens(files, float(sum(8 * len(file) for file in files)))

    def decode(self, tokens: Tokens) -> Tensor:
        """B x 3 x H x W in [-1, 1], on 256 levels."""
        images = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in tokens.data])
        return to_float(images, self._device, self._dtype).squeeze(0).transpose(0, 1)

    def _encode_image(self, image: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format="JPEG", quality=self._quality)
        return buffer.getvalue()

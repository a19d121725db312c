"""Classical image codecs as tokenizers of pictures: their tokens are whole files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, features
from torch import Tensor

from tokenbench.errors import TokenBenchError
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens


class ImageCodec(Tokenizer):
    """A format of Pillow's at one operating point; the bytes counted are whole files, headers included.

    Args:
        info: its card.
        format: Pillow's name of it.
        feature: of Pillow, that has it.
        save_options: of the format, the same for all operating points.
        quality: the operating point; for JPEG 2000 the compression ratio.
        device: of what is decoded.
        dtype: of what is decoded.

    Raises:
        TokenBenchError: this Pillow was built without the format.
    """

    def __init__(
        self,
        info: TokenizerInfo,
        *,
        format: str,
        feature: str,
        save_options: Mapping[str, Any],
        quality: int,
        device: torch.device,
        dtype: torch.dtype,
        **_: Any,
    ) -> None:
        if not features.check(feature):
            raise TokenBenchError(
                f"{info.name}: this Pillow was built without {feature}; install Pillow 11.3 or newer from the package "
                "registry"
            )
        point = {"quality_layers": [quality]} if format == "JPEG2000" else {"quality": quality}
        self.info = info
        self._format, self._options = format, {**save_options, **point}
        self._device, self._dtype = device, dtype
        self.provenance = {
            "format": format,
            "options": self._options,
            "library": f"{feature} {features.version(feature)}",
        }

    def encode(self, video: Tensor) -> Tokens:
        """B x 3 x H x W to one file for each of the batch."""
        files = [self._encode_image(image) for image in to_uint8(video.transpose(0, 1).unsqueeze(0))]
        return Tokens(files, float(sum(8 * len(file) for file in files)))

    def decode(self, tokens: Tokens) -> Tensor:
        """B x 3 x H x W in [-1, 1], on 256 levels."""
        images = np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in tokens.data])
        return to_float(images, self._device, self._dtype).squeeze(0).transpose(0, 1)

    def _encode_image(self, image: NDArray[np.uint8]) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format=self._format, **self._options)
        return buffer.getvalue()

"""A clip through a causal network chunk by chunk, with the result of one pass over the whole clip."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.config import RGB
from tokenbench_cosmos.past import TIME, Past, join

# Pixels, over all frames and the batch, that pass through a network at once: enough to keep it busy. A video network's
# maps take about 100 bytes a pixel in float32.
PIXELS_AT_ONCE = 2**20

# Up to so many frames, one pass takes less memory than what streams keep of the frames before.
ONE_PASS_FRAMES = 33


class EncodeStream:
    """Frames in, tokens out.

    A video's first frame has a token of its own; then every `compression[0]` frames have one. Frames wait until their
    token is complete.

    Args:
        module: a video network.
    """

    def __init__(self, module: CosmosAutoencoder) -> None:
        self._module = module
        self._past = Past()
        self._group = module.config.compression[0]
        self._waiting: Tensor | None = None
        self._begun = False

    @torch.no_grad()
    def push(self, video: Tensor) -> Tensor:
        """Take B x 3 x T x H x W in [-1, 1], T >= 1; give the tokens that are finished, t >= 0 of them.

        Raises:
            ClipError: the frames change size.
        """
        if self._waiting is not None and _frame(video) != _frame(self._waiting):
            raise ClipError(f"the frames change from {_frame(self._waiting)} to {_frame(video)}; push one clip only")
        waiting = video if self._waiting is None else join(self._waiting, video)
        tokens = []
        while ready := self._ready(waiting):
            tokens.append(self._module.encode(waiting[:, :, :ready], self._past))
            waiting = waiting[:, :, ready:]
            self._begun = True
        # A copy: a view would keep the whole chunk alive.
        self._waiting = waiting.clone()
        return torch.cat(tokens, dim=self._time) if tokens else self._nothing(video)

    def flush(self) -> Tensor:
        """The clip has ended.

        Raises:
            ClipError: it had no frames, or its last token is not complete.
        """
        if self._waiting is None:
            raise ClipError("the clip has no frames")
        if missing := -self._waiting.shape[TIME] % self._group:
            raise ClipError(f"the clip ends {missing} frames before its last token is complete; pad it at the end")
        return self._nothing(self._waiting)

    @property
    def _time(self) -> int:
        return 1 if self._module.config.fsq_levels else TIME

    def _ready(self, waiting: Tensor) -> int:
        """Frames to encode next: the clip's first frame, and as many whole groups as go through at once."""
        batch, _, frames, height, width = waiting.shape
        alone = 0 if self._begun else 1
        if frames < (alone or self._group):
            return 0
        at_once = max(1, PIXELS_AT_ONCE // (batch * height * width * self._group))
        return alone + min((frames - alone) // self._group, at_once) * self._group

    def _nothing(self, video: Tensor) -> Tensor:
        config = self._module.config
        space = [size // factor for size, factor in zip(video.shape[3:], config.compression[1:], strict=True)]
        if config.fsq_levels:
            return torch.empty(len(video), 0, *space, dtype=torch.int32, device=video.device)
        return video.new_empty(len(video), config.token_channels, 0, *space)


class DecodeStream:
    """Tokens in, frames out.

    Args:
        module: a video network.
    """

    def __init__(self, module: CosmosAutoencoder) -> None:
        self._module = module
        self._past = Past()
        self._empty: Tensor | None = None

    @torch.no_grad()
    def push(self, tokens: Tensor) -> Tensor:
        """Take B x 16 x t x h x w, or indices B x t x h x w, t >= 1; give their frames B x 3 x T x H x W, unclamped."""
        time = 1 if self._module.config.fsq_levels else TIME
        pixels = len(tokens) * tokens.shape[-2] * tokens.shape[-1] * math.prod(self._module.config.compression)
        parts = tokens.split(max(1, PIXELS_AT_ONCE // pixels), dim=time)
        video = torch.cat([self._module.decode(part, self._past) for part in parts], dim=TIME)
        self._empty = video[:, :, :0]
        return video

    def flush(self) -> Tensor:
        """Nothing is left: every token gives its frames at once."""
        return torch.empty(1, RGB, 0, 0, 0) if self._empty is None else self._empty


class ReconstructStream:
    """Frames in, their reconstruction out.

    Args:
        module: a video network.
        bits_per_token: counted for every position of the token grid.
    """

    def __init__(self, module: CosmosAutoencoder, bits_per_token: float) -> None:
        self._encoder, self._decoder = EncodeStream(module), DecodeStream(module)
        self._bits_per_token = bits_per_token
        self._weight = module.post_quant_weight
        self._tokens = 0

    @property
    def bits(self) -> float:
        """Of all tokens so far."""
        return self._tokens * self._bits_per_token

    def push(self, video: Tensor) -> Tensor:
        """Take 1 x 3 x T x H x W in [-1, 1]; give the frames whose tokens are finished, unclamped."""
        tokens = self._encoder.push(video.to(self._weight.device, self._weight.dtype))
        if not tokens.numel():
            return video[:, :, :0]
        self._tokens += math.prod(tokens.shape[-3:])
        return self._decoder.push(tokens)

    def flush(self) -> Tensor:
        """The clip has ended; nothing is left.

        Raises:
            ClipError: its last token is not complete.
        """
        self._encoder.flush()
        return self._decoder.flush()


def _frame(video: Tensor) -> tuple[int, ...]:
    return (*video.shape[:2], *video.shape[3:])

"""Two tokenizers that are right, and copies of them with one fault each, named for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench import Padding
from tokenbench.tokenizer import Tokens

CELL = 2
CHANNELS = 3 * CELL * CELL
LEVELS = 8
INFO = {
    "name": "good",
    "kind": "continuous",
    "compression": (1, CELL, CELL),
    "latent_channels": CHANNELS,
    "bits_per_pixel": 16 * CHANNELS / CELL**2,
    "parameters": 3,
    "padding": Padding(size=(CELL, CELL)),
    "window": None,
}


class Network(nn.Module):
    """Cells of 2 x 2 pixels become channels, and pixels again; a gain of 1 for each colour."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(3))
        self.register_buffer("seen", torch.zeros(1))

    def encode(self, video: Tensor) -> Tensor:
        frames = (video * self.gain.view(3, 1, 1, 1)).transpose(1, 2)
        return F.pixel_unshuffle(frames, CELL).transpose(1, 2)

    def decode(self, latents: Tensor) -> Tensor:
        return F.pixel_shuffle(latents.transpose(1, 2), CELL).transpose(1, 2) / self.gain.view(3, 1, 1, 1)


class Good:
    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.info: Any = dict(INFO)
        self.dtype = dtype
        self.module = Network().to(device, dtype).eval().requires_grad_(False)

    def encode(self, video: Tensor) -> Tokens:
        data = self.module.encode(video)
        return Tokens(data, 16.0 * data.numel())

    def decode(self, tokens: Tokens) -> Tensor:
        return self.module.decode(tokens.data)


class GoodDiscrete(Good):
    """The mean colour of a cell, in 8 levels each."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(device, dtype)
        bits = {"bits_per_pixel": 9 / CELL**2, "latent_channels": None}
        self.info |= {"kind": "discrete", "vocabulary": LEVELS**3, **bits}

    def encode(self, video: Tensor) -> Tokens:
        means = F.avg_pool3d(video.float(), (1, CELL, CELL))
        levels = ((means + 1) / 2 * (LEVELS - 1)).round().long().clamp(0, LEVELS - 1)
        codes = levels[:, 0] + LEVELS * levels[:, 1] + LEVELS**2 * levels[:, 2]
        return Tokens(codes, 9.0 * codes.numel())

    def decode(self, tokens: Tokens) -> Tensor:
        digits = [tokens.data // LEVELS**place % LEVELS for place in range(3)]
        means = torch.stack(digits, dim=1).to(self.dtype) / (LEVELS - 1) * 2 - 1
        return means.repeat_interleave(CELL, 3).repeat_interleave(CELL, 4)


class GoodStream(Good):
    def stream(self, *, fps: float) -> Chunks:
        return Chunks(self)


class Chunks:
    def __init__(self, tokenizer: Good) -> None:
        self.bits = 0.0
        self.tokenizer = tokenizer
        self.nothing = torch.empty(1, 3, 0, 0, 0)

    def push(self, video: Tensor) -> Tensor:
        return self.tokenizer.decode(self.tokenizer.encode(video))

    def flush(self) -> Tensor:
        return self.nothing


class LosesARow(Good):
    def decode(self, tokens: Tokens) -> Tensor:
        return super().decode(tokens)[..., 1:, :]


class Raises(Good):
    def encode(self, video: Tensor) -> Tokens:
        raise KeyError("first line\nsecond line")


class OtherGrid(Good):
    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(device, dtype)
        self.info["compression"] = (1, 4, 4)


class NotANumber(Good):
    def decode(self, tokens: Tokens) -> Tensor:
        video = super().decode(tokens).clone()
        video[..., 0, 0] = float("nan")
        return video


class BeyondTheVocabulary(GoodDiscrete):
    def encode(self, video: Tensor) -> Tokens:
        tokens = super().encode(video)
        return Tokens(tokens.data + 100, tokens.bits)

    def decode(self, tokens: Tokens) -> Tensor:
        return super().decode(Tokens(tokens.data - 100, tokens.bits))


class FloatingCodes(GoodDiscrete):
    def encode(self, video: Tensor) -> Tokens:
        tokens = super().encode(video)
        return Tokens(tokens.data.float(), tokens.bits)

    def decode(self, tokens: Tokens) -> Tensor:
        return super().decode(Tokens(tokens.data.long(), tokens.bits))


class TooCheap(Good):
    def encode(self, video: Tensor) -> Tokens:
        tokens = super().encode(video)
        return Tokens(tokens.data, tokens.bits and tokens.bits / 2)


class BiggerThanItsCard(Good):
    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(device, dtype)
        self.info["parameters"] = 2


class NeedsTwoFrames(Good):
    def encode(self, video: Tensor) -> Tokens:
        if video.shape[2] < 2:
            raise ValueError("at least two frames are needed")
        return super().encode(video)


class DropsFrames(Good):
    def decode(self, tokens: Tokens) -> Tensor:
        video = super().decode(tokens)
        return video[:, :, : (video.shape[2] - 1) // 2 * 2 + 1]


class LeastSize(Good):
    def encode(self, video: Tensor) -> Tokens:
        if video.shape[3] < 8:
            raise ValueError("kernel is larger than the input")
        return super().encode(video)


class WritesIntoTheClip(Good):
    def encode(self, video: Tensor) -> Tokens:
        return super().encode(video.mul_(0.99))


class WritesIntoTheTokens(Good):
    def decode(self, tokens: Tokens) -> Tensor:
        return super().decode(Tokens(tokens.data.mul_(0.99), None))


class KeepsAGraph(Good):
    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(device, dtype)
        self.module.requires_grad_(True)


class Samples(Good):
    def encode(self, video: Tensor) -> Tokens:
        tokens = super().encode(video)
        return Tokens(tokens.data + 0.01 * torch.randn_like(tokens.data), tokens.bits)


class DropsOut(Good):
    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(device, dtype)
        self.module.train()

    def decode(self, tokens: Tokens) -> Tensor:
        return F.dropout(super().decode(tokens), 0.1, training=self.module.training)


class RemembersItsFirstClip(Good):
    brightness: Tensor | None = None

    def encode(self, video: Tensor) -> Tokens:
        if self.brightness is None:
            self.brightness = video.mean()
        tokens = super().encode(video + 0.1 * self.brightness)
        return Tokens(tokens.data, tokens.bits)


class Learns(Good):
    def encode(self, video: Tensor) -> Tokens:
        self.module.seen += 1
        return super().encode(video)


class ReusesItsBuffer(Good):
    buffer: Tensor | None = None

    def encode(self, video: Tensor) -> Tokens:
        tokens = super().encode(video)
        if self.buffer is None or self.buffer.shape != tokens.data.shape:
            self.buffer = tokens.data.clone()
        self.buffer.copy_(tokens.data)
        return Tokens(self.buffer, tokens.bits)


class MixesTheBatch(Good):
    def encode(self, video: Tensor) -> Tokens:
        return super().encode(video + 0.1 * (video.mean() - video.mean(dim=(1, 2, 3, 4), keepdim=True)))


class DecodesOne(Good):
    def decode(self, tokens: Tokens) -> Tensor:
        return super().decode(Tokens(tokens.data[:1], None))


class LooksAhead(GoodStream):
    """Its stream gives every frame at once, though the whole clip's frames depend on the next ones."""

    def encode(self, video: Tensor) -> Tokens:
        return super().encode((video + video.flip(2)) / 2 if video.shape[2] > 1 else video)


class StreamsFaintly(GoodStream):
    def stream(self, *, fps: float) -> Chunks:
        made = super().stream(fps=fps)
        push = made.push
        made.push = lambda video: 0.9 * push(video)  # type: ignore[method-assign]
        return made


class LeavesItsStreamBehind(GoodStream):
    waiting: Tensor | None = None

    def stream(self, *, fps: float) -> Chunks:
        made = super().stream(fps=fps)
        push, flush = made.push, made.flush

        def push_and_keep(video: Tensor) -> Tensor:
            self.waiting = None
            out = push(video)
            self.waiting = video[:, :, -1:].clone()
            return out

        def flush_and_forget() -> Tensor:
            self.waiting = None
            return flush()

        made.push, made.flush = push_and_keep, flush_and_forget  # type: ignore[method-assign]
        return made

    def encode(self, video: Tensor) -> Tokens:
        if self.waiting is not None:
            video, self.waiting = (video + self.waiting.mean()).clamp(-1, 1), None
        return super().encode(video)


class Gives01(Good):
    def decode(self, tokens: Tokens) -> Tensor:
        return (super().decode(tokens) + 1) / 2


class Gives01FromWeights(Gives01):
    def __init__(self, device: torch.device, dtype: torch.dtype, weights: str) -> None:
        super().__init__(device, dtype)
        assert weights == "random"


class GivesHalfTheRange(Good):
    def decode(self, tokens: Tokens) -> Tensor:
        return super().decode(tokens) / 2


class Wants01(Good):
    """Clips to the range that its network was trained in, on both sides."""

    def encode(self, video: Tensor) -> Tokens:
        return super().encode(video.clamp(0, 1))


class GivesBgr(Good):
    def decode(self, tokens: Tokens) -> Tensor:
        return super().decode(tokens).flip(1)


class WantsBgr(Good):
    """It loses all detail of what it takes for blue."""

    def encode(self, video: Tensor) -> Tokens:
        flat = video[:, :1].mean(dim=(3, 4), keepdim=True).expand_as(video[:, :1])
        return super().encode(torch.cat([flat, video[:, 1:]], dim=1))


class TooBright(Good):
    def decode(self, tokens: Tokens) -> Tensor:
        return super().decode(tokens) + 0.2


class OneColour(Good):
    def decode(self, tokens: Tokens) -> Tensor:
        video = super().decode(tokens)
        return video.mean(dim=(1, 2, 3, 4), keepdim=True).expand_as(video).clone()


class InFloat32Only(Good):
    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(device, dtype)
        self.module.float()

    def encode(self, video: Tensor) -> Tokens:
        if video.dtype != torch.float32:
            raise RuntimeError("expected scalar type Float but found Half")
        return super().encode(video)


class Overflows(Good):
    def encode(self, video: Tensor) -> Tokens:
        return super().encode(video * 1e5 / 1e5)


class StaysWhereItIs(Good):
    """Its gain is no part of the module, which forgets it on the way."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(device, dtype)
        self.module._apply = lambda *_, **__: self.module.gain.data.mul_(1.5)  # type: ignore[assignment]

    def decode(self, tokens: Tokens) -> Tensor:
        return F.pixel_shuffle(tokens.data.transpose(1, 2), CELL).transpose(1, 2)

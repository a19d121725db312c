"""What the causal blocks are made of: convolutions and norms in which no frame sees a later one.

Everything takes and gives B x C x T x H x W, and a `Past` where a clip comes in chunks. Attribute names are those of
the released files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench_cosmos.functional import activate, normalise
from tokenbench_cosmos.past import TIME, Past, join, last_frames
from tokenbench_cosmos.winograd import conv3x3

# Values of a map that are normalised and convolved in space at once: less, and reordering the kernel for each call
# would show (1 ms of 20 on a CPU for 2^19).
_VALUES_AT_ONCE = 2**22


class CausalSequential(nn.Sequential):
    """Layers in a row that share a clip's past.

    Rows within rows are run in one loop: calls within calls would each keep their input alive to the end.
    """

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """Through all of them."""
        for layer in flat(self):
            x = layer(x, past)
        return x


def flat(*layers: nn.Module) -> Iterator[nn.Module]:
    """Layers in their order, with those of a row in the row's place."""
    for layer in layers:
        if isinstance(layer, CausalSequential):
            yield from flat(*layer)
        else:
            yield layer


class CausalIdentity(nn.Module):
    """Stands where a level neither halves nor doubles anything, and where a shortcut needs no projection."""

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """As it is."""
        return x


class CausalConv3d(nn.Module):
    """Convolution over time or over space that sees the past only: the first frame stands for what was before it.

    It is computed in two dimensions, over H x W of every frame or over T x HW, which in channels-last memory costs
    no copy and runs on faster kernels.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel: T x H x W; T or both H and W are 1.
        stride: T x H x W.
        padding: zeros on either side of height and width: 1 for a kernel of 1 x 3 x 3 with stride 1, otherwise 0.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, int, int],
        *,
        stride: tuple[int, int, int] = (1, 1, 1),
        padding: int = 0,
    ) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(in_channels, out_channels, kernel, stride, padding=(0, padding, padding))

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """B x in x T x H x W -> B x out x T' x H' x W'."""
        conv = self.conv3d
        if conv.kernel_size[0] > 1:
            return self._over_time(x, past)
        frames, weight = fold(x), conv.weight.squeeze(TIME)
        padded = conv.padding[1] == 1
        frames = conv3x3(frames, weight, conv.bias) if padded else F.conv2d(frames, weight, conv.bias, conv.stride[1:])
        return unfold(frames, x.shape[0])

    def _over_time(self, x: Tensor, past: Past | None) -> Tensor:
        """The chunk's frames behind the last ones of the chunk before, or at the beginning of the clip."""
        span, step = self.conv3d.kernel_size[0], self.conv3d.stride[0]
        kept = past.recall(self) if past else None
        seen = join(*kept, x) if kept else x
        if past is not None:
            past.keep_copy(self, last_frames(seen, span - step))
        return self._taps(seen, self.conv3d.weight) if kept else self._from_first_frame(x)

    def _from_first_frame(self, x: Tensor) -> Tensor:
        """The beginning of a clip, where the first frame stands for what was before it.

        Taps that fall on copies of one frame are added up instead, which is less work than convolving the copies.
        """
        span, step = self.conv3d.kernel_size[0], self.conv3d.stride[0]
        weight, frames = self.conv3d.weight, x.shape[TIME]
        if torch.jit.is_tracing():
            # A trace must hold for any T.
            return self._taps(join(x[:, :, :1].expand(-1, -1, span - 1, -1, -1), x), weight)

        def pieces() -> Iterator[Tensor]:
            for last in range(0, min(span - 1, frames), step):
                outside, inside = weight.split([span - last, last], dim=TIME)
                yield self._taps(x[:, :, : last + 1], join(outside.sum(TIME, keepdim=True), inside))
            if frames >= span:
                yield self._taps(x, weight)

        return gather(pieces(), 1 + (frames - 1) // step)

    def _taps(self, x: Tensor, weight: Tensor) -> Tensor:
        """Over T x HW, as many frames as the taps leave; a single frame over H x W."""
        conv = self.conv3d
        if x.shape[TIME] == 1:
            return unfold(F.conv2d(fold(x), weight.squeeze(TIME), conv.bias), x.shape[0])
        columns = F.conv2d(x.flatten(3), weight.squeeze(4), conv.bias, (conv.stride[0], 1))
        return columns.unflatten(3, x.shape[3:])


class FrameNorm(nn.Module):
    """Layer normalisation of every frame on its own, over C, H and W: statistics over time would see the future."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return unfold(normalise(fold(x), self.norm), x.shape[0])


class FactorizedCausalConv3d(nn.Sequential):
    """A 1 x 3 x 3 convolution over space, then a 3 x 1 x 1 one over time."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            CausalConv3d(in_channels, out_channels, (1, 3, 3), padding=1),
            CausalConv3d(out_channels, out_channels, (3, 1, 1)),
        )

    def forward(self, x: Tensor, past: Past | None = None, norm: FrameNorm | None = None) -> Tensor:
        """B x in x T x H x W -> B x out x T x H x W; `norm` and the activation come first, where it is given."""
        return self.over_time(self.over_space(x, norm), past)

    def over_space(self, x: Tensor, norm: FrameNorm | None = None) -> Tensor:
        """The first half, a few frames at a time: their normalised copies never exist all at once."""
        conv = self[0]
        parts = (conv(frames if norm is None else activate(norm(frames))) for frames in few_frames(x))
        return gather(parts, x.shape[TIME])

    def over_time(self, x: Tensor, past: Past | None = None) -> Tensor:
        """The second half."""
        return self[1](x, past)


# The channels go last on the way, so that axes of size 1 get the strides by which kernels know channels-last memory.


def fold(x: Tensor) -> Tensor:
    """B x C x T x H x W -> BT x C x H x W; no copy in channels-last memory."""
    return x.movedim(1, -1).flatten(0, 1).movedim(-1, 1)


def unfold(frames: Tensor, batch: int) -> Tensor:
    """BT x C x H x W -> B x C x T x H x W."""
    return frames.movedim(1, -1).unflatten(0, (batch, -1)).movedim(-1, 1)


def gather(parts: Iterable[Tensor], frames: int) -> Tensor:
    """Parts B x C x t x H x W of so many frames together, one after the other; a single part as it is."""
    whole, start = None, 0
    for part in parts:
        if part.shape[TIME] == frames:
            return part
        if whole is None:
            shape = (*part.shape[:TIME], frames, *part.shape[TIME + 1 :])
            whole = torch.empty(shape, dtype=part.dtype, device=part.device, memory_format=torch.channels_last_3d)
        whole[:, :, start : start + part.shape[TIME]] = part
        start += part.shape[TIME]
    if whole is None or start != frames:
        raise ValueError(f"parts of {start} frames, expected {frames}")
    return whole


def few_frames(x: Tensor, growth: int = 1) -> tuple[Tensor, ...]:
    """B x C x T x H x W in parts along time; whole where a trace is taken, which must hold for any T.

    Args:
        x: a map.
        growth: of what is made of it.
    """
    if torch.jit.is_tracing():
        return (x,)
    return x.split(max(1, _VALUES_AT_ONCE // (growth * x.select(TIME, 0).numel())), dim=TIME)

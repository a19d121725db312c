"""First weights of a network that goes on from a narrower one: it begins with what that has learned.

After Net2WiderNet (Chen, Goodfellow and Shlens 2016, arXiv 1511.05641), but with new channels that begin at zero in
place of copies: they give nothing at first, what reads them does so with random weights, and so they learn at once.
"""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.causal import FrameNorm
from tokenbench_cosmos.layers2d import Attention, Norm
from tokenbench_cosmos.layers3d import CausalAttention
from tokenbench_cosmos.training.initialise import plain


@torch.no_grad()
def begin_wider(network: CosmosAutoencoder, narrow: CosmosAutoencoder, pixels: Tensor) -> None:
    """Set, in place, all weights so that the network computes what the narrower one does.

    Normalisation over all channels sees the new ones, though they are zero: its scale and shift make up for that, as
    far as they can for all samples alike.

    Args:
        network: with the framework's random weights, on the CPU, float32.
        narrow: the same network with fewer channels.
        pixels: of training samples, B x 3 x T x H x W in [-1, 1] (images: without T).

    Raises:
        TokenBenchError: `narrow` has other layers, or one that is wider.
    """
    old = dict(narrow.named_parameters())
    new = dict(network.named_parameters())
    if old.keys() != new.keys():
        raise TokenBenchError(
            f"network.channel_multipliers: {min(old.keys() ^ new.keys())} is in one of the networks only; a level that "
            "changes the number of channels in the network of 'start' must change it in the wider one"
        )
    for name, weight in new.items():
        source = old[name]
        if any(size < before for size, before in zip(weight.shape, source.shape, strict=True)):
            raise TokenBenchError(
                f"network.channels: {name} of 'start' is {tuple(source.shape)}, more than {tuple(weight.shape)}"
            )
        weight[source.shape[0] :] = 0
        weight[tuple(slice(size) for size in source.shape)] = source
    _make_up_for_zeros(network, narrow, pixels)
    for module, before in zip(network.modules(), narrow.modules(), strict=True):
        if isinstance(module, Attention | CausalAttention) and isinstance(before, Attention | CausalAttention):
            # Products of queries and keys are divided by the root of the number of channels.
            query = plain(module.q)
            scale = math.sqrt(query.out_channels / plain(before.q).out_channels)
            query.weight *= scale
            query.bias *= scale


def _make_up_for_zeros(network: CosmosAutoencoder, narrow: CosmosAutoencoder, pixels: Tensor) -> None:
    """Set scale and shift of every normalisation, by what the narrower network's see of these pixels."""
    moments = _moments(narrow, pixels)
    for part, part_before in zip(network.modules(), narrow.modules(), strict=True):
        if part_before not in moments:
            continue
        norm, before = _group_norm(part), _group_norm(part_before)
        count, share = before.num_channels, before.num_channels / norm.num_channels
        mean, variance = (torch.cat(values) for values in zip(*moments[part_before], strict=True))
        mean_now = share * mean
        variance_now = share * (variance + mean.square()) - mean_now.square()
        scale = (variance_now / variance).sqrt().mean()
        offset, offset_now = (mean / variance.sqrt()).mean(), (mean_now / variance_now.sqrt()).mean()
        norm.weight[:count] = before.weight * scale
        norm.bias[:count] = before.bias + before.weight * (scale * offset_now - offset)
        norm.weight[count:] = norm.weight[:count].abs().mean()
        norm.bias[count:] = norm.weight[count:] * offset_now


def _moments(network: CosmosAutoencoder, pixels: Tensor) -> dict[nn.Module, list[tuple[Tensor, Tensor]]]:
    """Of each normalisation: means and variances of the frames that it sees, call by call."""
    seen: dict[nn.Module, list[tuple[Tensor, Tensor]]] = defaultdict(list)

    def note(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        frames = inputs[0].movedim(1, -3).flatten(-3)
        seen[norm].append((frames.mean(-1).flatten(), frames.var(-1, correction=0).flatten()))

    hooks = [part.register_forward_pre_hook(note) for part in network.modules() if isinstance(part, Norm | FrameNorm)]
    network(pixels)
    for hook in hooks:
        hook.remove()
    return seen


def _group_norm(part: nn.Module) -> nn.GroupNorm:
    return part.norm if isinstance(part, FrameNorm) else part  # type: ignore[return-value]

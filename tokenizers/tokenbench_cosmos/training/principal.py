"""First weights of a network that is to learn in few steps: it begins as a linear codec of its training data.

Random weights must first learn to pass the brightness of a frame through normalisations that take it away. Here one
channel of every map begins as a large constant, which makes each normalisation a nearly constant scale, and the rest
begins as the principal components of what comes in (data-dependent first weights, as in Mishkin and Matas 2015, arXiv
1511.06422). What the network learns from there on it learns by training alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.causal import FactorizedCausalConv3d, fold
from tokenbench_cosmos.layers2d import DownSample, ResBlock
from tokenbench_cosmos.layers3d import CausalDownSample3D, CausalResBlock3D
from tokenbench_cosmos.training.initialise import begin_linear, plain

# Of channel 0 of every map; the other channels together have a mean square of 1.
_CONSTANT = 10.0

# Parts of the strongest variance below which a component counts as absent.
_FLOOR = 1e-6

# Of the mean variance of what is regressed on.
_RIDGE = 1e-3


@torch.no_grad()
def begin_principal(network: CosmosAutoencoder, pixels: Tensor) -> None:
    """Set, in place, all weights but those of residual branches, which begin at zero.

    Encoder: the strongest principal components of the wavelet's bands, then of the details within 2 x 2 pixels where
    space is halved, then of the features, as latents of variance 1. Decoder: the linear map from the features to the
    bands with the least squared error. SiLU(x) - SiLU(-x) = x makes the activations in front of both last layers
    linear: the maps there hold each channel with either sign.

    Args:
        network: on the CPU, float32.
        pixels: B x 3 x T x H x W in [-1, 1] (images: without T) of the training data, some hundred thousand pixels.
    """
    begin_linear(network)
    for norm in (module for module in network.modules() if isinstance(module, nn.GroupNorm)):
        norm.weight.fill_(_CONSTANT / math.sqrt(norm.num_channels))
        norm.weight[0] = 0
    shortcuts = list(_shortcuts(network.encoder))
    for conv in shortcuts:
        _copy_channels(conv, signed=conv is shortcuts[-1])
    for conv in _shortcuts(network.decoder):
        _copy_channels(conv, signed=True)
    bands = _begin_encoder(network, pixels)
    _begin_decoder(network, pixels, bands)


@torch.no_grad()
def begin_projections(network: CosmosAutoencoder, pixels: Tensor) -> None:
    """Set, in place, the projections around the tokens of a network whose encoder and decoder have learned already.

    To the tokens: the strongest principal components of the features, with variance 1. Back: the linear map from the
    tokens (of a discrete network: from its codes) to the features with the least squared error.

    Args:
        network: on the CPU, float32.
        pixels: as `begin_principal` takes them.
    """
    to_tokens, back = plain(network.quant_conv), plain(network.post_quant_conv)
    features = _rows(network.encoder(pixels))
    mean, components, variances = _principal(features, to_tokens.out_channels)
    components = components / variances[:, None].sqrt()
    _set_pixel(to_tokens, components, -components @ mean, constant=False)
    latent = network.latent(pixels)
    codes = _rows(network.quantizer(latent) if network.config.fsq_levels else latent)
    weights, bias = _regression(codes, features)
    _set_pixel(back, weights, bias, constant=False)


def _begin_encoder(network: CosmosAutoencoder, pixels: Tensor) -> Tensor:
    """Gives the wavelet's bands of the pixels, N x C."""
    encoder, conv_in = network.encoder, _over_space(network.encoder.conv_in)
    patcher: Any = encoder.patcher3d if network.config.is_video else encoder.patcher
    bands = _rows(patcher(pixels))
    mean, components, variances = _principal(bands, conv_in.out_channels - 1)
    components = components / variances[:, None] ** 0.25
    components /= ((bands - mean) @ components.T).square().sum(1).mean().sqrt()
    _set_pixel(conv_in, torch.cat([torch.zeros_like(components[:1]), components]), -components @ mean)
    used = conv_in.out_channels
    signed = list(_shortcuts(encoder))[-1]
    for level in encoder.down:
        if signed in level.modules():
            # Free channels hold negatives from here on.
            break
        halving = level.downsample
        if isinstance(halving, DownSample) or (isinstance(halving, CausalDownSample3D) and halving.space):
            used = _keep_details(halving, _input_of(halving, encoder, pixels), used)
    features = F.silu(_output_of(encoder.norm_out, encoder, pixels)).movedim(1, -1).flatten(0, -2)
    mean, components, variances = _principal(features, min(network.config.z_channels, features.shape[1]))
    components = components / variances[:, None].clamp(min=_FLOOR * float(variances[0])).sqrt()
    _set_pixel(_over_space(encoder.conv_out), components, -components @ mean, constant=False)
    for projection in (network.quant_conv, network.post_quant_conv):
        conv = plain(projection)
        _set_pixel(conv, torch.eye(conv.out_channels, conv.in_channels), constant=False)
    return bands


def _begin_decoder(network: CosmosAutoencoder, pixels: Tensor, bands: Tensor) -> None:
    decoder = network.decoder
    conv_in, conv_out = _over_space(decoder.conv_in), _over_space(decoder.conv_out)
    latents = torch.eye(conv_in.out_channels - 1, conv_in.in_channels)
    _set_pixel(conv_in, torch.cat([torch.zeros_like(latents[:1]), latents]), torch.zeros(len(latents)))
    features = F.silu(_output_of(decoder.norm_out, network, pixels))
    seen = _rows(F.unfold(fold(features) if features.dim() == 5 else features, 3, padding=1).unsqueeze(3))
    taps, bias = _regression(seen, bands)
    conv_out.weight.copy_(taps.unflatten(1, (-1, 3, 3)).reshape(conv_out.weight.shape))
    conv_out.bias.copy_(bias)


def _keep_details(halving: DownSample | CausalDownSample3D, x: Tensor, used: int) -> int:
    """Principal components of what means of 2 x 2 pixels lose, in channels that are free; gives how many are used."""
    conv = halving.conv if isinstance(halving, DownSample) else halving.conv1.conv3d
    free = min(conv.out_channels - used, 3 * (used - 1))
    if free <= 0:
        return used
    frames = (fold(x) if x.dim() == 5 else x)[:, 1:used]
    quads = frames.unfold(2, 2, 2).unfold(3, 2, 2)
    details = _rows((quads - quads.mean((-2, -1), keepdim=True)).permute(0, 1, 4, 5, 2, 3).flatten(1, 3))
    _, components, _ = _principal(details, free)
    weight = conv.weight if conv.weight.dim() == 4 else conv.weight[:, :, 0]
    weight[used : used + free] = 0
    weight[used : used + free, 1:used, :2, :2] = components.unflatten(1, (used - 1, 2, 2))
    return used + free


def _principal(rows: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean of N x C; the directions of the largest variance, count x C; these variances."""
    mean = rows.mean(0)
    centred = (rows - mean).double()
    variances, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
    strongest = variances.flip(0)[:count].float()
    return mean, vectors.T.flip(0)[:count].float(), strongest.clamp(min=_FLOOR * float(strongest[0]))


def _regression(rows: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The map of N x C to N x D with the least squared error, a little ridge beside it: D x C, and what is added, D."""
    mean, mean_target = rows.mean(0), targets.mean(0)
    centred = rows - mean
    products = centred.T @ centred
    products += _RIDGE * products.diagonal().mean() * torch.eye(len(products))
    weights = torch.linalg.solve(products, centred.T @ (targets - mean_target)).T
    return weights, mean_target - weights @ mean


def _copy_channels(conv: Any, *, signed: bool) -> None:
    """Channels as they are, the constant first; `signed`: then the negatives of all but the constant."""
    matrix = torch.eye(conv.out_channels, conv.in_channels)
    if signed:
        half = min(conv.out_channels // 2, conv.in_channels)
        matrix = torch.zeros(conv.out_channels, conv.in_channels)
        matrix[:half, :half] = torch.eye(half)
        matrix[half + 1 : 2 * half, 1:half] = -torch.eye(half - 1)
    _set_pixel(conv, matrix, constant=False)


def _set_pixel(conv: Any, matrix: Tensor, bias: Tensor | None = None, *, constant: bool = True) -> None:
    """A map of the channels of each pixel at hand; `constant`: channel 0 is one, and `bias` is of the others."""
    conv.weight.zero_()
    conv.bias.zero_()
    kernel = conv.weight[:, :, -1] if conv.weight.dim() == 5 else conv.weight
    kernel[: matrix.shape[0], : matrix.shape[1], kernel.shape[2] // 2, kernel.shape[3] // 2] = matrix
    if constant:
        conv.bias[0] = _CONSTANT
    if bias is not None:
        conv.bias[int(constant) : int(constant) + len(bias)] = bias


def _shortcuts(half: Any) -> Iterator[Any]:
    """Those that change the number of channels, in the order of the data."""
    levels = half.down if hasattr(half, "down") else reversed(half.up)
    for level in levels:
        for block in level.block:
            conv = plain(block.nin_shortcut) if isinstance(block, ResBlock | CausalResBlock3D) else None
            if isinstance(conv, nn.Conv2d | nn.Conv3d):
                yield conv


def _over_space(layer: nn.Module) -> Any:
    return layer[0].conv3d if isinstance(layer, FactorizedCausalConv3d) else layer


def _rows(maps: Tensor) -> Tensor:
    """B x C x ... -> N x C."""
    return maps.movedim(1, -1).flatten(0, -2)


def _input_of(layer: nn.Module, network: nn.Module, pixels: Tensor) -> Tensor:
    """What reaches a layer."""
    seen: list[Tensor] = []
    # Copies: layers behind may overwrite what they get.
    with layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone())):
        network(pixels)
    return seen[0]


def _output_of(layer: nn.Module, network: nn.Module, pixels: Tensor) -> Tensor:
    """What a layer makes of it."""
    seen: list[Tensor] = []
    with layer.register_forward_hook(lambda _, inputs, output: seen.append(output.clone())):
        network(pixels)
    return seen[0]

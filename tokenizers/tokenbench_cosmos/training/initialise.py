"""First weights of a network that is to learn in few steps: it begins as a linear map of the wavelet's bands."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.causal import CausalConv3d, FactorizedCausalConv3d
from tokenbench_cosmos.layers2d import Attention, DownSample, ResBlock, UpSample
from tokenbench_cosmos.layers3d import CausalAttention, CausalDownSample3D, CausalResBlock3D, CausalUpSample3D


@torch.no_grad()
def begin_linear(network: CosmosAutoencoder) -> None:
    """Set, in place, the weights that decide what a network does before it has learned.

    Residual branches and attention begin at zero (Goyal et al. 2017, arXiv 1706.02677, 5.1), convolutions over time
    pass the frame at hand, halving takes means and doubling repeats, and what changes the number of channels begins as
    an orthogonal map of each pixel (Saxe et al. 2013, arXiv 1312.6120). The rest keeps the framework's random weights.
    """
    for module in network.modules():
        if isinstance(module, FactorizedCausalConv3d):
            _pass_on(plain(module[1]))
    for module in network.modules():
        match module:
            case ResBlock() | CausalResBlock3D():
                _silence(plain(module.conv2[1] if isinstance(module, CausalResBlock3D) else module.conv2))
                _turn(module.nin_shortcut)
            case Attention() | CausalAttention():
                _silence(plain(module.proj_out))
            case DownSample():
                _pass_on(module.conv, taps=2)
            case UpSample():
                _pass_on(module.conv)
            case CausalDownSample3D() | CausalUpSample3D():
                # Their convolutions are added to means and to repeated pixels.
                for name in ("conv1", "conv2"):
                    if hasattr(module, name):
                        _silence(getattr(module, name).conv3d)
                _pass_on(module.conv3.conv3d)
    encoder, decoder = network.encoder, network.decoder
    for layer in (encoder.conv_in, encoder.conv_out, network.quant_conv, network.post_quant_conv, decoder.conv_in):
        _turn(layer[0] if isinstance(layer, FactorizedCausalConv3d) else layer)


def plain(layer: nn.Module) -> Any:
    """The framework's own convolution, of a layer around one or by itself."""
    return layer.conv3d if isinstance(layer, CausalConv3d) else layer


def _silence(conv: nn.Module) -> None:
    for parameter in conv.parameters():
        parameter.zero_()


def _pass_on(conv: nn.Conv2d | nn.Conv3d, taps: int = 1) -> None:
    """Every channel as it is: of the pixel at hand and the frame at hand, or the mean of 2 x 2 pixels."""
    _silence(conv)
    height, width = conv.kernel_size[-2:]
    for channel in range(min(conv.in_channels, conv.out_channels)):
        kernel = conv.weight[channel, channel]
        kernel = kernel[-1] if conv.weight.dim() == 5 else kernel
        if taps == 2:
            kernel[:2, :2] = 1 / 4
        else:
            kernel[height // 2, width // 2] = 1


def _turn(layer: nn.Module) -> None:
    """An orthogonal map of the channels of each pixel; what only stands in a place stays as it is."""
    conv = plain(layer)
    if isinstance(conv, nn.Conv2d | nn.Conv3d):
        _silence(conv)
        height, width = conv.kernel_size[-2:]
        matrix = nn.init.orthogonal_(torch.empty(conv.out_channels, conv.in_channels))
        (conv.weight[:, :, -1] if conv.weight.dim() == 5 else conv.weight)[:, :, height // 2, width // 2] = matrix

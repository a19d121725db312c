"""Load a network from its file, ready to be called. Importing this module costs no torch, calling it does."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tokenbench.networks.cards import find_card
from tokenbench.networks.find import NetworkFile

if TYPE_CHECKING:
    import torch


def load_network(file: NetworkFile, device: torch.device | str = "cpu") -> Any:
    """A network in float32, whose weights are frozen, has an attribute `device`, and is called as its class says.

    - `inception-fid`, `efficientnet-lite0`: `FidInception`, `EfficientNetLite0Features`; frames to features.
    - `i3d-kinetics400`: `I3D`; a clip to features.
    - `lpips-*`, `st-lpips-*`: `LpipsDistance`; pairs of frames to distances.
    - `raft-*`: `RaftFlow`; pairs of frames to optical flow.
    - `vgg16`, `vgg19`, `hed-vgg16`: `VggFeatures`; frames to feature maps, through which gradients pass.

    Raises:
        TokenBenchError: the file does not fit the network, or cannot be read.
    """
    import torch

    module, _, function = find_card(file.name).loader.partition(":")
    return getattr(importlib.import_module(module), function)(file.path, torch.device(device))

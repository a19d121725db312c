"""A released OmniTokenizer into its network."""

from __future__ import annotations

from pathlib import Path

import torch

from tokenbench.errors import TokenBenchError
from tokenbench_baselines.checkpoint import fill, read_checkpoint
from tokenbench_baselines.omnitokenizer.layers import WindowAttention, relative_positions
from tokenbench_baselines.omnitokenizer.network import OmniTokenizer

# Networks of the training losses, which lie in the same state dict.
_OTHERS = ("image_discriminator.", "video_discriminator.", "perceptual_model.")

# A count that older checkpoints have not kept; nothing here reads it.
_OPTIONAL = "codebook.codebook_usage"


def load_network(path: Path, *, variational: bool, dtype: torch.dtype) -> OmniTokenizer:
    """The network with the weights of a file, on the CPU.

    Raises:
        TokenBenchError: the file cannot be read, or does not fit; what does not is named.
    """
    with torch.device("meta"):
        module = OmniTokenizer(variational=variational)
    state = {name: tensor for name, tensor in read_checkpoint(path).items() if not name.startswith(_OTHERS)}
    if _OPTIONAL not in state:
        state[_OPTIONAL] = torch.zeros(len(module.codebook.embeddings))
    fill(module, state, path, dtype=dtype)
    expected = relative_positions()
    for name, part in module.named_modules():
        if isinstance(part, WindowAttention) and not torch.equal(part.relative_position_index, expected):
            raise TokenBenchError(
                f"{path}: {name}.relative_position_index is not that of windows of 8 x 8; take the released weights"
            )
    return module

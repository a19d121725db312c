"""Released weights into a network, strictly: what does not fit is refused by name."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError
from tokenbench.weights import read_tensors

# A folder may hold the whole network, or its two halves as they were published.
FILE_SETS = (("autoencoder.jit",), ("encoder.jit", "decoder.jit"), ("autoencoder.safetensors",))

# Files of November 2024 were traced from samplers that own all three convolutions, used or not.
_SAMPLER = re.compile(r"(encoder\.down\.\d+\.downsample|decoder\.up\.\d+\.upsample)\.conv[123]\.conv3d\.(weight|bias)")

# Released decoders keep the quantiser under a name of their own.
_RENAMED = {"inv_quant.quantizer.": "quantizer."}

# bfloat16 keeps 1/sqrt(2) to 1.1e-4; the patcher that only rearranges pixels has 1.
_HAAR_TOLERANCE = 1e-2


def read_checkpoint(paths: Sequence[Path]) -> dict[str, Tensor]:
    """The tensors of a network whose halves may lie in several files, under the names of the whole.

    Raises:
        TokenBenchError: a file cannot be read, or two hold different tensors of one name.
    """
    state: dict[str, Tensor] = {}
    for path in paths:
        for name, tensor in read_tensors(path).items():
            key = _whole_name(name)
            if key in state and not torch.equal(state[key], tensor):
                raise TokenBenchError(
                    f"{' and '.join(map(str, paths))} differ in {key}; take them from the same release"
                )
            state[key] = tensor
    return state


def load_strictly(module: nn.Module, state: dict[str, Tensor], *, dtype: torch.dtype, source: str) -> None:
    """Give a module its tensors, cast to `dtype`.

    Args:
        module: may lie on the meta device; its tensors are replaced.
        state: by name. Unused convolutions of samplers are ignored.
        dtype: of parameters and floating buffers; whole numbers keep the dtype that the module has for them.
        source: named in messages.

    Raises:
        TokenBenchError: a tensor is missing, unexpected, of another shape or kind; it is named.
    """
    expected = module.state_dict()
    state = {key: tensor for key, tensor in state.items() if key in expected or not _SAMPLER.fullmatch(key)}
    _refuse("lacks {}", source, [key for key in expected if key not in state])
    _refuse("holds {}, which this network has not", source, [key for key in state if key not in expected])
    for key, tensor in state.items():
        _refuse_misfit(key, tensor, expected[key], source)
    fitted = {
        key: tensor.to(dtype if tensor.is_floating_point() else expected[key].dtype) for key, tensor in state.items()
    }
    module.load_state_dict(fitted, strict=True, assign=True)


def _whole_name(name: str) -> str:
    for prefix, whole in _RENAMED.items():
        if name.startswith(prefix):
            return whole + name.removeprefix(prefix)
    return name


def _refuse(problem: str, source: str, keys: Sequence[str]) -> None:
    if keys:
        more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
        raise TokenBenchError(f"{source} {problem.format(keys[0] + more)}; take the weights of this very tokenizer")


def _refuse_misfit(key: str, tensor: Tensor, expected: Tensor, source: str) -> None:
    if tensor.shape != expected.shape:
        raise TokenBenchError(
            f"{source}: {key} is {_shape(tensor)}, expected {_shape(expected)}; take the weights of this very tokenizer"
        )
    if tensor.is_floating_point() != expected.is_floating_point():
        raise TokenBenchError(
            f"{source}: {key} is {tensor.dtype}, expected {expected.dtype}; take the released weights"
        )
    if key.endswith(".wavelets") and (tensor.float() - 1 / math.sqrt(2)).abs().max() > _HAAR_TOLERANCE:
        raise TokenBenchError(f"{source}: {key} is {tensor.tolist()}, expected 1/sqrt(2): it is no Haar network")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"

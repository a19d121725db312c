"""The I3D of FVD: a TorchScript archive, whose code is run. Importing this module loads torch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tokenbench.errors import NotApplicable, TokenBenchError
from tokenbench.networks.state import misfit
from tokenbench.weights.torchscript import is_torchscript

# What StyleGAN-V calls the network with: the values come as it wants them, and its last layer's input goes out.
_SETTINGS = {"rescale": False, "resize": False, "return_features": True}


class I3D:
    """Features of a clip for FVD and KVD.

    Source:
        Carreira and Zisserman 2017 (arXiv 1705.07750), trained on Kinetics-400; the archive of StyleGAN-V.

    Args:
        network: the archive.
        device: that it is on.
    """

    features = 400

    def __init__(self, network: Any, device: torch.device) -> None:
        self.device = device
        self._network = network

    @torch.inference_mode()
    def __call__(self, video: Tensor) -> Tensor:
        """1 x 400, float32, of a video 1 x 3 x T x 224 x 224, float32, [-1, 1], RGB, on the device.

        Raises:
            NotApplicable: the network cannot take the video, as when it is too short.
            TokenBenchError: the network gives something else than 400 features.
        """
        try:
            features = self._network(video, **_SETTINGS)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise NotApplicable(
                f"the I3D network cannot take a clip of {video.shape[2]} frames: {_last_line(error)}"
            ) from error
        if features.shape != (len(video), self.features):
            raise TokenBenchError(
                f"the I3D network gives {' x '.join(map(str, features.shape))} numbers for a clip, expected "
                f"1 x {self.features}; name the published file"
            )
        return features.float()


def load(path: Path, device: torch.device) -> I3D:
    """The network of StyleGAN-V's archive. Loading and calling it runs code of the file.

    Raises:
        TokenBenchError: the file is damaged, no TorchScript archive, or one that is called otherwise.
    """
    if not is_torchscript(path):
        raise misfit(path, "it is no TorchScript archive, or a damaged one")
    try:
        # An open file, for torch cannot read paths with every letter.
        with path.open("rb") as file, warnings.catch_warnings():
            # Newer versions of torch advise against TorchScript; there is no other form of this network.
            warnings.simplefilter("ignore", FutureWarning)
            network = torch.jit.load(file, map_location=device)
    except (RuntimeError, OSError) as error:
        raise misfit(path, f"TorchScript cannot read it ({_last_line(error)})") from error
    arguments = {argument.name for argument in network.forward.schema.arguments}
    if missing := [name for name in _SETTINGS if name not in arguments]:
        raise misfit(path, f"it takes no argument {missing[0]!r}")
    return I3D(network.eval(), device)


def _last_line(error: Exception) -> str:
    """TorchScript tells where in the code it was, and says what is wrong at the end."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].removeprefix("RuntimeError: ") if lines else type(error).__name__

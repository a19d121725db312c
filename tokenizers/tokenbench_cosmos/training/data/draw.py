"""Random numbers that are a function of where they are used, and of nothing that came before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Draw:
    """What chance decides of one sample: each a number in [0, 1), uniform and independent.

    Args:
        which: of all samples that there are.
        native: whether it is cropped at its own size.
        side: the short side of the frame that it is cropped from.
        top: where the crop begins.
        left: the same.
        flip: whether it is mirrored.
        reverse: whether it runs backwards.
    """

    which: float
    native: float
    side: float
    top: float
    left: float
    flip: float
    reverse: float


def draw(seed: int, step: int, index: int) -> Draw:
    """Of one sample of a mini-batch, by the counter-based generator Philox4x64-10 (Salmon et al. 2011).

    Args:
        seed: of the training, the generator's key.
        step: of the mini-batch; with `index` the generator's counter.
        index: of the sample in the mini-batches of all processes together.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, 0], counter=[0, 0, index, step]))
    return Draw(*generator.random(7).tolist())


def draw_of_step(seed: int, step: int) -> float:
    """What chance decides of a whole mini-batch, the same in every process: in [0, 1).

    Args:
        seed: of the training.
        step: of the mini-batch.
    """
    return float(np.random.Generator(np.random.Philox(key=[seed, 1], counter=[0, 0, 0, step])).random())

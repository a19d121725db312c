"""Frames are NumPy arrays, or tensors that have stayed on the tokenizer's device."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray


def as_array(frames: Any) -> NDArray[Any]:
    """Frames in the CPU's memory; what is there already is not copied."""
    # Known by its method, because importing torch to ask for the type takes seconds.
    return frames.cpu().numpy() if hasattr(frames, "cpu") else frames

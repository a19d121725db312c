"""The frozen record of every choice that changes a number."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How clips are prepared, reconstructed, stored and scored.

    Args:
        name, version: of the set of defaults that the other fields deviate from.
        frames: only the first so many of each clip; None takes all.
        window: cut clips into independent windows of so many frames; None takes the tokenizer's own stream, or else
            the window of its card.
        storage: what a reconstruction goes through before it is scored (`tokenbench.evaluation.storage`).
        quantisation, psnr, ssim, mean, interval: definitions, in words.
    """

    name: str = "native"
    version: int = 1
    frames: int | None = None
    window: int | None = None
    storage: str = "none"
    quantisation: str = "floor(clip((y + 1) / 2, 0, 1) * 255 + 0.5), float32"
    psnr: str = "20 log10(255 / (sqrt(MSE) + float32 eps)); one MSE over all frames, pixels and channels of a clip"
    ssim: str = (
        "scikit-image structural_similarity per frame, mean over frames: data_range 255, uniform 7x7 window, "
        "sample covariance, K1 0.01, K2 0.03, mean over channels"
    )
    mean: str = "plain mean of the clips' values"
    interval: str = "95 % percentile bootstrap over clips, 10000 resamples, seed 0"

    @property
    def label(self) -> str:
        """`native/1`, and whatever deviates from its defaults: `native/1+frames=17+storage=h264`."""
        changed = [
            f"+{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if field.name not in ("name", "version") and getattr(self, field.name) != field.default
        ]
        return f"{self.name}/{self.version}" + "".join(changed)

    def as_dict(self) -> dict[str, Any]:
        """For `result.json`."""
        return asdict(self)

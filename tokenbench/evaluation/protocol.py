"""The frozen record of every choice that changes a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.measures import Measures
from tokenbench.evaluation.storage import BOTH_SIDES
from tokenbench.metrics.conventions import CONVENTIONS, Convention


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How clips are prepared, reconstructed, stored and scored.

    Args:
        convention: how 8-bit frames become PSNR and SSIM; its name and version are the protocol's.
        frames: only the first so many of each clip; None takes all.
        window: cut clips into independent windows of so many frames; None takes the tokenizer's own stream, or else
            the window of its card.
        storage: what a reconstruction goes through before it is scored, and with some the reference too
            (`tokenbench.evaluation.storage`).
        definitions: of the metrics that are measured, by name, in words.
        networks: that they stand on: name -> `NetworkFile.as_dict()`.
        mean, interval: definitions, in words; values of sets say themselves how their interval was made.
    """

    convention: Convention = CONVENTIONS["paper"]
    frames: int | None = None
    window: int | None = None
    storage: str = "none"
    definitions: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mean: str = "plain mean of the clips' values"
    interval: str = (
        "95 % percentile bootstrap over clips (over sources, where clips share one), 10000 resamples, seed 0"
    )

    @classmethod
    def of(cls, convention: Convention, measures: Measures, **choices: Any) -> Protocol:
        """The protocol of a run.

        Args:
            convention: of PSNR and SSIM.
            measures: what is measured.
            choices: further fields.

        Raises:
            TokenBenchError: the convention does not quantise, which only PSNR and SSIM can do without; or it stores
                frames itself, and a storage is chosen too.
        """
        if convention.storage != "none" and choices.get("storage", "none") != "none":
            raise TokenBenchError(
                f"the protocol {convention.name} stores both sides as {convention.storage}; leave out --storage "
                f"{choices['storage']}"
            )
        definitions = dict(measures.definitions)
        if convention != CONVENTIONS["paper"]:
            definitions |= dict.fromkeys(_BY_CONVENTION, f"{convention.label}: {convention.tool}")
        others = [name for name in measures.names if name not in _BY_CONVENTION]
        if convention.quantisation == "none" and others:
            raise TokenBenchError(
                f"the protocol {convention.name} scores frames that are not quantised, of which only PSNR and SSIM are "
                f"defined; leave {', '.join(others)} out of --metrics"
            )
        return cls(convention=convention, definitions=definitions, networks=measures.described_networks, **choices)

    @property
    def label(self) -> str:
        """`paper/1`, and what deviates from its defaults: `paper/1+frames=17+storage=h264`.

        A network whose file is not known to be the published one is named with its digest: what it measures is
        comparable with itself alone.
        """
        changed = [
            f"+{name}={getattr(self, name)}"
            for name in ("frames", "window", "storage")
            if getattr(self, name) != _DEFAULTS[name]
        ]
        own = [f"+{name}={network['sha256'][:8]}" for name, network in self.networks.items() if not network["verified"]]
        return self.convention.label + "".join(changed + own)

    @property
    def reconstruction_storage(self) -> str:
        """What reconstructions alone go through."""
        return "none" if self.storage in BOTH_SIDES else self.storage

    @property
    def common_storage(self) -> str:
        """What references and reconstructions go through alike."""
        return self.storage if self.storage in BOTH_SIDES else self.convention.storage

    @property
    def is_paper(self) -> bool:
        """Whether PSNR and SSIM are the published ones, of 8-bit frames as the tokenizer gives them."""
        return self.convention == CONVENTIONS["paper"]

    def as_dict(self) -> dict[str, Any]:
        """For `result.json`."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            "name": self.convention.name,
            "version": self.convention.version,
            **own,
            "convention": self.convention.as_dict(),
            "definitions": dict(self.definitions),
            "networks": {name: dict(network) for name, network in self.networks.items()},
        }


_BY_CONVENTION = ("psnr", "ssim")

_DEFAULTS = {each.name: each.default for each in fields(Protocol)}

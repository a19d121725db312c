"""What a run measures, made ready before any work starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tokenbench.errors import Problems, TokenBenchError
from tokenbench.metrics.catalog import DEFAULT, MetricInfo, choose, set_networks
from tokenbench.networks import NetworkFile, find_card, find_network

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Measures:
    """The metrics of a run, and the trained networks that they stand on.

    Args:
        metrics: that can be measured.
        unavailable: those that were asked for and cannot be, and why.
        files: of the networks, by name.
        networks: loaded, by name; called as `tokenbench.networks` says.
    """

    metrics: tuple[MetricInfo, ...] = choose(DEFAULT)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, NetworkFile] = field(default_factory=dict)
    networks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the metrics."""
        return tuple(metric.name for metric in self.metrics)

    @property
    def definitions(self) -> dict[str, str]:
        """Of the metrics, in words, for a protocol."""
        return {metric.name: metric.definition for metric in self.metrics}

    @property
    def described_networks(self) -> dict[str, dict[str, Any]]:
        """Of the networks, for a protocol."""
        return {name: file.as_dict() for name, file in self.files.items()}

    def set_networks(self, kind: str) -> dict[str, list[MetricInfo]]:
        """The networks whose features make up sets of that kind of media, and the set metrics that use them."""
        return set_networks(self.metrics, kind)

    def unloaded(self) -> Measures:
        """The same without what is loaded, so that it can go to another process."""
        return replace(self, networks={})

    def loaded(self, device: torch.device | str) -> Measures:
        """The same with its networks on a device."""
        return replace(self, networks=_loaded(self.files, device))


DEFAULT_MEASURES = Measures()


def prepare(
    names: Sequence[str],
    device: torch.device | str = "cpu",
    *,
    given: Mapping[str, str] | None = None,
    clips: Mapping[str, int] | None = None,
    skip_unavailable: bool = False,
) -> Measures:
    """Find, verify and load everything that metrics need.

    Args:
        names: of metrics.
        device: that networks run on.
        given: files of networks that the user names, by network; those that no metric needs are left alone.
        clips: how many there are, by kind of media; None where that is not known.
        skip_unavailable: leave out, and mark, metrics that cannot be measured here.

    Raises:
        TokenBenchError: a metric, network or device is unknown; a file does not fit its network.
        Problems: metrics cannot be measured here; a line each.
    """
    chosen = choose(tuple(names))
    given = given or {}
    for name in given:
        find_card(name)
    files: dict[str, NetworkFile] = {}
    missing: dict[str, str] = {}
    for name in dict.fromkeys(metric.network for metric in chosen if metric.network):
        try:
            files[name] = find_network(name, given.get(name))
        except TokenBenchError as error:
            missing[name] = str(error)
    unavailable = {metric.name: missing[metric.network] for metric in chosen if metric.network in missing}
    unavailable |= {metric.name: reason for metric in chosen if (reason := too_few(metric, clips))}
    if "vmaf" in names and (reason := _no_vmaf()):
        unavailable["vmaf"] = reason
    if unavailable and not skip_unavailable:
        raise Problems([f"{name} cannot be measured: {reason}" for name, reason in unavailable.items()])
    metrics = tuple(metric for metric in chosen if metric.name not in unavailable)
    needed = {metric.network for metric in metrics}
    files = {name: file for name, file in files.items() if name in needed}
    return Measures(metrics=metrics, unavailable=unavailable, files=files, networks=_loaded(files, device))


def too_few(metric: MetricInfo, clips: Mapping[str, int] | None) -> str:
    """Why a data set has no value of a metric; nothing where it has one."""
    if clips is None or metric.media == "any":
        return ""
    wanted, there = (2 if metric.over == "set" else 1), clips.get(metric.media, 0)
    return f"it needs {wanted} or more {metric.media} clips, and there are {there}" if there < wanted else ""


def _loaded(files: Mapping[str, NetworkFile], device: torch.device | str) -> dict[str, Any]:
    if not files:
        return {}
    from tokenbench.evaluation.device import open_device
    from tokenbench.networks.load import load_network

    place = open_device(str(device))
    return {name: load_network(file, place) for name, file in files.items()}


def _no_vmaf() -> str:
    """Why VMAF cannot be measured here; nothing where it can."""
    from tokenbench.metrics.vmaf import find_ffmpeg

    try:
        find_ffmpeg()
    except TokenBenchError as error:
        return str(error)
    return ""

"""Registered tokenizers do what the contract says."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from cosmos_support import small_card
from skimage.metrics import peak_signal_noise_ratio

from tokenbench.checking import Material, Subject, run_checks
from tokenbench.checking.tiles import tiles
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.windows import Compute
from tokenbench.media.pixels import to_float
from tokenbench.registry import load_tokenizer, registered


def cheap() -> list[str]:
    """One of each way in which a tokenizer without a network is made."""
    names: dict[tuple[str, object, int], str] = {}
    for name, card in registered().items():
        encoder = card.options.get("encoder")
        if not card.info.parameters and card.info.weights == "none":
            names.setdefault((card.factory, encoder, card.info.compression[0]), name)
    return list(names.values())


@pytest.mark.parametrize("name", cheap())
def test_those_without_a_network_pass(name: str, subject) -> None:  # type: ignore[no-untyped-def]
    try:
        made = subject(name)
    except TokenBenchError as error:
        pytest.skip(str(error))
    findings = dict(run_checks(made))
    assert not {check: finding.text for check, finding in findings.items() if finding.verdict == "failed"}
    assert findings["input-range"].figures["slope"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", ["cosmos-cv-8x8x8", "cosmos-dv-8x16x16", "cosmos-ci-8x8"])
def test_networks_pass_with_random_weights(name: str, material: Material) -> None:
    card = small_card(name)

    def load(compute: Compute) -> object:
        made = card.load(weights="random", device=compute.device, dtype=compute.dtype)
        count = sum(weight.numel() for weight in made.module.parameters())  # type: ignore[attr-defined]
        made.info = dataclasses.replace(made.info, parameters=count)
        return made

    compute = Compute(torch.device("cpu"), torch.float32)
    findings = dict(run_checks(Subject(load, compute, material, untrained=True)))  # type: ignore[arg-type]
    assert not {check: finding.text for check, finding in findings.items() if finding.verdict == "failed"}
    if name == "cosmos-dv-8x16x16":
        assert findings["grid"].text == "tokens are 1 x 3 x 4 x 5, as the card says"
    if name == "cosmos-cv-8x8x8":
        causality = findings["causality"].figures
        assert (causality["altered_from"], causality["first_frame"], causality["first_token"]) == (9, 9, 2)
        assert findings["windows"].figures["decibels"] < findings["streaming"].figures["decibels"] - 30


def test_windows_are_measured_as_they_are_cut(subject) -> None:  # type: ignore[no-untyped-def]
    made = subject("haar-4x8x8")
    finding = dict(run_checks(made))["windows"]
    frames = made.cut(17 + 9, *made.small)
    video, tokenizer = to_float(frames), load_tokenizer("haar-4x8x8")
    padded = torch.cat([video, video[:, :, -1:].expand(-1, -1, 3, -1, -1)], dim=2)
    whole = tokenizer.reconstruct(padded)[:, :, :26]
    cut = torch.cat([tokenizer.reconstruct(video[:, :, :17]), tokenizer.reconstruct(video[:, :, 17:])], dim=2)
    whole, cut = ((given.clamp(-1, 1) * 127.5 + 127.5).numpy() for given in (whole, cut))
    assert finding.figures["decibels"] == pytest.approx(peak_signal_noise_ratio(whole, cut, data_range=255), abs=0.01)
    assert finding.figures["largest_levels"] == pytest.approx(np.abs(whole - cut).max(), rel=1e-3)
    seam = peak_signal_noise_ratio(whole[:, :, 16:18], cut[:, :, 16:18], data_range=255)
    assert finding.figures["seam_decibels"] == pytest.approx(seam, abs=0.01)


def test_tiles_are_measured_against_the_whole_photograph(subject, material: Material) -> None:  # type: ignore[no-untyped-def]
    alone = dict(run_checks(subject("haar-8x8")))["tiles"]
    assert alone.figures["decibels"] > 100  # each token sees its own 8 x 8 pixels only

    def load(compute: Compute) -> object:
        return small_card("cosmos-ci-8x8").load(weights="random", device=compute.device, dtype=compute.dtype)

    made = Subject(load, Compute(torch.device("cpu"), torch.float32), material, untrained=True)  # type: ignore[arg-type]
    photograph, tokenizer = made.photograph.squeeze(2), made.tokenizer
    whole = tokenizer.reconstruct(photograph)
    cut = photograph.shape[-1] // 16 // 2 * 16
    halves = torch.cat([tokenizer.reconstruct(part) for part in photograph.tensor_split([cut], dim=-1)], dim=-1)
    finding = tiles(made)
    error = (halves - whole).double()
    assert finding.figures["largest_levels"] == pytest.approx(error.abs().max().item() * 127.5, rel=1e-4)
    assert finding.figures["decibels"] == pytest.approx(10 * math.log10(4 / error.square().mean().item()), abs=1e-3)
    near = error[..., cut - 16 : cut + 16].square().mean().item()
    assert finding.figures["seam_decibels"] == pytest.approx(10 * math.log10(4 / near), abs=1e-3)
    assert finding.figures["seam_decibels"] < finding.figures["decibels"] < 100


def test_codecs_are_measured_not_judged(check) -> None:  # type: ignore[no-untyped-def]
    findings = check("h264-crf23")
    assert findings["bits"].verdict == findings["causality"].verdict == "measured"
    assert findings["causality"].figures["first_frame"] < findings["causality"].figures["altered_from"]
    assert findings["grid"].verdict == findings["tokens"].verdict == "does not apply"
    assert math.isfinite(findings["bits"].figures["bits_per_pixel"])

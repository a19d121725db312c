"""A tokenizer with one fault fails the one check that is for it."""

from __future__ import annotations

import re

import pytest
import torch
from torch import device

from tokenbench.checking import CHECKS, Finding, devices

FAULTS = [
    ("LosesARow", "shapes", "decode gave 1 x 3 x 9 x 63 x 80"),
    ("Raises", "shapes", "encode raised KeyError: 'first line"),
    ("OtherGrid", "grid", "but the card says 1 x 12 x 9 x 16 x 20"),
    ("NotANumber", "finite", "27 of 138240 values are NaN or infinite"),
    ("BeyondTheVocabulary", "tokens", "expected 0 to 511"),
    ("FloatingCodes", "tokens", "codes are torch.float32"),
    ("TooCheap", "bits", "48 per pixel make"),
    ("BiggerThanItsCard", "card", "states 2 parameters; the network has 3"),
    ("NeedsTwoFrames", "one-frame", "at least two frames are needed"),
    ("DropsFrames", "frame-counts", "2 x 32 x 32: good.decode gave 1 x 3 x 1 x 32 x 32"),
    ("LeastSize", "odd-sizes", "9 x 1 x 1: good.encode raised ValueError: kernel is larger than the input"),
    ("WritesIntoTheClip", "inputs", "encode writes into the clip"),
    ("WritesIntoTheTokens", "inputs", "decode writes into the tokens"),
    ("KeepsAGraph", "gradients", "a graph for gradients is kept by encode and decode"),
    ("Samples", "determinism", "take the mode of the posterior"),
    ("DropsOut", "determinism", "the network is in training mode"),
    ("RemembersItsFirstClip", "state", "something is kept from clip to clip"),
    ("Learns", "state", "encoding changes seen of the network"),
    ("ReusesItsBuffer", "state", "a later encode changes tokens that were given out before"),
    ("MixesTheBatch", "batch", "latents of a batch are"),
    ("DecodesOne", "batch", "decode gave 1 x 3 x 9 x 64 x 80"),
    ("LooksAhead", "causality", "though its stream gives 8 frames before it has seen them"),
    ("StreamsFaintly", "streaming", "expected at least 50 dB"),
    ("LeavesItsStreamBehind", "streaming", "a stream that is left unfinished changes the next clip"),
    ("Gives01", "input-range", "the network gives [0, 1]:"),
    ("GivesHalfTheRange", "input-range", "the network gives [-0.5, 0.5]:"),
    ("Wants01", "input-range", "the network wants [0, 1]:"),
    ("GivesBgr", "input-range", "the network gives BGR:"),
    ("WantsBgr", "input-range", "the network wants BGR:"),
    ("TooBright", "input-range", "look for a scale or a shift"),
    ("OneColour", "better-than-mean", "worse than one colour: photograph"),
    ("InFloat32Only", "precision", "bfloat16: encode raised RuntimeError: expected scalar type Float"),
]


def failures(findings: dict[str, Finding]) -> dict[str, str]:
    return {name: finding.text for name, finding in findings.items() if finding.verdict == "failed"}


@pytest.mark.parametrize("name", ["Good", "GoodDiscrete", "GoodStream"])
def test_a_good_one_passes_all(name: str, check) -> None:  # type: ignore[no-untyped-def]
    findings = check(name)
    assert list(findings) == [each.name for each in CHECKS]
    assert not failures(findings)


@pytest.mark.parametrize(("name", "expected", "said"), FAULTS)
def test_one_fault_fails_one_check(name: str, expected: str, said: str, check) -> None:  # type: ignore[no-untyped-def]
    found = failures(check(name))
    assert list(found) == [expected], found
    assert said in found[expected]
    assert "\n" not in found[expected]


def test_every_check_can_fail() -> None:
    assert {each.name for each in CHECKS} - {expected for _, expected, _ in FAULTS} == {"windows", "tiles", "device"}


def test_what_builds_on_a_failed_check_says_so(check) -> None:  # type: ignore[no-untyped-def]
    findings = check("Raises")
    assert findings["determinism"].verdict == "does not apply"
    assert findings["determinism"].text == "it builds on shapes, which failed"
    assert findings["card"].verdict == "passed"


def test_overflow_in_half_precision_is_named(check) -> None:  # type: ignore[no-untyped-def]
    finding = check("Overflows")["precision"]
    assert finding.verdict == "measured"
    assert re.search(r"float16: overflows, \d+ of 27648 values are NaN or infinite: do not use it", finding.text)
    assert finding.figures["bfloat16_decibels"] > 40


def test_untrained_networks_are_not_judged_by_their_pictures(check) -> None:  # type: ignore[no-untyped-def]
    findings = check("Gives01FromWeights", weights="random")
    for name in ("input-range", "better-than-mean"):
        assert (findings[name].verdict, findings[name].text) == ("does not apply", "the weights are random")


def test_a_network_that_does_not_move_is_found(subject, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(devices, "other_device", lambda here: device("cpu"))
    assert devices.device(subject("Good")).verdict == "passed"
    finding = devices.device(subject("StaysWhereItIs"))
    assert finding.verdict == "failed"
    assert finding.text.startswith("moved to cpu: frames are 0.5 of their size off; moved back to cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["Good", "haar-4x8x8", "klt-8x8"])
def test_devices_agree(name: str, subject) -> None:  # type: ignore[no-untyped-def]
    assert devices.device(subject(name)).verdict == "passed"

"""A paper of the tests' own: a plan with one small table, and its published values."""

from __future__ import annotations

import csv
from dataclasses import fields
from pathlib import Path

import pytest

from tokenbench.reproduction import plan, published
from tokenbench.reproduction.published import Published

PLAN = """
schema = "tokenbench.reproduction/1"

[[metrics]]
paper = "PSNR"
name = "psnr"
title = "PSNR (dB)"
decimals = 2
tolerance = 0.1
reason = "of the test"

[[metrics]]
paper = "rFVD"
name = "fvd"
title = "rFVD"
decimals = 2
tolerance = 0.05
relative = true
reason = "of the test"

[[datasets]]
paper = "Street"
option = "street"
kind = "video"
clips = 2
storage = "none"
get = "from the test"

[[datasets]]
paper = "Far away"
option = "far"
kind = "video"
clips = 3
get = "from nowhere"

[[tables]]
number = 5
title = "A table of the tests"
columns = ["frames"]
datasets = ["Street", "Far away"]
metrics = ["PSNR", "rFVD"]
stand_ins = ["haar-8x8"]
notes = ["one"]

[[tokenizers]]
paper = "Haar-Tokenizer"
name = "haar-4x8x8"
note = "in dispute: it is said to be trained"

[[tokenizers]]
paper = "Big-Tokenizer"
name = "cosmos-cv-4x8x8"

[notes]
one = "There is nothing to know."
"""


def value(tokenizer: str, section: str, metric: str, text: str, **more: str) -> Published:
    """A published value of the tests."""
    return Published(
        **{
            "version": "v1, v2",
            "kind": "continuous",
            "modality": "video",
            "compression": "4x8x8",
            "formulation": "AE",
            "source": "the test",
            "confidence": "one source",
            **more,
        },
        tokenizer=tokenizer,
        section=section,
        metric=metric,
        value=text,
    )


VALUES = [
    value("Haar-Tokenizer", "all", "frames", "9"),
    value("Haar-Tokenizer", "Street", "PSNR", "30.00"),
    value("Haar-Tokenizer", "Street", "rFVD", "6.97"),
    value("Haar-Tokenizer", "Far away", "PSNR", "24.48"),
    value("Big-Tokenizer", "all", "frames", "17"),
    value("Big-Tokenizer", "Street", "PSNR", "35.45"),
]


def write_paper(folder: Path, values: list[Published], text: str = PLAN) -> None:
    """A folder such as `reports/paper`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reproduction.toml").write_text(text)
    with (folder / "table5.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Published)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(vars(each) for each in values)


@pytest.fixture
def paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tests' paper in place of the real one; no weights are installed."""
    from huggingface_hub import constants

    folder = tmp_path / "paper"
    write_paper(folder, VALUES)
    monkeypatch.setattr(published, "paper_folder", lambda: folder)
    monkeypatch.setattr(plan, "paper_folder", lambda: folder)
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return folder

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tokenbench.evaluation import samples
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.samples import SampleFrame, keep_samples, thin_samples, write_sample
from tokenbench.media.image import read_image


def score(folder: Path, number: int, psnr: float) -> ClipRecord:
    sample = SampleFrame(0)
    frame = np.full((1, 8, 8, 3), number, np.uint8)
    sample.update(frame, frame)
    write_sample(folder, number, sample.sample())
    return ClipRecord(
        clip=f"clip-{number}", domain="", kind="image", frames=1, height=8, width=8, fps=0, values={"psnr": psnr}
    )


def test_any_number_of_clips_leaves_a_bounded_number_of_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "_KEPT", 3)
    monkeypatch.setattr(samples, "_MOST", 20)
    values = np.random.default_rng(0).permutation(200).astype(float)
    numbers = {f"clip-{number}": number for number in range(200)}
    folder = tmp_path / "samples"
    records, most = [], 0
    for number, value in enumerate(values):
        records.append(score(folder, number, value))
        thin_samples(folder, numbers, records)
        most = max(most, len(list(folder.iterdir())))
    assert most <= 2 * 21
    kept = keep_samples(tmp_path, folder, numbers, records)
    assert [sample["rank"] for sample in kept] == ["worst", "median", "best"]
    assert (kept[0]["psnr"], kept[2]["psnr"]) == (0, 199)
    assert abs(kept[1]["psnr"] - 100) <= 20
    assert len(list(folder.iterdir())) == 6
    for sample in kept:
        assert read_image(tmp_path / sample["reference"])[0, 0, 0] == numbers[sample["clip"]]


def test_a_frame_may_be_a_tensor(tmp_path: Path) -> None:
    sample = SampleFrame(1)
    frames = torch.arange(2 * 8 * 8 * 3).reshape(2, 8, 8, 3).to(torch.uint8)
    sample.update(frames, frames)
    write_sample(tmp_path, 0, sample.sample())
    assert (read_image(tmp_path / "000000-000001-reference.png") == frames[1].numpy()).all()

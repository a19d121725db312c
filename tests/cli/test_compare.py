from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import structural_similarity
from tests_support import write_video

from tokenbench.evaluation import compare as comparing

Command = Callable[..., Any]


@pytest.fixture
def pair(folder: Path, tmp_path: Path, tokenbench: Command) -> tuple[Path, Path]:
    """A folder of clips, and one of their reconstructions."""
    assert (
        tokenbench(
            "eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--out", tmp_path / "r", "--save-reconstructions"
        ).code
        == 0
    )
    return folder, tmp_path / "r" / "reconstructions"


def test_compare_equals_eval(pair: tuple[Path, Path], tokenbench: Command, tmp_path: Path) -> None:
    out, clips = tmp_path / "c.json", tmp_path / "c.csv"
    outcome = tokenbench("compare", *pair, "--out", out, "--clips", clips)
    assert outcome.code == 0
    compared, evaluated = (json.loads(path.read_text()) for path in (out, tmp_path / "r" / "result.json"))
    assert compared["schema"] == "tokenbench.result/1"
    assert compared["tokenizer"] == {"name": "compare"}
    for name in ("psnr", "ssim"):
        assert compared["metrics"][name] == evaluated["metrics"][name]
    assert clips.read_text().splitlines()[0] == "clip,domain,frames,height,width,fps,si,ti,luma,psnr,ssim"
    for name in ("even.mkv", "odd.mkv", "photo.png"):
        assert name in outcome.out


def test_public_definitions_on_a_known_pair(mini: dict[str, Any], tokenbench: Command, tmp_path: Path) -> None:
    pristine = mini["carphone"].path
    distorted = pristine.with_name("carphone_distorted.mp4")
    out = tmp_path / "c.json"
    assert tokenbench("compare", pristine, distorted, "--frames", 20, "--out", out).code == 0
    x, y = (decode(path)[:20].astype(np.float32) for path in (pristine, distorted))
    psnr = 20 * np.log10(255 / (np.sqrt(np.mean((x - y) ** 2)) + np.finfo(np.float32).eps))
    ssim = np.mean([structural_similarity(a, b, data_range=255, channel_axis=-1) for a, b in zip(x, y, strict=True)])
    metrics = json.loads(out.read_text())["metrics"]
    assert metrics["psnr"]["value"] == pytest.approx(psnr, abs=1e-3)
    assert metrics["ssim"]["value"] == pytest.approx(ssim, abs=1e-5)
    assert metrics["psnr"]["value"] < 30


def decode(path: Path) -> NDArray[np.uint8]:
    import av

    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24", interpolation="BICUBIC") for f in container.decode(video=0)])


def test_images_are_paired_whatever_their_format(folder: Path, tokenbench: Command, tmp_path: Path) -> None:
    originals, copies = tmp_path / "a", tmp_path / "b"
    for place in (originals, copies):
        place.mkdir()
    shutil.copy(folder / "photo.png", originals)
    Image.open(folder / "photo.png").save(copies / "photo.jpg", quality=60)
    outcome = tokenbench("compare", originals, copies)
    assert outcome.code == 0
    assert "1 photographs" in outcome.out


def test_names_that_differ_are_refused_and_named(pair: tuple[Path, Path], tokenbench: Command) -> None:
    (pair[1] / "odd.mkv").rename(pair[1] / "other.mkv")
    outcome = tokenbench("compare", *pair)
    assert outcome.code == 2
    assert "lacks odd" in outcome.message
    assert "lacks other" in outcome.message


def test_counts_that_differ_are_refused_and_named(pair: tuple[Path, Path], tokenbench: Command) -> None:
    (pair[1] / "odd.mkv").unlink()
    outcome = tokenbench("compare", *pair)
    assert outcome.code == 2
    assert "has 3 files" in outcome.message
    assert "2, and" in outcome.message
    assert "lacks odd" in outcome.message


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (np.s_[:, :62], "is 80x64 and"),
        (np.s_[:9], "ends after 9 frames, before its pair"),
    ],
)
def test_a_pair_that_does_not_fit_fails_alone(
    pair: tuple[Path, Path],
    carphone: NDArray[np.uint8],
    tokenbench: Command,
    tmp_path: Path,
    part: Any,
    message: str,
) -> None:
    write_video(pair[1] / "even.mkv", carphone[:14, :64, :80][part])
    outcome = tokenbench("compare", *pair, "--out", tmp_path / "c.json")
    assert outcome.code == 1
    result = json.loads((tmp_path / "c.json").read_text())
    assert [failure["clip"] for failure in result["failed"]] == ["even.mkv"]
    assert message in result["failed"][0]["error"]
    assert result["metrics"]["psnr"]["n"] == 2


def test_a_comparison_in_a_folder_goes_on_where_it_stopped(
    folder: Path, tokenbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies, run = tmp_path / "copies", tmp_path / "run"
    made = tokenbench(
        "eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--out", tmp_path / "e", "--save-reconstructions"
    )
    assert made.code == 0
    (tmp_path / "e/reconstructions").rename(copies)
    score_pair, scored = comparing.score_pair, []

    def interrupted(name: str, *rest: Any) -> Any:
        scored.append(name)
        if len(scored) == 2:
            raise KeyboardInterrupt
        return score_pair(name, *rest)

    monkeypatch.setattr(comparing, "score_pair", interrupted)
    assert tokenbench("compare", folder, copies, "--run", run).code == 130
    assert not (run / "result.json").exists()
    assert tokenbench("compare", folder, copies, "--run", run).code == 0
    assert scored == ["even.mkv", "odd.mkv", "odd.mkv", "photo.png"]
    assert tokenbench("compare", folder, copies, "--out", tmp_path / "whole.json").code == 0
    one, other = (json.loads(path.read_text()) for path in (run / "result.json", tmp_path / "whole.json"))
    assert one["media"] == other["media"]
    assert tokenbench("report", run, "--out", tmp_path / "report").code == 0
    (copies / "photo.png").write_bytes((folder / "photo.png").read_bytes())
    outcome = tokenbench("compare", folder, copies, "--run", run)
    assert "holds a run with other settings" in outcome.message


def test_a_device_that_is_not_there_is_one_line(folder: Path, tokenbench: Command) -> None:
    outcome = tokenbench("compare", folder, folder, "--metrics", "st-lpips-alex", "--device", "nonsense")
    assert outcome.code == 2
    assert "device 'nonsense' cannot be used" in outcome.message

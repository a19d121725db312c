from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from tests_support import write_video

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.drift import NEEDS_FLOAT, Drift, DriftRow, drift
from tokenbench.evaluation.printed import Printed, ranked
from tokenbench.evaluation.storage import open_storage
from tokenbench.media.image import write_png
from tokenbench.metrics import PixelScores
from tokenbench.metrics.convention_scores import ConventionScores
from tokenbench.metrics.conventions import CONVENTIONS

QUANTISATIONS = {"truncate", "unquantised"}


@pytest.fixture(scope="module")
def clip(carphone: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 18 x 46 x 56 x 3: longer than a chunk."""
    return carphone[:18, 20:66, 50:106]


@pytest.fixture(scope="module")
def floats(clip: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Its blurred reconstruction, float32 in [0, 1]."""
    return gaussian_filter(clip.astype(np.float32), (0, 1, 1, 0)) / np.float32(255)


@pytest.fixture
def reference(tmp_path: Path, clip: NDArray[np.uint8]) -> Path:
    return write_video(tmp_path / "reference.mkv", clip)


def rounded(floats: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (floats * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def saved(path: Path, array: NDArray[Any]) -> Path:
    np.save(path, array)
    return path


def by_name(found: Drift) -> dict[str, DriftRow]:
    return {row.convention.name: row for row in found.rows}


def test_one_pass_gives_what_each_convention_gives_alone(
    reference: Path, clip: NDArray[np.uint8], floats: NDArray[np.float32], tmp_path: Path
) -> None:
    found = drift(reference, saved(tmp_path / "copy.npy", floats))
    assert [row.convention for row in found.rows] == list(CONVENTIONS.values())
    assert (found.frames, found.height, found.width) == (18, 46, 56)
    for name, row in by_name(found).items():
        if name != "mp4-both":
            scores = ConventionScores(CONVENTIONS[name])
            scores.update(clip, floats * np.float32(255))
            assert row.values == pytest.approx(scores.values(), rel=1e-12)
            assert row.note == ""


def test_both_sides_go_through_a_file_of_their_own(
    reference: Path, clip: NDArray[np.uint8], floats: NDArray[np.float32], tmp_path: Path
) -> None:
    stored = []
    for side in (clip, rounded(floats)):
        storage = open_storage("h264", 46, 56, 25)
        stored.append(np.concatenate([storage.push(side), storage.flush()]))
    scores = PixelScores()
    scores.update(*stored)
    row = by_name(drift(reference, saved(tmp_path / "copy.npy", floats)))["mp4-both"]
    assert row.values == pytest.approx(scores.values(), rel=1e-12)


def test_8_bit_files_have_no_numbers_for_quantisation(
    reference: Path, floats: NDArray[np.float32], tmp_path: Path
) -> None:
    found = drift(reference, write_video(tmp_path / "copy.mkv", rounded(floats)))
    rows = by_name(found)
    for name in QUANTISATIONS:
        assert (rows[name].values, rows[name].difference, rows[name].note) == ({}, {}, NEEDS_FLOAT)
    array = drift(reference, saved(tmp_path / "copy.npy", rounded(floats)))
    assert array.rows == found.rows
    whole = by_name(drift(reference, saved(tmp_path / "float.npy", floats)))
    assert {name: row.values for name, row in rows.items() if name not in QUANTISATIONS} == {
        name: row.values for name, row in whole.items() if name not in QUANTISATIONS
    }


def test_differences_are_to_paper(reference: Path, floats: NDArray[np.float32], tmp_path: Path) -> None:
    rows = by_name(drift(reference, saved(tmp_path / "copy.npy", floats)))
    assert rows["paper"].difference == {"psnr": 0, "ssim": 0}
    assert rows["range-2"].difference["psnr"] == pytest.approx(20 * np.log10(2), abs=1e-4)
    for row in rows.values():
        for metric, value in row.difference.items():
            assert value == row.values[metric] - rows["paper"].values[metric]


def test_half_precision_is_close_to_single(reference: Path, floats: NDArray[np.float32], tmp_path: Path) -> None:
    single = drift(reference, saved(tmp_path / "single.npy", floats), frames=3)
    half = drift(reference, saved(tmp_path / "half.npy", floats.astype(np.float16)), frames=3)
    for one, other in zip(single.rows, half.rows, strict=True):
        assert one.values == pytest.approx(other.values, abs=0.01)


def test_only_the_first_frames_are_scored(reference: Path, floats: NDArray[np.float32], tmp_path: Path) -> None:
    short = drift(reference, saved(tmp_path / "copy.npy", floats), frames=3)
    assert short.frames == 3
    again = drift(write_video(tmp_path / "b.mkv", rounded(floats)), saved(tmp_path / "copy.npy", floats), frames=3)
    assert by_name(again)["paper"].values["psnr"] > 180


def test_images_are_pairs_of_one_frame(clip: NDArray[np.uint8], floats: NDArray[np.float32], tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", clip[0])
    write_png(tmp_path / "b.png", rounded(floats)[0])
    found = drift(tmp_path / "a.png", tmp_path / "b.png")
    assert found.frames == 1
    array = drift(tmp_path / "a.png", saved(tmp_path / "b.npy", floats[0]))
    assert by_name(array)["luma"].values == by_name(found)["luma"].values


def test_conventions_that_do_not_fit_drop_out_with_their_reason(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 40, 3), dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    rows = by_name(drift(tmp_path / "a.png", tmp_path / "a.png"))
    assert rows["pytorch-msssim"].values == {}
    assert rows["pytorch-msssim"].note == "pytorch-msssim needs at least 11 x 11 pixels, got 40 x 9"
    assert rows["torchmetrics"].values["ssim"] == 1
    assert rows["paper"].values["ssim"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y[:, 1:], "a pair must have one size"),
        (lambda y: y[:17], "copy.npy ends after 17 frames, before its pair"),
        (lambda y: y * 2 - 1, r"values from -1 to [\d.]+, expected \[0, 1\]; a network's y in \[-1, 1\]"),
        (lambda y: y * 255, r"expected \[0, 1\]"),
        (lambda y: y + np.float32(np.nan), "values from nan to nan"),
        (lambda y: y.astype(np.float64), "holds float64, expected float32 or float16"),
        (lambda y: y.transpose(0, 3, 1, 2), "is 18 x 3 x 46 x 56, expected T x H x W x 3"),
        (lambda y: y[:0], "is 0 x 46 x 56 x 3, expected"),
    ],
)
def test_arrays_that_are_no_reconstruction_are_refused(
    reference: Path, floats: NDArray[np.float32], tmp_path: Path, change: Any, message: str
) -> None:
    blackened = floats.copy()
    blackened[0, :3, :3] = 0
    with pytest.raises(ClipError, match=message):
        drift(reference, saved(tmp_path / "copy.npy", change(blackened)))


@pytest.mark.parametrize("content", [b"", b"not an array", b"\x93NUMPY\x01\x00"])
def test_files_that_are_no_arrays_are_refused(reference: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "copy.npy").write_bytes(content)
    with pytest.raises(ClipError, match="not a readable array"):
        drift(reference, tmp_path / "copy.npy")


def test_pickled_objects_are_not_opened(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="not a readable array"):
        drift(reference, saved(tmp_path / "copy.npy", np.array([{}], object)))


def test_missing_files_and_folders_are_refused(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"none\.npy: no such file"):
        drift(reference, tmp_path / "none.npy")
    with pytest.raises(TokenBenchError, match="is a folder; give one file"):
        drift(reference, tmp_path)


@pytest.mark.parametrize(("text", "half"), [("31.8", 0.05), ("31.80", 0.005), ("32", 0.5), (" .95 ", 0.005)])
def test_a_printed_number_stands_for_all_that_round_to_it(text: str, half: float) -> None:
    number = Printed.parse(text)
    assert number == Printed(float(text), pytest.approx(half))
    assert number.distance(number.value + 0.9 * half) < 1 < number.distance(number.value - 1.1 * half)


@given(value=st.floats(-100, 100), digits=st.integers(0, 6))
def test_a_number_may_be_printed_as_it_is_printed(value: float, digits: int) -> None:
    assert Printed.parse(f"{value:.{digits}f}").distance(value) <= 1 + 1e-6


@pytest.mark.parametrize("text", ["", "31,8", "nan", "inf", "abc"])
def test_other_texts_are_no_numbers(text: str) -> None:
    with pytest.raises(TokenBenchError, match="write it as it is printed"):
        Printed.parse(text)


def test_rows_are_ranked_by_the_metric_that_is_farthest_off() -> None:
    values: list[dict[str, float]] = [{}, {"psnr": 30.0, "ssim": 0.9}, {"psnr": 31.8, "ssim": 0.9}]
    rows = [DriftRow(convention=CONVENTIONS["paper"], values=each, difference={}) for each in values]
    by_both = ranked(rows, {"psnr": Printed.parse("31.8"), "ssim": Printed.parse(".91")})
    assert [row.values for row, _ in by_both] == [values[2], values[1], values[0]]
    assert [distance for _, distance in by_both] == pytest.approx([2, 36, np.inf])

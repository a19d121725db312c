"""Contact sheets, and parts of files."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests_support import write_video

from tokenbench.datasets.review.items import read_items
from tokenbench.datasets.review.ranges import UnsatisfiableError, byte_range
from tokenbench.datasets.review.sheets import Sheets, sheet_frames, sheet_jpeg
from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip


def opened(jpeg: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def test_frames_of_a_sheet_span_the_clip_evenly() -> None:
    assert sheet_frames(1) == [0]
    assert sheet_frames(3) == [0, 1, 2]
    numbers = sheet_frames(300)
    assert (len(numbers), numbers[0], numbers[-1]) == (12, 0, 299)
    assert set(np.diff(numbers)) <= {27, 28}


def test_each_cell_shows_its_frame(tmp_path: Path) -> None:
    """Frames that are as bright as their number says."""
    frames = np.repeat(np.arange(0, 250, 5, dtype=np.uint8), 32 * 48 * 3).reshape(50, 32, 48, 3)
    clip = Clip(
        id="a", domain="b", path=write_video(tmp_path / "a.mkv", frames), kind="video", frames=50, height=32, width=48
    )
    sheet = opened(sheet_jpeg(clip))
    assert sheet.shape == (3 * 36 - 4, 4 * 52 - 4, 3)
    seen = [int(sheet[row * 36 + 16, column * 52 + 24, 0]) for row in range(3) for column in range(4)]
    assert np.abs(np.array(seen) - [number * 5 for number in sheet_frames(50)]).max() <= 2


def test_large_clips_are_reduced_and_keep_their_shape(tmp_path: Path) -> None:
    frames = np.zeros((13, 800, 400, 3), np.uint8)
    clip = Clip(
        id="a", domain="b", path=write_video(tmp_path / "a.mkv", frames), kind="video", frames=13, height=800, width=400
    )
    assert opened(sheet_jpeg(clip)).shape == (3 * 320 - 4, 4 * 162 - 4, 3)


def test_a_photograph_is_its_own_sheet(mini: dict[str, Clip]) -> None:
    sheet, photograph = opened(sheet_jpeg(mini["chelsea"])), next(mini["chelsea"].chunks(1))[0]
    assert sheet.shape == photograph.shape
    assert np.abs(sheet.astype(float) - photograph).mean() < 4


def test_a_clip_that_is_another_than_its_manifest_says_has_no_sheet(build: Path) -> None:
    clip = replace(read_items(build)[0].clip, sha256="00" * 32)
    with pytest.raises(ClipError, match="sha256"):
        sheet_jpeg(clip)


def test_sheets_are_kept_and_made_only_while_wanted(mini: dict[str, Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    sheets = Sheets()
    assert sheets.jpeg(mini["chelsea"], wanted=lambda: False) is None
    first = sheets.jpeg(mini["chelsea"], wanted=lambda: True)
    monkeypatch.setattr(Clip, "chunks", None)
    assert sheets.jpeg(mini["chelsea"], wanted=lambda: True) is first


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-200", (90, 100)),
        ("bytes=-30", (70, 100)),
        ("bytes=-300", (0, 100)),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=\N{ARABIC-INDIC DIGIT ONE}-", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_ranges_as_the_standard_has_them(header: str | None, part: tuple[int, int] | None) -> None:
    assert byte_range(header, 100) == part


@pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0)])
def test_a_range_outside_of_the_file_is_refused(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableError):
        byte_range(header, size)

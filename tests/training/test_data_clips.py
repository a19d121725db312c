"""What may be trained on: apart from what tokenizers are judged on, whole, once, long enough."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.datasets.catalog import open_dataset
from tokenbench.errors import Problems, TokenBenchError
from tokenbench.files import sha256_of_file
from tokenbench.media.clip import Clip
from tokenbench.media.image import write_png
from tokenbench_cosmos.training.data import DataSettings, build_data
from tokenbench_cosmos.training.data.clips import find_clips


def names(settings: DataSettings) -> list[str]:
    return [clip.id for clip in find_clips(settings)]


def test_no_clip_of_the_evaluation_set_can_be_trained_on(
    settings: DataSettings, tmp_path: Path, mini: dict[str, Clip]
) -> None:
    place = tmp_path / "disguised"
    place.mkdir()
    for number, clip in enumerate(mini.values()):
        shutil.copy(clip.path, place / f"{number}{clip.path.suffix}")
    with pytest.raises(Problems) as caught:
        build_data(replace(settings, sources=(*settings.sources, str(place))), seed=0)
    assert len(caught.value.lines) == len(mini)
    for line, (number, id_) in zip(
        sorted(caught.value.lines), sorted(enumerate(mini), key=lambda item: str(item[0])), strict=True
    ):
        assert line.startswith(f"{place / str(number)}.")
        assert f"the clip {id_!r} of the evaluation set 'mini'" in line
        assert mini[id_].sha256[:16] in line
    assert not list(Path(settings.cache).glob("*.npy"))


def test_the_evaluation_set_itself_is_refused(settings: DataSettings) -> None:
    with pytest.raises(Problems, match="must not be trained on"):
        build_data(replace(settings, sources=("mini",)), seed=0)


def test_an_excluded_evaluation_clip_is_left_out(settings: DataSettings, mini: dict[str, Clip]) -> None:
    shutil.copy(mini["bikes"].path, Path(settings.sources[0]) / "mine.mp4")
    assert names(replace(settings, exclude=(mini["bikes"].sha256[:16],))) == ["even.mkv", "odd.mkv", "photo.png"]


def test_a_frame_of_a_sequence_may_be_no_evaluation_image_either(
    settings: DataSettings, tmp_path: Path, mini: dict[str, Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "DAVIS" / "bear"
    place.mkdir(parents=True)
    write_png(place / "00000.png", next(mini["astronaut"].chunks(1))[0][:64])
    shutil.copy(mini["astronaut"].path, place / "00001.png")
    sequence = Clip(id="bear", domain="animals", path=place, kind="video", fps=24.0)
    found = replace(open_dataset(settings.sources[0]), clips=(sequence,))
    monkeypatch.setattr("tokenbench_cosmos.training.data.clips.open_dataset", lambda name: found)
    with pytest.raises(Problems, match="bear is the clip 'astronaut' of the evaluation set 'mini'"):
        find_clips(settings)


def test_what_is_held_out_cannot_be_trained_on(settings: DataSettings, tmp_path: Path) -> None:
    place = tmp_path / "validation"
    place.mkdir()
    shutil.copy(Path(settings.sources[0]) / "odd.mkv", place / "other name.mkv")
    with pytest.raises(Problems, match=r"odd\.mkv is the clip 'other name\.mkv' of .*validation', which is held out"):
        build_data(settings, seed=0, held_out=[str(place)])


def test_damaged_files_are_all_named_before_training_begins(settings: DataSettings) -> None:
    place = Path(settings.sources[0])
    cut = (place / "even.mkv").read_bytes()
    (place / "cut.mkv").write_bytes(cut[: len(cut) // 2])
    (place / "empty.png").write_bytes(b"")
    (place / "text.mp4").write_text("no video")
    with pytest.raises(Problems) as caught:
        build_data(settings, seed=0)
    broken = ("cut.mkv", "empty.png", "text.mp4")
    assert len(caught.value.lines) == 3
    for line, name in zip(caught.value.lines, broken, strict=True):
        assert line.startswith(str(place / name))
        assert sha256_of_file(place / name)[:16] in line
    excluded = tuple(sha256_of_file(place / name) for name in broken)
    assert len(build_data(replace(settings, exclude=excluded), seed=0).videos.clips) == 2


def test_a_link_to_nothing_is_named(settings: DataSettings) -> None:
    (Path(settings.sources[0]) / "gone.mp4").symlink_to("nowhere.mp4")
    with pytest.raises(Problems, match=r"gone\.mp4: cannot be read"):
        build_data(settings, seed=0)


def test_a_file_that_lies_there_twice_counts_once(settings: DataSettings) -> None:
    place = Path(settings.sources[0])
    shutil.copy(place / "even.mkv", place / "zz.mkv")
    both = replace(settings, sources=(*settings.sources, *settings.sources))
    assert names(both) == ["clips/even.mkv", "clips/odd.mkv", "clips/photo.png"]


def test_short_videos_are_left_out_and_noted(settings: DataSettings) -> None:
    data = build_data(replace(settings, frames=12), seed=0)
    assert [clip.source.id for clip in data.videos.clips] == ["even.mkv"]
    assert data.notes == ("1 of 2 videos are shorter than 12 frames and left out: odd.mkv",)
    with pytest.raises(TokenBenchError, match=r"no video of 15 frames or more in .*data\.frames"):
        build_data(replace(settings, frames=15), seed=0)


def test_short_videos_run_back_and_forth_on_request(settings: DataSettings) -> None:
    data = build_data(
        replace(settings, frames=20, bounce=True, native=1.0, flip=0.0, reverse=0.0, image_every=0), seed=0
    )
    assert (len(data.videos.clips), data.notes) == (2, ())
    batch = data.batch(0)
    for frames, id_ in zip(batch.frames, batch.ids, strict=True):
        name, _, first = id_.rpartition("@")
        (clip,) = (each for each in data.videos.clips if each.source.id == name)
        length = clip.index.frames
        walk = [*range(length), *range(length - 2, 0, -1)] * 4
        seen = dict(zip(walk[int(first) :], frames, strict=False))
        assert len(seen) == length
        assert all(np.array_equal(frame, seen[walk[int(first) + at]]) for at, frame in enumerate(frames))
        for number, frame in seen.items():
            whole = clip.read(number, 1)[0]
            windows = np.lib.stride_tricks.sliding_window_view(whole, frame.shape)
            assert (windows == frame).all(axis=(-3, -2, -1)).any()


def test_a_lack_of_images_is_one_line(settings: DataSettings) -> None:
    (Path(settings.sources[0]) / "photo.png").unlink()
    with pytest.raises(TokenBenchError, match=r"no image in .*data\.image_every = 0"):
        build_data(settings, seed=0)
    assert build_data(replace(settings, image_every=0), seed=0).batch(0).kind == "video"


@pytest.mark.parametrize("name", ["-rf.mkv", "a\nb'\".mkv", "\u202eünï.mkv", "take:2.mkv", "%s{}.mkv"])
def test_odd_names_are_read(settings: DataSettings, carphone: NDArray[np.uint8], tmp_path: Path, name: str) -> None:
    write_video(tmp_path / "video.mkv", carphone[:5])
    odd = tmp_path / "odd"
    odd.mkdir()
    shutil.move(tmp_path / "video.mkv", odd / name)
    data = build_data(replace(settings, sources=(str(odd),), image_every=0), seed=0)
    assert data.batch(0).ids[0].rpartition("@")[0] == name
    assert all(path.parent == Path(settings.cache) for path in Path(settings.cache).rglob("*"))

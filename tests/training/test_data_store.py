"""Decoded clips on the disk, and random access without them: always the same frames."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.errors import ClipError, OutputError, TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.media.image import write_png
from tokenbench_cosmos.training.data import DataSettings, build_data, decode
from tokenbench_cosmos.training.data.decode import index_clip, read_span

# Containers and encoders that are entered in different ways: open groups of pictures, streams without an index,
# hidden frames, no keyframes at all behind the first.
ENCODINGS = {
    "mp4": ("h.mp4", "-c:v libx264 -g 10 -bf 2"),
    "open groups": ("o.mkv", "-c:v libx264 -x264-params open-gop=1:keyint=12:bframes=3"),
    "no keyframes": ("n.mp4", "-c:v libx264 -x264-params intra-refresh=1:keyint=10"),
    "mpeg-ts": ("t.ts", "-c:v libx264 -g 10"),
    "mpeg-2": ("m.mpg", "-c:v mpeg2video -bf 2 -g 9"),
    "avi": ("a.avi", "-c:v mpeg4 -vtag XVID -bf 2 -g 10"),
    "vp9": ("v.webm", "-c:v libvpx-vp9 -g 10 -speed 8 -auto-alt-ref 1 -lag-in-frames 8"),
    "rotated": ("r.mp4", "-c:v libx264 -g 10"),
}


def encoded(path: Path, options: str, source: Path) -> Path:
    turn = ["-display_rotation", "90"] if path.name == "r.mp4" else []
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *turn, "-i", source, *options.split(), path]
    subprocess.run(command, check=True)
    return path


def video_clip(path: Path, **values: float) -> Clip:
    return Clip(id=path.name, domain="test", path=path, kind="video", **values)  # type: ignore[arg-type]


def whole(clip: Clip) -> NDArray[np.uint8]:
    return np.concatenate(list(clip.chunks(16)))


@pytest.mark.parametrize("kind", ENCODINGS)
def test_any_span_is_what_decoding_all_gives(kind: str, tmp_path: Path, carphone: NDArray[np.uint8]) -> None:
    source = write_video(tmp_path / "source.mkv", np.concatenate([carphone, carphone[::-1]])[:, :96, :128])
    name, options = ENCODINGS[kind]
    clip = video_clip(encoded(tmp_path / name, options, source))
    index, frames = index_clip(clip), whole(clip)
    assert frames.shape == (index.frames, index.height, index.width, 3)
    for first in (0, 1, 9, 10, 11, 25, index.frames - 4):
        assert np.array_equal(read_span(clip, index, first, 4), frames[first : first + 4]), first


def test_a_span_of_a_turned_video_of_ten_bits_is_what_decoding_all_gives(
    tmp_path: Path, carphone: NDArray[np.uint8]
) -> None:
    source = write_video(tmp_path / "source.mkv", carphone[:, :96, :128])
    flat = encoded(tmp_path / "flat.mp4", "-c:v libx264 -pix_fmt yuv420p10le -g 10", source)
    clip = video_clip(encoded(tmp_path / "r.mp4", "-c copy", flat))
    frames = whole(clip)
    assert frames.shape[1:] == (128, 96, 3)
    assert np.array_equal(read_span(clip, index_clip(clip), 9, 4), frames[9:13])


def test_a_late_span_is_not_decoded_from_the_beginning(
    tmp_path: Path, carphone: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_video(tmp_path / "source.mkv", np.concatenate([carphone, carphone[::-1]]))
    clip = video_clip(encoded(tmp_path / "h.mp4", "-c:v libx264 -g 10", source))
    index, entered = index_clip(clip), []

    def recorded(*arguments: object) -> Iterator[object]:
        entered.append(arguments[1])
        return original(*arguments)  # type: ignore[arg-type]

    original = decode.decoded
    monkeypatch.setattr(decode, "decoded", recorded)
    read_span(clip, index, 35, 4)
    assert entered == [index.times[35]]
    assert entered[0] > 1


def test_a_video_without_time_stamps_is_read_from_its_beginning(
    tmp_path: Path, carphone: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = video_clip(write_video(tmp_path / "a.mkv", carphone[:12]))
    index = replace(index_clip(clip), times=())
    assert np.array_equal(read_span(clip, index, 5, 3), carphone[5:8])


def test_spans_of_cuts_folders_and_photographs(tmp_path: Path, carphone: NDArray[np.uint8]) -> None:
    cut = video_clip(write_video(tmp_path / "a.mkv", carphone), start=0.2, end=0.6)
    assert index_clip(cut).frames == 10
    assert np.array_equal(read_span(cut, index_clip(cut), 3, 4), carphone[8:12])
    for number, frame in enumerate(carphone[:5]):
        write_png(tmp_path / "frames" / f"{number:05}.png", frame)
    folder = video_clip(tmp_path / "frames")
    assert np.array_equal(read_span(folder, index_clip(folder), 1, 3), carphone[1:4])
    photo = replace(folder, path=tmp_path / "frames" / "00002.png", kind="image")
    assert np.array_equal(read_span(photo, index_clip(photo), 0, 1), carphone[2:3])


def test_a_clip_that_changed_is_named(tmp_path: Path, carphone: NDArray[np.uint8]) -> None:
    clip = video_clip(write_video(tmp_path / "a.mkv", carphone[:8]))
    index = index_clip(clip)
    write_video(clip.path, carphone[:8, :100])
    with pytest.raises(ClipError, match=r"a\.mkv: has changed"):
        read_span(clip, index, 2, 4)


@pytest.mark.parametrize("short_side", [0, 50])
def test_batches_are_the_same_with_and_without_stored_frames(settings: DataSettings, short_side: int) -> None:
    stored = build_data(replace(settings, cache_short_side=short_side), seed=2)
    decoded = build_data(
        replace(settings, cache_short_side=short_side, cache_bytes=0, cache=settings.cache + "-empty"), seed=2
    )
    assert all(clip.path for clip in stored.videos.clips)
    assert not any(clip.path for clip in decoded.videos.clips)
    for step in range(4):
        assert np.array_equal(stored.batch(step).frames, decoded.batch(step).frames)
    if short_side:
        assert [clip.read(0, 1).shape[1:3] for clip in stored.videos.clips] == [(50, 62), (50, 69)]


def test_stored_frames_stay_within_their_limit(settings: DataSettings) -> None:
    even, photo = 14 * 64 * 80 * 3, 77 * 102 * 3
    data = build_data(replace(settings, cache_bytes=even + photo + 2000), seed=0)
    files = list(Path(settings.cache).glob("*.npy"))
    assert len(files) == 2
    assert sum(path.stat().st_size for path in files) <= even + photo + 2000
    assert [clip.path is None for clip in data.videos.clips] == [False, True]
    assert "1 of 3 clips find no room" in data.notes[0]
    more = build_data(settings, seed=0)
    assert not more.notes
    assert len(list(Path(settings.cache).glob("*.npy"))) == 3


def test_a_known_clip_is_not_decoded_again(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_data(settings, seed=0).batch(0)

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(Clip, "chunks", refuse)
    monkeypatch.setattr(decode, "open_video", refuse)
    assert np.array_equal(build_data(settings, seed=0).batch(0).frames, first.frames)


def test_an_interrupted_decode_leaves_nothing_behind(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = Clip.chunks

    def interrupted(clip: Clip, size: int) -> Iterator[NDArray[np.uint8]]:
        yield next(chunks(clip, 1))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Clip, "chunks", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_data(replace(settings, image_every=0), seed=0)
    assert not [path for path in Path(settings.cache).iterdir() if path.suffix == ".npy"]
    assert build_data(settings, seed=0).batch(0).kind == "video"


def test_damaged_files_of_the_cache_are_named(settings: DataSettings) -> None:
    data = build_data(settings, seed=0)
    for path in Path(settings.cache).glob("*.npy"):
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ClipError, match=r"\.npy: the decoded frames are gone or damaged"):
        data.batch(0)
    path = sorted(Path(settings.cache).glob("*.json"))[0]
    for content in ("{", "[]", "{}", json.dumps({"frames": 1, "times": [], "hight": 2}), "\xff"):
        path.write_text(content, encoding="latin-1")
        with pytest.raises(TokenBenchError, match=r"\.json: not a readable index"):
            build_data(settings, seed=0)


def test_a_cache_that_cannot_be_written_is_one_line(settings: DataSettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        build_data(replace(settings, cache=str(tmp_path / "file" / "cache")), seed=0)

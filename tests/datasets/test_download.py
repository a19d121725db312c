"""Panda-70M from a site on this machine; the network is never used."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from download_support import Site, mp4, serving, table_row, write_table
from numpy.typing import NDArray

from tokenbench.datasets import download as module
from tokenbench.datasets.catalog import open_dataset
from tokenbench.datasets.download import Failure, download, read_list
from tokenbench.datasets.sources.panda_clip import PandaClip
from tokenbench.datasets.sources.panda_rows import read_rows
from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.media.clip import Clip

OFFICIAL = Path(__file__).parents[3] / "shared/facts/tokenbench_official_list.txt"
ONE, OTHER = "-TfD4eKDfbI", "0-aW3PKnj8E"


@pytest.fixture(scope="module")
def frames(mini: dict[str, Clip]) -> NDArray[np.uint8]:
    return np.concatenate(list(mini["carphone"].chunks(50, frames=50)))


@pytest.fixture(scope="module")
def content(frames: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return mp4(tmp_path_factory.mktemp("video") / "a.mp4", frames)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as site:
        yield site


def clip(video: str, url: str, start: float = 0.0, end: float = 1.0) -> PandaClip:
    return PandaClip(video=video, url=url, start=start, end=end, label="desirable")


def fetch(clips: list[PandaClip], folder: Path, *, height: int = 360, workers: int = 1) -> list[Failure]:
    return download(clips, folder, height=height, workers=workers)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".download.lock")


def test_videos_are_fetched_once_and_their_clips_are_found_as_cuts(
    site: Site, content: bytes, frames: NDArray[np.uint8], tmp_path: Path
) -> None:
    rows = [
        table_row(ONE, site.put("one.mp4", content), ("0:00:00.000", "0:00:00.400"), ("0:00:01.200", "0:00:02.000")),
        table_row(OTHER, site.put("other.mp4", content), ("0:00:00.500", "0:00:01.000")),
    ]
    clips = read_list(write_table(tmp_path / "panda70m_testing.csv", *rows))
    seen: list[tuple[str, str]] = []
    failures = download(clips, tmp_path / "out", height=360, workers=2, on_video=lambda *each: seen.append(each))
    assert failures == []
    assert sorted(seen) == [(ONE, ""), (OTHER, "")]
    assert names(tmp_path / "out") == [f"{ONE}.mp4", f"{OTHER}.mp4", "clips.csv"]
    assert (tmp_path / "out" / f"{ONE}.mp4").read_bytes() == content

    found = open_dataset(f"panda70m:{tmp_path / 'out'}").clips
    assert [each.id for each in found] == [f"{ONE}_0_400", f"{ONE}_1200_2000", f"{OTHER}_500_1000"]
    whole = np.concatenate(list(Clip(id="a", domain="", path=found[0].path, kind="video").chunks(64)))
    assert np.abs(whole.astype(int) - frames).mean() < 6
    for each, cut in zip(found, (slice(0, 10), slice(30, 50), slice(13, 25)), strict=True):
        assert np.array_equal(np.concatenate(list(each.chunks(64))), whole[cut])

    asked = len(site.asked)
    assert fetch(clips, tmp_path / "out") == []
    assert len(site.asked) == asked, "what is there is not asked for again"


def put_streams(site: Site, frames: NDArray[np.uint8], place: Path) -> str:
    """A page (a DASH manifest) with four streams of pictures, and one of sound."""
    streams = []
    for lines, fps in ((144, 25), (48, 25), (72, 12), (72, 25)):
        width = lines * 11 // 9 // 2 * 2
        site.put(f"{lines}-{fps}.mp4", mp4(place / "a.mp4", frames[: fps // 2, :lines, :width], fps))
        streams.append(
            f'<Representation id="{lines}-{fps}" width="{width}" height="{lines}" frameRate="{fps}" '
            f'bandwidth="{lines * 1000}" codecs="avc1.4d401e" mimeType="video/mp4"><BaseURL>{lines}-{fps}.mp4</BaseURL>'
            "</Representation>"
        )
    manifest = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
        f'{"".join(streams)}</AdaptationSet><AdaptationSet><Representation id="sound" bandwidth="9" '
        'codecs="mp4a.40.2" mimeType="audio/mp4"><BaseURL>sound.m4a</BaseURL></Representation></AdaptationSet>'
        "</Period></MPD>"
    )
    return site.put("a.mpd", manifest.encode(), "application/dash+xml")


@pytest.mark.parametrize(("height", "expected"), [(1, 48), (48, 48), (49, 72), (72, 72), (100, 144), (360, 144)])
def test_the_smallest_stream_of_at_least_the_height_is_taken(
    height: int, expected: int, site: Site, frames: NDArray[np.uint8], tmp_path: Path
) -> None:
    url = put_streams(site, frames, tmp_path)
    assert fetch([clip(ONE, url)], tmp_path / "out", height=height) == []
    there = open_dataset(f"panda70m:{tmp_path / 'out'}").clips[0].probed()
    assert (there.height, there.fps) == (expected, 25)


def fetch_half(site: Site, path: str, clips: list[PandaClip], out: Path, *, height: int = 360) -> None:
    """Leave a video that broke off half-way; afterwards the site gives all of it."""
    site.cuts[f"/{path}"], site.deaf = 99, True
    assert len(fetch(clips, out, height=height)) == 1
    assert any(part.stat().st_size for part in out.glob(f".{ONE}-*.part"))
    site.cuts[f"/{path}"], site.deaf = 0, False


def test_what_is_left_of_one_stream_is_not_continued_with_another(
    site: Site, frames: NDArray[np.uint8], tmp_path: Path
) -> None:
    clips, out = [clip(ONE, put_streams(site, frames, tmp_path))], tmp_path / "out"
    fetch_half(site, "48-25.mp4", clips, out, height=48)
    assert fetch(clips, out, height=144) == []
    assert (out / f"{ONE}.mp4").read_bytes() == site.pages["/144-25.mp4"][1]
    assert names(out) == [f"{ONE}.mp4", "clips.csv"]


def test_a_broken_connection_is_taken_up_again(site: Site, content: bytes, tmp_path: Path) -> None:
    clips = [clip(ONE, site.put("one.mp4", content))]
    site.cuts["/one.mp4"] = 3
    assert fetch(clips, tmp_path) == []
    assert (tmp_path / f"{ONE}.mp4").read_bytes() == content
    starts = [start for _, start in site.asked]
    assert starts == sorted(starts)
    assert starts[-1] > 0


@pytest.mark.parametrize("deaf", [False, True])
def test_a_later_call_continues_what_an_earlier_one_left(
    deaf: bool, site: Site, content: bytes, tmp_path: Path
) -> None:
    clips = [clip(ONE, site.put("one.mp4", content))]
    site.deaf, site.cuts["/one.mp4"] = True, 99
    (failure,) = fetch(clips, tmp_path)
    assert "more expected" in failure.reason
    assert not (tmp_path / f"{ONE}.mp4").exists()
    (partial,) = tmp_path.glob(f".{ONE}-*.part")
    assert 0 < partial.stat().st_size < len(content)
    assert [each.path for each in open_dataset_or_none(tmp_path)] == [], "half a video is none"

    site.asked.clear()
    site.deaf, site.cuts["/one.mp4"] = deaf, 0
    assert fetch(clips, tmp_path) == []
    assert site.asked[-1][1] > 0 or deaf
    assert (tmp_path / f"{ONE}.mp4").read_bytes() == content
    assert names(tmp_path) == [f"{ONE}.mp4", "clips.csv"]


def test_what_is_left_of_a_file_is_not_continued_with_a_newer_one(
    site: Site, content: bytes, frames: NDArray[np.uint8], tmp_path: Path
) -> None:
    clips, out = [clip(ONE, site.put("one.mp4", content))], tmp_path / "out"
    site.modified["/one.mp4"] = "Mon, 02 Nov 2026 10:00:00 GMT"
    fetch_half(site, "one.mp4", clips, out)
    newer = mp4(tmp_path / "b.mp4", frames[::-1])
    site.put("one.mp4", newer)
    site.modified["/one.mp4"] = "Tue, 03 Nov 2026 10:00:00 GMT"
    assert fetch(clips, out) == []
    assert (out / f"{ONE}.mp4").read_bytes() == newer
    assert names(out) == [f"{ONE}.mp4", "clips.csv"]


def open_dataset_or_none(folder: Path) -> tuple[Clip, ...]:
    try:
        return open_dataset(f"panda70m:{folder}").clips
    except TokenBenchError:
        return ()


def test_failures_are_listed_by_clip_and_the_list_can_be_tried_again(
    site: Site, content: bytes, tmp_path: Path
) -> None:
    pages = {
        "gone_______": site.url("gone.mp4"),
        "page_______": site.put("page", b"<html><body>Private video</body></html>", "text/html"),
        "text_______": site.put("text.mp4", b"hello " * 50),
        "sound______": site.put("sound.mp3", b"ID3" + bytes(2000), "audio/mpeg"),
    }
    good = clip(ONE, site.put("one.mp4", content))
    clips = [clip(video, url) for video, url in pages.items()] + [clip("gone_______", pages["gone_______"], 1, 2), good]
    failures = fetch(clips, tmp_path, workers=3)
    assert [failure.clip for failure in failures] == [*clips[:-1]]
    reasons = {failure.clip.video: failure.reason for failure in failures}
    assert "404" in reasons["gone_______"]
    assert "Unsupported URL" in reasons["page_______"]
    assert reasons["text_______"] == "what came is not a readable video"
    assert str(failures[-1]) == (
        f"gone_______ 00:00:01.000 to 00:00:02.000 ({pages['gone_______']}): {reasons['gone_______']}"
    )
    assert names(tmp_path) == [f"{ONE}.mp4", "clips.csv", "failed.csv"]
    assert read_rows(tmp_path / "failed.csv") == clips[:-1]
    assert reasons["gone_______"] in (tmp_path / "failed.csv").read_text()

    site.put("gone.mp4", content)
    again = [each for each in read_list(tmp_path / "failed.csv") if each.video == "gone_______"]
    assert fetch(again, tmp_path) == []
    assert names(tmp_path) == [f"{ONE}.mp4", "clips.csv", "gone_______.mp4"]
    assert len(read_rows(tmp_path / "clips.csv")) == len(clips), "earlier clips stay"


def unused_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize("videos", [1, 8])
def test_without_a_network_the_first_few_videos_are_enough(
    videos: int, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = unused_address()
    clips = [clip(f"{number:011d}", f"{address}/{number}.mp4") for number in range(videos)]
    tried: list[str] = []
    with pytest.raises(TokenBenchError, match=r"no network: 127\.0\.0\.1 cannot be reached .*; check the connection"):
        download(clips, tmp_path, height=360, workers=1, on_video=lambda video, _: tried.append(video))
    assert len(tried) == min(videos, 3) - 1
    assert "failed.csv" not in names(tmp_path) or videos > 1


def test_one_site_that_is_down_among_others_is_a_failure(site: Site, content: bytes, tmp_path: Path) -> None:
    down = clip(ONE, f"{unused_address()}/a.mp4")
    good = clip(OTHER, site.put("a.mp4", content))
    (failure,) = fetch([down, good], tmp_path)
    assert failure.clip == down
    assert failure.reason.startswith("127.0.0.1 cannot be reached")


@pytest.mark.parametrize(
    "url",
    ["", "file:///etc/hostname", "ytsearch:cats", "ftp://127.0.0.1/a.mp4", "javascript:1", "-o/tmp/x", "a\x1b[2J"],
)
def test_other_addresses_than_of_the_web_are_refused(url: str, site: Site, content: bytes, tmp_path: Path) -> None:
    good = clip(OTHER, site.put("a.mp4", content))
    (failure,) = fetch([clip(ONE, url), good], tmp_path)
    assert failure.reason == "its address is not one of http or https"
    assert str(failure).isprintable()
    assert names(tmp_path) == [f"{OTHER}.mp4", "clips.csv", "failed.csv"]


def test_ids_that_are_paths_are_refused(tmp_path: Path) -> None:
    for video in ("../../../ab", "abc", "a/b/c/d/e/f", "............", "ab\ncdefghij"):
        row = table_row(f'"{video}"', "https://example.com/a.mp4", ("0:00:00.000", "0:00:01.000"))
        with pytest.raises(TokenBenchError, match="is no id of a video"):
            read_list(write_table(tmp_path / "a.csv", row))


def test_ids_that_differ_in_case_alone_are_told_apart(
    site: Site, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = site.put("a.mp4", content)
    small, large, other = (clip(video, url) for video in ("abcdefghijk", "ABCDEFGHIJK", "AbcdefghijK"))
    assert fetch([small, large], tmp_path / "sensitive") == []
    assert fetch([small], tmp_path / "out") == []
    monkeypatch.setattr(module, "_ignores_case", lambda folder: True)
    failures = fetch([large, other, small], tmp_path / "out")
    assert [failure.clip for failure in failures] == [large, other]
    assert "takes its name for that of abcdefghijk; download it to another one" in failures[0].reason
    assert names(tmp_path / "out") == ["abcdefghijk.mp4", "clips.csv", "failed.csv"]


def test_a_table_of_the_users_own_is_not_overwritten(site: Site, content: bytes, tmp_path: Path) -> None:
    row = table_row(ONE, site.put("a.mp4", content), ("0:00:00.000", "0:00:01.000"))
    table = write_table(tmp_path / "clips.csv", row)
    before = table.read_bytes()
    with pytest.raises(TokenBenchError, match=r"clips.csv was not written by a download; move it"):
        fetch(read_list(table), tmp_path)
    assert table.read_bytes() == before


def test_a_limit_takes_the_first_videos_with_all_their_clips(tmp_path: Path) -> None:
    times = ("0:00:00.000", "0:00:01.000"), ("0:00:02.000", "0:00:03.000")
    rows = [table_row(f"{number:011d}", "https://example.com", *times) for number in range(3)]
    clips = read_list(write_table(tmp_path / "a.csv", *rows), limit=2)
    assert [each.video for each in clips] == ["00000000000"] * 2 + ["00000000001"] * 2


@pytest.mark.skipif(not OFFICIAL.is_file(), reason="the list of the benchmark's authors is not beside the checkout")
def test_the_list_of_the_benchmarks_authors_names_100_clips_of_53_videos() -> None:
    clips = read_list(OFFICIAL)
    assert (len(clips), len({each.video for each in clips})) == (100, 53)
    assert (clips[0].id, clips[0].url) == (
        "2k_jxJAdGTE_76643_116416",
        "https://www.youtube.com/watch?v=2k_jxJAdGTE",
    )


def test_two_downloads_do_not_write_to_one_folder(site: Site, content: bytes, tmp_path: Path) -> None:
    clips = [clip(ONE, site.put("a.mp4", content))]

    def start_another(*_: str) -> None:
        with pytest.raises(TokenBenchError, match="another download runs there"):
            fetch(clips, tmp_path)

    assert download(clips, tmp_path, height=360, workers=1, on_video=start_another) == []


def test_a_folder_that_cannot_be_written_stops_the_download(site: Site, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    clips = [clip(ONE, site.put("a.mp4", content)), clip(OTHER, site.url("a.mp4"))]
    with pytest.raises(OutputError, match="cannot write"):
        fetch(clips, tmp_path / "file")
    (tmp_path / "out" / f"{ONE}.mp4").mkdir(parents=True)
    with pytest.raises(OutputError, match=f"cannot write .*{ONE}: Is a directory"):
        fetch(clips, tmp_path / "out")


def test_an_interrupted_download_ends_at_once_and_goes_on_later(site: Site, content: bytes, tmp_path: Path) -> None:
    long = content + bytes(60 * 16384)
    clips = [clip(ONE, site.put("a.mp4", content)), clip(OTHER, site.put("long.mp4", long))]
    (tmp_path / f"{ONE}.mp4").write_bytes(content)
    clips.append(clip("gone_______", site.url("gone.mp4")))
    site.slow = True

    def interrupt(video: str, trouble: str) -> None:
        if trouble:
            for _ in range(1000):
                if any(path.stat().st_size for path in tmp_path.glob(f".{OTHER}-*.part")):
                    break
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(clips, tmp_path, height=360, workers=2, on_video=interrupt)
    (partial,) = tmp_path.glob(f".{OTHER}-*.part")
    assert 0 < partial.stat().st_size < len(long)
    site.slow = False
    assert fetch(clips[:2], tmp_path) == []
    assert (tmp_path / f"{OTHER}.mp4").read_bytes() == long

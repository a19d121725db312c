"""Panda-70M in every form that its downloader leaves, and that users make of it."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests_support import write_video

from tokenbench.datasets.sources import SOURCES, Found
from tokenbench.datasets.sources.panda70m import SOURCE, find, match
from tokenbench.datasets.sources.panda_rows import COLUMNS, PandaClip, parse_entries, read_rows
from tokenbench.errors import TokenBenchError

Command = Callable[..., Any]

LIST = Path(__file__).parents[3] / "shared/facts/tokenbench_official_list.txt"

# As the list has them: a caption with a comma, an id that starts with "-", a clip with a cut, one not desirable.
ENTRIES = (
    "3Q__bVY6wtk,https://www.youtube.com/watch?v=3Q__bVY6wtk,\"[('00:00:01.000', '00:00:01.500')]\","
    "\"['A man, and \"\"a\"\" room.']\",['0.453369140625'],['desirable'],\"['0:00:00.000', '0:00:00.480']\"",
    "-TfD4eKDfbI,https://www.youtube.com/watch?v=-TfD4eKDfbI,\"[('00:00:00.200', '00:00:01.400')]\","
    "['A woman.'],['0.4306640625'],['desirable'],\"['0:00:00.000', '0:00:00.640']\"",
    "3Q__bVY6wtk,https://www.youtube.com/watch?v=3Q__bVY6wtk,\"[('01:02:03.004', '01:02:05.000')]\","
    "['A dog.'],['0.46'],['2_tiny_camera_movement'],\"['0:00:00.000', '0:00:01.990']\"",
)
IDS = ("3Q__bVY6wtk_1000_1500", "-TfD4eKDfbI_200_1400", "3Q__bVY6wtk_3723004_3725000")


def sidecar(entry: str, **changes: object) -> bytes:
    """What the downloader writes beside the clip of a row."""
    row = next(csv.reader([entry]))
    fields = {
        "url": row[1],
        "key": "0000000_00000",
        "clips": row[2],
        "caption": row[3],
        "matching_score": row[4],
        "desirable_filtering": row[5],
        "shot_boundary_detection": row[6],
        "status": "success",
        "error_message": None,
        "yt_meta_dict": {"info": {"title": "a title"}, "subtitles": None},
        "clip_subtitles": None,
    }
    return json.dumps({**fields, **changes}).encode()


def samples(entries: Sequence[str], video: bytes = b"") -> dict[str, bytes]:
    """A shard, by the names of its files."""
    files: dict[str, bytes] = {}
    for number, entry in enumerate(entries):
        key = f"{number:07d}_{number % 3:05d}"
        files |= {f"{key}.mp4": video, f"{key}.json": sidecar(entry), f"{key}.txt": b"A caption."}
    return files


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def pack(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def published(*videos: tuple[str, Sequence[tuple[str, str]]]) -> bytes:
    """A csv file in the publisher's form: one video a row, all its clips."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for video, times in videos:
        count = len(times)
        shots = [[["0:00:00.000", "0:00:00.300"], ["0:00:00.300", "0:00:00.500"]]] * count
        columns = ([list(pair) for pair in times], ["A cat, a dog."] * count, [0.45] * count, ["desirable"] * count)
        rows.writerow([video, f"https://www.youtube.com/watch?v={video}", *columns, shots])
    return text.getvalue().encode()


def listed(entries: Sequence[str]) -> bytes:
    """A csv file in the form of the list: one clip a row."""
    return "\n".join([",".join(COLUMNS), *entries, ""]).encode()


def ids(found: Found) -> list[str]:
    return [clip.id for clip in found.clips]


def test_both_forms_of_a_table_are_read(tmp_path: Path) -> None:
    put(tmp_path, {"list.csv": listed(ENTRIES)})
    times = [("0:00:01.000", "0:00:01.500"), ("1:02:03.004", "1:02:05.000")]
    put(tmp_path, {"all.csv": b"\xef\xbb\xbf" + published(("3Q__bVY6wtk", times), ("-TfD4eKDfbI", times[:1]))})
    rows = read_rows(tmp_path / "list.csv")
    assert rows == parse_entries(ENTRIES)
    assert tuple(row.id for row in rows) == IDS
    assert [row.number for row in rows] == [None] * 3
    assert rows[1] == PandaClip(
        video="-TfD4eKDfbI",
        url="https://www.youtube.com/watch?v=-TfD4eKDfbI",
        start=0.2,
        end=1.4,
        label="desirable",
        first_shot=0.64,
    )
    assert str(rows[2]) == "3Q__bVY6wtk 01:02:03.004 to 01:02:05.000 (https://www.youtube.com/watch?v=3Q__bVY6wtk)"
    rows = read_rows(tmp_path / "all.csv")
    assert [(row.id, row.number, row.first_shot) for row in rows] == [
        (IDS[0], 0, 0.3),
        (IDS[2], 1, 0.3),
        ("-TfD4eKDfbI_1000_1500", 0, 0.3),
    ]
    assert read_rows(tmp_path / "all.csv", {"-TfD4eKDfbI"}) == rows[2:]


def test_tables_without_the_newer_columns_are_read(tmp_path: Path) -> None:
    rows = [row[:5] for row in csv.reader(io.StringIO(listed(ENTRIES).decode()))]
    with (tmp_path / "old.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert [(row.id, row.flaw) for row in read_rows(tmp_path / "old.csv")] == [(key, "") for key in IDS]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("short,u,\"[('0:00:00.000', '0:00:01.000')]\"", "'short' is no id of a video"),
        ("../../x/abcd,u,\"[('0:00:00.000', '0:00:01.000')]\"", "is no id of a video"),
        ("2k_jxJAdGTE,u,\"[('0:00:02.000', '0:00:01.000')]\"", "ends before it starts"),
        ("2k_jxJAdGTE,u,\"[('0:00:02', 'nan')]\"", "'nan' is no time such as"),
        ("2k_jxJAdGTE,u,\"__import__('os').getcwd()\"", "its timestamp is no list"),
        ("2k_jxJAdGTE,u," + "[" * 50_000, "its timestamp is no list"),
        ("2k_jxJAdGTE,u,['0:00:02']", "its timestamp is no list of pairs"),
        ("2k_jxJAdGTE,u,[]", "its timestamp is no list of pairs"),
        ("2k_jxJAdGTE", "its timestamp is no list of pairs"),
        ("2k_jxJAdGTE,u,\"[('0:00:00', '0:00:02')]\",[],[],\"['a', 'b']\"", "has 2 values for 1 clips"),
        ("2k_jxJAdGTE,u,\"[('0:00:00', '0:00:02')]\",[],[],[],['0:00:00']", "is no shot"),
    ],
)
def test_a_malformed_row_is_one_clear_error(tmp_path: Path, row: str, said: str) -> None:
    put(tmp_path, {"bad.csv": listed([ENTRIES[0], row])})
    with pytest.raises(TokenBenchError, match=r"bad\.csv, line 3: ") as caught:
        read_rows(tmp_path / "bad.csv")
    assert said in str(caught.value)
    with pytest.raises(TokenBenchError, match="in the list is no clip of Panda-70M"):
        parse_entries([row])


def test_a_file_that_is_no_table_is_one_clear_error(tmp_path: Path) -> None:
    for data, said in (
        (b"a,b\n1,2\n", "has no column videoID"),
        (b"", "has no column"),
        (b"\xff\xfe", "not a readable"),
    ):
        (tmp_path / "a.csv").write_bytes(data)
        with pytest.raises(TokenBenchError, match=said):
            read_rows(tmp_path / "a.csv")


def test_shards_in_folders_and_in_archives_hold_the_same_clips(tmp_path: Path) -> None:
    files = samples(ENTRIES)
    folders = find(put(tmp_path / "folders", {f"00000/{name}": data for name, data in files.items()}))
    (tmp_path / "tars").mkdir()
    archive = pack(tmp_path / "tars/00000.tar", files)
    archives = find(archive.parent)
    assert ids(folders) == ids(archives) == sorted(IDS)
    assert [clip.source for clip in folders.clips] == ["-TfD4eKDfbI", "3Q__bVY6wtk", "3Q__bVY6wtk"]
    assert {clip.domain for clip in folders.clips} == {"panda70m"}
    assert [(clip.path, clip.member) for clip in archives.clips] == [
        (archive, "0000001_00001.mp4"),
        (archive, "0000000_00000.mp4"),
        (archive, "0000002_00002.mp4"),
    ]
    assert (
        folders.flaws
        == archives.flaws
        == {IDS[1]: "holds a cut after 0.64 s", IDS[2]: "labelled 2_tiny_camera_movement"}
    )


def test_what_the_downloader_did_not_get_is_counted(tmp_path: Path) -> None:
    failed = {f"00000/{number:07d}.json": sidecar(ENTRIES[0], status="failed_to_download") for number in range(3, 7)}
    files = {f"00000/{name}": data for name, data in samples(ENTRIES).items()}
    del files["00000/0000001_00001.mp4"]
    found = find(
        put(
            tmp_path,
            {
                **files,
                **failed,
                "00000/0000008.json": sidecar(ENTRIES[0], status="failed\nto subsample"),
                "00000/0000009_00000.mp4": b"",
                "00000/0000009_00000.json": b'{"url": ',
                "00000_stats.json": b'{"count": 100}',
                "00000.parquet": b"",
                "_tmp/2k_jxJAdGTE.mp4": b"",
            },
        )
    )
    assert ids(found) == [IDS[0], IDS[2]]
    assert found.skipped[:2] == ("4 downloads: failed_to_download", "1 downloads: failed to subsample")
    lines = "\n".join(found.skipped)
    assert "0000009_00000.json: not a readable sidecar" in lines
    assert "0000009_00000.mp4: no sidecar tells which clip it is" in lines
    assert "-TfD4eKDfbI 00:00:00.200 to 00:00:01.400" in lines
    assert len(found.skipped) == 5


def test_a_damaged_archive_does_not_hide_the_others(tmp_path: Path) -> None:
    pack(tmp_path / "00000.tar", samples(ENTRIES[:1]))
    data = pack(tmp_path / "00001.tar", samples(ENTRIES[1:])).read_bytes()
    (tmp_path / "00001.tar").write_bytes(data[:1500])
    found = find(tmp_path)
    assert ids(found) == [IDS[0]]
    assert [line.partition(": ")[2][:20] for line in found.skipped] == ["damaged, cut short o"]


def counted(path: Path, rate: Fraction, seconds: float) -> int:
    """A real mp4, with B-frames and late keyframes, each frame's brightness telling its number; how many there are."""
    count = int(seconds * rate)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate, options={"crf": "12", "g": "50", "bf": "2", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(count):
            shade = np.full((64, 64, 3), 40 + 3 * (number % 60), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(shade, "rgb24")))
        file.mux(stream.encode())
    return count


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(30), Fraction(60)])
def test_whole_videos_are_cut_at_the_frame(tmp_path: Path, rate: Fraction) -> None:
    count = counted(tmp_path / "3Q__bVY6wtk.mp4", rate, 2.0)
    put(tmp_path, {"list.csv": listed(ENTRIES)})
    clip = find(tmp_path).clips[0]
    assert (clip.id, clip.source, clip.start, clip.end) == (IDS[0], "3Q__bVY6wtk", 1.0, 1.5)
    frames = np.concatenate(list(clip.chunks(7)))
    numbers = [number for number in range(count) if 1 <= number / rate < 1.5]
    assert np.abs(frames.mean((1, 2, 3)) - [40 + 3 * (number % 60) for number in numbers]).max() < 1.5


def test_whole_videos_are_known_with_and_without_a_table(tmp_path: Path) -> None:
    put(tmp_path, {"a/3Q__bVY6wtk.webm": b"", "b/-TfD4eKDfbI.mkv": b"", "b/TfD4eKDfbI-.mp4": b""})
    found = find(tmp_path)
    assert ids(found) == ["-TfD4eKDfbI", "3Q__bVY6wtk", "TfD4eKDfbI-"]
    assert set(found.flaws) == set(ids(found))
    put(tmp_path, {"list.csv": listed(ENTRIES), "other.csv": b"name\n\xff\n"})
    found = find(tmp_path)
    assert ids(found) == [*sorted(IDS), "TfD4eKDfbI-"]
    assert found.flaws["TfD4eKDfbI-"] == "is a whole video, and no table says where its clips are"


def test_numbered_pieces_need_a_table_of_all_clips(tmp_path: Path) -> None:
    times = [("0:00:01.000", "0:00:01.500"), ("0:00:02.000", "0:00:03.000")]
    put(tmp_path, {f"3Q__bVY6wtk_{number}.mp4": b"" for number in range(3)} | {"-TfD4eKDfbI.1.mp4": b""})
    with pytest.raises(TokenBenchError, match="no table in the folder has a clip 1"):
        find(tmp_path)
    put(tmp_path, {"list.csv": listed(ENTRIES)})
    with pytest.raises(TokenBenchError, match="no table in the folder has a clip 1"):
        find(tmp_path)
    put(tmp_path, {"all.csv": published(("3Q__bVY6wtk", times), ("-TfD4eKDfbI", times))})
    found = find(tmp_path)
    assert {clip.id: clip.path.name for clip in found.clips} == {
        "-TfD4eKDfbI_2000_3000": "-TfD4eKDfbI.1.mp4",
        "3Q__bVY6wtk_1000_1500": "3Q__bVY6wtk_0.mp4",
        "3Q__bVY6wtk_2000_3000": "3Q__bVY6wtk_1.mp4",
    }
    assert len(found.skipped) == 1
    assert "3Q__bVY6wtk_2.mp4: no table in the folder has a clip 2 of the video" in found.skipped[0]


def test_numbers_that_tell_no_clip_are_never_guessed(tmp_path: Path) -> None:
    times = [("0:00:01.000", "0:00:01.500"), ("0:00:02.000", "0:00:03.000")]
    put(tmp_path, {"3Q__bVY6wtk_1.mp4": b"", "all.csv": published(("3Q__bVY6wtk", times))})
    with pytest.raises(TokenBenchError, match="no piece has the number 0"):
        find(tmp_path)
    put(tmp_path, {"3Q__bVY6wtk_0.mp4": b"", "fewer.csv": published(("3Q__bVY6wtk", times[1:]))})
    found = find(tmp_path)
    assert ids(found) == ["3Q__bVY6wtk_2000_3000"]
    assert "3Q__bVY6wtk_0.mp4: the tables in the folder disagree on the number" in found.skipped[0]
    put(tmp_path, {"3Q__bVY6wtk_1.json": sidecar(ENTRIES[2])})
    assert ids(find(tmp_path)) == [IDS[2]]


def test_a_clip_in_two_places_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "00000", samples(ENTRIES))
    pack(tmp_path / "00000.tar", samples(ENTRIES[:1]))
    with pytest.raises(TokenBenchError, match=r"00000\.tar:0000000_00000\.mp4 and .* are the same clip; remove one"):
        find(tmp_path)


def test_the_sidecars_clip_comes_before_a_cut_of_the_whole_video(tmp_path: Path) -> None:
    put(tmp_path, {f"00000/{name}": data for name, data in samples(ENTRIES[:1]).items()})
    put(tmp_path, {"3Q__bVY6wtk.mp4": b"", "list.csv": listed(ENTRIES)})
    found = find(tmp_path)
    assert [clip.path.name for clip in found.clips] == ["0000000_00000.mp4", "3Q__bVY6wtk.mp4"]
    first, second, third = match(found, ENTRIES)
    assert [clip.path.name for clip in first.clips] == ["0000000_00000.mp4"]
    assert second.clips == ()
    assert second.entry == "-TfD4eKDfbI 00:00:00.200 to 00:00:01.400 (https://www.youtube.com/watch?v=-TfD4eKDfbI)"
    assert [(clip.id, clip.path.name, clip.end) for clip in third.clips] == [(IDS[2], "3Q__bVY6wtk.mp4", 3725.0)]


def test_times_match_within_fifty_milliseconds(tmp_path: Path) -> None:
    near, far = ("[('00:00:01.050', '00:00:01.450')]", "[('00:00:01.000', '00:00:01.551')]")
    put(tmp_path, {"1.mp4": b"", "1.json": sidecar(ENTRIES[0], clips=near)})
    put(tmp_path, {"2.mp4": b"", "2.json": sidecar(ENTRIES[0], clips=far)})
    found = find(tmp_path)
    assert [clip.path.name for clip in match(found, ENTRIES)[0].clips] == ["1.mp4"]
    put(tmp_path, {"3.mp4": b"", "3.json": sidecar(ENTRIES[0])})
    assert [clip.path.name for clip in match(find(tmp_path), ENTRIES)[0].clips] == ["3.mp4", "1.mp4"]


def test_a_whole_video_of_no_table_is_cut_by_the_list(tmp_path: Path) -> None:
    put(tmp_path, {"-TfD4eKDfbI.mp4": b"", "-tfd4ekdfbi.mp4": b""})
    matches = match(find(tmp_path), ENTRIES)
    assert [len(one.clips) for one in matches] == [0, 1, 0]
    clip = matches[1].clips[0]
    assert (clip.id, clip.source, clip.start, clip.end) == (IDS[1], "-TfD4eKDfbI", 0.2, 1.4)
    assert SOURCES["panda70m"] is SOURCE


def test_the_benchmarks_own_list_is_found_whole(tmp_path: Path) -> None:
    if not LIST.is_file():
        pytest.skip("the list of the benchmark's authors is not at hand")
    lines = LIST.read_text().splitlines()
    entries = lines[lines.index("### Panda70M") + 2 :]
    put(tmp_path / "out/00000", samples(entries))
    found = find(tmp_path / "out")
    assert [len(one.clips) for one in match(found, entries)] == [1] * 100
    assert len({clip.source for clip in found.clips}) == 53
    cuts = [flaw for flaw in found.flaws.values() if "cut" in flaw]
    assert (len(cuts), len(found.flaws)) == (18, 22)
    whole = tmp_path / "whole"
    put(whole, {f"{clip.source}.mp4": b"" for clip in found.clips})
    matches = match(find(whole), entries)
    assert [one.clips[0].id for one in matches] == [row.id for row in parse_entries(entries)]
    assert matches[0].entry == (
        "2k_jxJAdGTE 00:01:16.643 to 00:01:56.416 (https://www.youtube.com/watch?v=2k_jxJAdGTE)"
    )


@pytest.mark.parametrize("layout", ["folder", "archive", "whole"])
def test_it_is_evaluated_as_it_lies(tmp_path: Path, tokenbench: Command, layout: str) -> None:
    root = tmp_path / "panda"
    root.mkdir()
    counted(tmp_path / "video.mp4", Fraction(30), 1.5)
    video = (tmp_path / "video.mp4").read_bytes()
    if layout == "whole":
        put(root, {"-TfD4eKDfbI.mp4": video, "list.csv": listed(ENTRIES)})
    elif layout == "folder":
        put(root / "00000", samples(ENTRIES[1:2], video))
    else:
        pack(root / "00000.tar", samples(ENTRIES[1:2], video))
    out = tmp_path / "run"
    outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", f"panda70m:{root}", "--out", out)
    assert outcome.code == 0, outcome.err
    rows = [row.split(",")[:7] for row in (out / "clips.csv").read_text().splitlines()[1:]]
    frames = "36" if layout == "whole" else "45"
    assert rows == [[IDS[1], "panda70m", "-TfD4eKDfbI", frames, "64", "64", "30.0"]]


def test_a_damaged_clip_fails_alone(tmp_path: Path, carphone: Any, tokenbench: Command) -> None:
    video = write_video(tmp_path / "video.mkv", carphone[:5, :64, :65]).read_bytes()
    files = samples(ENTRIES, video) | {"0000000_00000.mp4": b"", "0000002_00002.mp4": video[: len(video) // 2]}
    (tmp_path / "panda").mkdir()
    pack(tmp_path / "panda/00000.tar", files)
    command = ("eval", "--tokenizer", "identity", "--dataset", f"panda70m:{tmp_path / 'panda'}")
    outcome = tokenbench(*command, "--out", tmp_path / "run")
    assert outcome.code == 1
    assert "00000.tar:0000000_00000.mp4: " in outcome.err
    assert "00000.tar:0000002_00002.mp4: " in outcome.err
    assert IDS[1] in (tmp_path / "run/clips.csv").read_text()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"00000.parquet": b""}, "00000.parquet is in a form that is not read"),
        ({"00000.tfrecord": b"", "00000_stats.json": b"{}"}, "set to files or webdataset"),
        ({"panda-train.tfrecord-00000-of-00010": b""}, "is in a form that is not read"),
        ({"00000/0000000.json": sidecar(ENTRIES[0], status="failed_to_download")}, "1 x failed_to_download"),
        ({"panda70m_testing.csv": listed(ENTRIES)}, "is a table of Panda-70M, and there are no videos"),
        ({"00000/0000000_00000.mp4": b""}, "no sidecar tells which clip it is"),
        ({"00000.tar": b"x" * 2000}, "00000.tar: damaged"),
        ({"notes.txt": b""}, "looks like no Panda-70M"),
    ],
)
def test_another_folder_is_recognised_and_explained(
    tmp_path: Path, tokenbench: Command, files: dict[str, bytes], said: str
) -> None:
    put(tmp_path / "raw", files)
    outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", f"panda70m:{tmp_path / 'raw'}")
    assert outcome.code == 2
    assert said in outcome.message


def test_a_sidecar_may_list_all_shots_of_its_clip(tmp_path: Path) -> None:
    shots = "[['0:00:00.000', '0:00:00.640'], ['0:00:00.640', '0:00:01.200']]"
    put(tmp_path, {"1.mp4": b"", "1.json": sidecar(ENTRIES[1], shot_boundary_detection=shots)})
    assert find(tmp_path).flaws == {IDS[1]: "holds a cut after 0.64 s"}


def test_hidden_files_of_an_archive_are_passed_over(tmp_path: Path) -> None:
    files = samples(ENTRIES[:1])
    pack(tmp_path / "00000.tar", {f"./._{name}": b"\x00\x05\x16\x07" for name in files} | files)
    found = find(tmp_path)
    assert (ids(found), found.skipped) == ([IDS[0]], ())


def test_hostile_names_are_one_line_each(tmp_path: Path) -> None:
    names = ["a\nb.mp4", "\udcff.mp4", "-rf.mp4", 'it\'s "this".mp4', "../../up.mp4"]
    put(tmp_path, samples(ENTRIES[:1]))
    put(tmp_path, dict.fromkeys(names[:-1], b""))
    pack(tmp_path / "00000.tar", dict.fromkeys(names, b""))
    put(tmp_path, {"7.json": sidecar(ENTRIES[0], status="\ud800\nfailed")})
    found = find(tmp_path)
    assert ids(found) == [IDS[0]]
    assert len(found.skipped) == 2 * len(names)
    assert all(len(line.splitlines()) == 1 and line.encode() for line in found.skipped)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"\xff",
        b'{"url": "https://www.youtube.com/watch?v=../../../etc", "clips": "[]"}',
        b'{"url": 3, "clips": 4}',
        sidecar(ENTRIES[0], clips="[('0:00:00', '0:00:01'), ('0:00:01', '0:00:02')]"),
    ],
)
def test_a_hostile_sidecar_is_skipped_and_named(tmp_path: Path, data: bytes) -> None:
    put(tmp_path, samples(ENTRIES[:1]) | {"1.mp4": b"", "1.json": data})
    found = find(tmp_path)
    assert ids(found) == [IDS[0]]
    assert "1.json: not a readable sidecar" in found.skipped[0]

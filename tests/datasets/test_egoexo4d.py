"""Ego-Exo4D in every form that its download leaves, and that users make of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.datasets.catalog import open_dataset
from tokenbench.datasets.sources import SOURCES, Found
from tokenbench.datasets.sources.egoexo4d import SOURCE, find, match, scenes
from tokenbench.errors import TokenBenchError

Command = Callable[..., Any]

LIST = Path(__file__).parents[3] / "shared/facts/tokenbench_official_list.txt"

VIDEOS = "frame_aligned_videos"
DECOYS = (
    "frame_aligned_videos/aria01_1201-1.mp4",
    "frame_aligned_videos/aria01_1201-2.mp4",
    "frame_aligned_videos/aria01_211-1.mp4",
    "frame_aligned_videos/ego_preview.mp4",
    "frame_aligned_videos/collage.mp4",
    "frame_aligned_videos/downscaled/448/cam01.mp4",
    "frame_aligned_videos/downscaled/448/aria01_214-1.mp4",
    "frame_aligned_videos/downscaled/448/ego_preview.mp4",
    "frame_aligned_videos/._cam01.mp4",
    "ego_preview.mp4",
    "aria01.vrs",
    "trajectory/closed_loop_trajectory.csv",
)
TAKES = {
    "cmu_bike01_2": ("aria01_214-1", "cam01", "cam04"),
    "sfu_cooking_012_3": ("aria02_214-1", "cam10", "cam2", "cma03"),
    "upenn_0718_Violin_1_2": ("aria01_214-1", "gp01", "gp05"),
    "unc_soccer_09-26-23_01_7": ("aria01_214-1",),
}


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def described(take: str) -> dict[str, Any]:
    """An entry of takes.json, as far as readers can see it."""
    cameras = [stem.removesuffix("_214-1") for stem in TAKES[take]]
    streams = {
        camera: {
            "rgb" if camera.startswith("aria") else "0": {"cam_id": camera, "relative_path": f"{VIDEOS}/{stem}.mp4"}
        }
        for camera, stem in zip(cameras, TAKES[take], strict=True)
    }
    return {
        "take_name": take,
        "root_dir": f"takes/{take}",
        "best_exo": None,
        "is_dropped": False,
        "capture": {
            "capture_name": take.rpartition("_")[0],
            "cameras": [
                {
                    "cam_id": camera,
                    "is_ego": camera.startswith("aria"),
                    "device_type": "aria" if camera.startswith("aria") else "hero10",
                    "relative_path": None,
                    "has_walkaround": False,
                }
                for camera in cameras
            ],
        },
        "frame_aligned_videos": {**streams, "best_exo": {"0": {"cam_id": "best_exo", "relative_path": None}}},
    }


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """A download of four takes; names alone."""
    root = tmp_path / "egoexo"
    for take, stems in TAKES.items():
        for file in (*DECOYS, *(f"{VIDEOS}/{stem}.mp4" for stem in stems)):
            touch(root / "takes" / take / file)
    (root / "takes.json").write_text(json.dumps([described(take) for take in TAKES]))
    touch(root / "captures.json")
    touch(root / "captures/cmu_bike01/timesync.csv")
    return root


def ids(found: Found) -> list[str]:
    return [clip.id for clip in found.clips]


EXPECTED = [
    "cmu_bike01_2/aria01_214-1",
    "cmu_bike01_2/cam01",
    "cmu_bike01_2/cam04",
    "sfu_cooking_012_3/aria02_214-1",
    "sfu_cooking_012_3/cam2",
    "sfu_cooking_012_3/cam10",
    "sfu_cooking_012_3/cma03",
    "unc_soccer_09-26-23_01_7/aria01_214-1",
    "upenn_0718_Violin_1_2/aria01_214-1",
    "upenn_0718_Violin_1_2/gp01",
    "upenn_0718_Violin_1_2/gp05",
]


def test_every_take_gives_its_glasses_and_all_cameras_around(download: Path) -> None:
    found = find(download)
    assert ids(found) == EXPECTED
    assert [clip.id for clip in found.clips if clip.source == "cmu_bike01_2"] == EXPECTED[:3]
    assert {clip.id for clip in found.clips if clip.domain == "egoexo4d-ego"} == {
        f"{take}/{stems[0]}" for take, stems in TAKES.items()
    }
    assert {clip.domain for clip in found.clips} == {"egoexo4d-ego", "egoexo4d-exo"}
    assert all(clip.path.parent.name == VIDEOS and clip.path.is_file() for clip in found.clips)
    assert found.skipped == ("unc_soccer_09-26-23_01_7: no video of a camera around",)


def test_takes_alone_are_the_same_data_set(download: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = find(download).clips
    assert find(download / "takes").clips == whole
    monkeypatch.chdir(download / "takes/cmu_bike01_2" / VIDEOS)
    assert ids(find(Path())) == EXPECTED[:3]
    (download / "takes.json").unlink()
    assert ids(find(download)) == [name for name in [clip.id for clip in whole] if not name.endswith("cma03")]


def test_flat_copies_are_the_same_clips(download: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in sorted(download.rglob("frame_aligned_videos/*.mp4")):
        shutil.copy(path, flat / f"{path.parent.parent.name}__{path.name}")
    shutil.copy(download / "takes.json", flat)
    assert [(clip.id, clip.domain, clip.source) for clip in find(flat).clips] == [
        (clip.id, clip.domain, clip.source) for clip in find(download).clips
    ]


def test_takes_json_says_who_wears_a_camera(download: Path) -> None:
    takes = [described(take) for take in TAKES]
    takes[0]["capture"]["cameras"][2]["is_ego"] = True  # a GoPro on the head
    takes[2]["capture"] = None
    (download / "takes.json").write_text(json.dumps(takes))
    domains = {clip.id: clip.domain for clip in find(download).clips}
    assert domains["cmu_bike01_2/cam04"] == "egoexo4d-ego"
    assert domains["cmu_bike01_2/cam01"] == "egoexo4d-exo"
    assert domains["upenn_0718_Violin_1_2/gp01"] == "egoexo4d-exo"


def test_a_scene_is_a_pair_of_one_take(download: Path) -> None:
    pairs = [tuple(clip.id for clip in scene) for scene in scenes(find(download))]
    assert pairs == [
        ("cmu_bike01_2/aria01_214-1", "cmu_bike01_2/cam01"),
        ("sfu_cooking_012_3/aria02_214-1", "sfu_cooking_012_3/cam2"),
        ("upenn_0718_Violin_1_2/aria01_214-1", "upenn_0718_Violin_1_2/gp01"),
    ]
    assert SOURCES["egoexo4d"] is SOURCE


def test_an_entry_matches_its_own_video_alone(download: Path) -> None:
    found = find(download)
    entries = [
        f"cmu_bike01_2/{VIDEOS}/cam01.mp4",
        f"cmu_bike01_2/{VIDEOS}/cam02.mp4",
        f"cmu_bike01_2/{VIDEOS}/downscaled/448/cam01.mp4",
        f"../takes/cmu_bike01_2/{VIDEOS}/cam01.mp4",
        "-rf",
        "",
    ]
    matches = match(found, entries)
    assert [one.entry for one in matches] == entries
    assert [[clip.id for clip in one.clips] for one in matches] == [["cmu_bike01_2/cam01"], [], [], [], [], []]


def test_the_benchmarks_own_list_is_found_whole(tmp_path: Path) -> None:
    if not LIST.is_file():
        pytest.skip("the list of the benchmark's authors is not at hand")
    lines = LIST.read_text().splitlines()
    entries = lines[lines.index("### EgoExo-4D") + 1 : lines.index("### BridgeData V2")]
    for entry in entries:
        touch(tmp_path / "takes" / entry)
        touch(tmp_path / "takes" / entry.replace(VIDEOS, f"{VIDEOS}/downscaled/448"))
    found = find(tmp_path)
    matches = match(found, entries)
    assert sum(len(one.clips) == 1 for one in matches) == len(found.clips) == 200
    assert [one.clips[0].path for one in matches] == [tmp_path / "takes" / entry for entry in entries]
    assert len(scenes(found)) == 100
    (tmp_path / "takes" / entries[3]).unlink()
    missing = [one.entry for one in match(find(tmp_path), entries) if not one.clips]
    assert missing == [entries[3]]


def test_a_video_in_two_places_is_refused(download: Path) -> None:
    touch(download / "cmu_bike01_2__cam01.mp4")
    with pytest.raises(TokenBenchError, match="are the same video; remove one"):
        find(download)


@pytest.mark.parametrize("name", ["a\nb", "\udcff", "\x1b[2J"])
def test_a_take_of_a_hostile_name_is_refused(download: Path, name: str) -> None:
    touch(download / "takes" / name / VIDEOS / "cam01.mp4")
    with pytest.raises(TokenBenchError, match="is no name of a take") as caught:
        find(download)
    assert str(caught.value).isprintable()


def test_takes_of_unusual_names_are_takes(download: Path) -> None:
    names = ["-rf", 'it\'s a "take"', "взятие"]
    for name in names:
        touch(download / "takes" / name / VIDEOS / "cam01.mp4")
    found = find(download)
    assert {clip.source for clip in found.clips} == {*TAKES, *names}
    assert [len(one.clips) for one in match(found, [f"{name}/{VIDEOS}/cam01.mp4" for name in names])] == [1, 1, 1]


def test_it_is_evaluated_as_it_lies(tmp_path: Path, carphone: NDArray[np.uint8], tokenbench: Command) -> None:
    place = tmp_path / "takes/cmu_bike01_2" / VIDEOS
    video = write_video(tmp_path / "video.mkv", carphone[:5, :64, :64])
    tall = write_video(tmp_path / "tall.mkv", carphone[:5, :96, :54])
    decoy = write_video(tmp_path / "decoy.mkv", carphone[:3, :32, :32])
    for source, name in (
        (video, "aria01_214-1.mp4"),
        (tall, "cam01.mp4"),
        (decoy, "downscaled/448/cam01.mp4"),
        (decoy, "aria01_1201-1.mp4"),
    ):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place / name)
    (place / "cam02.mp4").write_bytes(b"")
    root, out = tmp_path / "takes", tmp_path / "run"
    assert open_dataset(f"egoexo4d:{root}").name == "egoexo4d"
    outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", f"egoexo4d:{root}", "--out", out)
    assert outcome.code == 1
    assert "cam02.mp4: the file is empty" in outcome.err
    rows = [row.split(",")[:6] for row in (out / "clips.csv").read_text().splitlines()[1:]]
    assert rows == [
        ["cmu_bike01_2/aria01_214-1", "egoexo4d-ego", "cmu_bike01_2", "5", "64", "64"],
        ["cmu_bike01_2/cam01", "egoexo4d-exo", "cmu_bike01_2", "5", "96", "54"],
    ]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["takes/a_1/frame_aligned_videos/downscaled/448/cam01.mp4"], "in their reduced size alone"),
        (["takes/a_1/aria01_noimagestreams.vrs", "takes.json"], "holds recordings of the glasses (.vrs)"),
        (["takes/a_1/frame_aligned_videos/aria01_1201-1.mp4"], "without a video of the glasses"),
        (["takes.json", "annotations/splits.json"], "holds the metadata of Ego-Exo4D and no takes"),
        (["captures/cmu_bike01/timesync.csv"], "holds captures of Ego-Exo4D and no takes"),
        (["cam01.mp4"], "looks like no Ego-Exo4D"),
    ],
)
def test_another_folder_is_recognised_and_explained(
    tmp_path: Path, tokenbench: Command, files: list[str], said: str
) -> None:
    for file in files:
        touch(tmp_path / "raw" / file)
        if file == "takes.json":
            (tmp_path / "raw" / file).write_text("[]")
    outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", f"egoexo4d:{tmp_path / 'raw'}")
    assert outcome.code == 2
    assert said in outcome.message


def test_the_folder_of_reduced_copies_is_not_taken_for_the_set(download: Path) -> None:
    with pytest.raises(TokenBenchError, match="in their reduced size alone"):
        find(download / "takes/cmu_bike01_2" / VIDEOS / "downscaled")


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, "[1]", "[{}]", '{"a": 1}', '[{"take_name": "a", "capture": {"cameras": [{}]}}]']
)
def test_a_damaged_takes_json_is_one_clear_error(download: Path, text: str) -> None:
    (download / "takes.json").write_text(text)
    with pytest.raises(TokenBenchError, match=r"takes\.json: damaged, or not the takes\.json of Ego-Exo4D"):
        find(download)

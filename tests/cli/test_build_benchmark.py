"""The whole benchmark from raw data sets as they lie on a disk, by the authors' list and script."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests_support import Outcome, write_video

from tokenbench.media.clip import Clip

Command = Callable[..., Outcome]

RIDE = "0114bdd0-f317da84"
TAKE = "cmu_bike01_2/frame_aligned_videos"
TRAJECTORY = "bridge_data_v2/datacol1_toykitchen1/many_skills/00/2023-03-15_13-35-31/raw/traj_group0/traj3"
VIDEO, START, END = "-TfD4eKDfbI", "00:00:00.400", "00:00:01.200"
ROW = (
    f"{VIDEO},https://www.youtube.com/watch?v={VIDEO},\"[('{START}', '{END}')]\",\"['a, b']\",['0.4'],['desirable'],"
    "\"['0:00:00.000', '0:00:00.800']\""
)
LIST = f"""# its authors' licence
### BDD100K
{RIDE}.mov
0129ed1d-d8572c11.mov
### EgoExo-4D
{TAKE}/aria01_214-1.mp4
{TAKE}/cam01.mp4
### BridgeData V2
{TRAJECTORY}/images0
### Panda70M
videoID,url,timestamp,caption,matching_score,desirable_filtering,shot_boundary_detection
{ROW}
"""


def encode(path: Path, *options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *options, "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    subprocess.run([*command, "-preset", "ultrafast", str(path)], check=True)
    return path


def lay_on_its_side(path: Path, height: int) -> None:
    """Write a quarter turn into the header: players show the coded picture turned clockwise."""
    one, whole = 1 << 16, 1 << 30
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") - 4
    matrix = (0, one, 0, -one, 0, 0, height * one, 0, whole)
    struct.pack_into(">9i", data, at + 12 + (32 if data[at + 8] else 20) + 16, *matrix)
    path.write_bytes(data)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory, mini: dict[str, Clip], carphone: NDArray[np.uint8]) -> Path:
    """Every data set in little, each with the pitfalls that it has."""
    root = tmp_path_factory.mktemp("raw")
    # A phone's video: coded on its side, of a rate that is not constant, with a white mark at the upper left as shown.
    source = "testsrc2=size=80x128:rate=30000/995:duration=4,drawbox=x=0:y=112:w=16:h=16:color=white:t=fill"
    gaps = ["-vf", "select='not(between(mod(n,40),10,11))'", "-fps_mode", "vfr"]
    ride = root / f"bdd/bdd100k_videos_train_07/bdd100k/videos/train/{RIDE}.mov"
    encode(ride, "-f", "lavfi", "-i", source, *gaps)
    lay_on_its_side(ride, 80)
    (ride.parent / ".DS_Store").write_bytes(b"x")
    takes = root / "ego/takes" / TAKE
    encode(takes / "aria01_214-1.mp4", "-f", "lavfi", "-i", "testsrc2=size=1408x1408:rate=30:duration=0.1", "-bf", "2")
    encode(takes / "cam01.mp4", "-f", "lavfi", "-i", "testsrc2=size=2704x1520:rate=30:duration=0.1")
    encode(takes / "downscaled/448/cam01.mp4", "-f", "lavfi", "-i", "testsrc2=size=448x252:rate=30:duration=0.1")
    for camera, start in (("images0", 0), ("images1", 5)):
        folder = root / "bridge/raw" / TRAJECTORY / camera
        folder.mkdir(parents=True)
        for number in range(12):
            Image.fromarray(carphone[start + number, :96, :128]).save(folder / f"im_{number}.jpg", quality=95)
    (root / "bridge/raw" / TRAJECTORY / "obs_dict.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    write_video(root / "panda" / f"{VIDEO}.mkv", carphone[:20, :67, :91], 10.0)
    for name in ("bear", "dog"):
        folder = root / "davis/DAVIS/JPEGImages/1080p" / name
        folder.mkdir(parents=True)
        for number in range(5):
            Image.fromarray(carphone[number]).save(folder / f"{number:05d}.jpg")
    photographs = {"RGB": "RGB", "grey": "L", "cmyk": "CMYK"}
    (root / "coco/val2017").mkdir(parents=True)
    files = []
    for number, mode in enumerate(photographs.values(), start=1):
        image = Image.open(mini["coffee"].path).convert("RGB").resize((97, 65)).convert(mode)
        image.save(root / f"coco/val2017/{number:012d}.jpg")
        buffer = io.BytesIO()
        image.save(buffer, "JPEG")
        files.append({"bytes": buffer.getvalue(), "path": f"ILSVRC2012_val_{number:08d}.JPEG"})
    (root / "imagenet/data").mkdir(parents=True)
    pq.write_table(
        pa.table({"image": files, "label": [0, 1, 2]}), root / "imagenet/data/validation-00000-of-00014.parquet"
    )
    (root / "list.txt").write_text(LIST)
    return root


def sets(raw: Path) -> list[str]:
    folders = {"bdd100k": "bdd", "egoexo4d": "ego", "bridge": "bridge/raw", "panda70m": "panda"}
    folders |= {"davis": "davis", "coco": "coco", "imagenet": "imagenet"}
    return [f"{name}:{raw / folder}" for name, folder in folders.items()]


@pytest.fixture(scope="module")
def clips(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The clips of a build by the authors' script, by id."""
    from tokenbench.cli import run

    out = tmp_path_factory.mktemp("script")
    command = [
        "build-dataset",
        *sets(raw),
        "--official-list",
        str(raw / "list.txt"),
        "--out",
        str(out),
        "--workers",
        "1",
    ]
    assert run(command) == 1  # one ride of the list is not there
    tables = [tomllib.loads(path.read_text()) for path in sorted(out.glob("*.toml"))]
    assert sum(len(table["clips"]) for table in tables) == 1 + 2 + 1 + 1 + 2 + 3 + 3
    return {clip["id"]: {**clip, "path": out / clip["file"]} for table in tables for clip in table["clips"]}


def shown(clip: dict[str, Any]) -> NDArray[np.uint8]:
    return np.concatenate(list(Clip(id="x", domain="", path=clip["path"], kind=clip["kind"]).chunks(8)))


def test_a_ride_is_upright_and_filled_up_to_a_constant_rate(clips: dict[str, Any]) -> None:
    ride = clips[RIDE]
    # 115 coded frames at 28.66 a second on average become 121, and are called 28.66.
    assert (ride["frames"], ride["fps"], ride["height"], ride["width"]) == (121, 28.66, 80, 128)
    assert ride["origin"]["video"]["rotation"] == 90
    assert ride["origin"]["video"]["frames_read"] == 115
    corner = shown(ride)[5].astype(int)
    assert corner[2:12, 2:12].min() > 200
    assert corner[-14:-2, -14:-2].min() < 200
    assert ride["origin"]["file"] == f"bdd100k_videos_train_07/bdd100k/videos/train/{RIDE}.mov"


def test_large_videos_are_shrunk_as_the_script_does_it(clips: dict[str, Any]) -> None:
    ego, exo = clips["cmu_bike01_2/aria01_214-1"], clips["cmu_bike01_2/cam01"]
    assert (ego["height"], ego["width"]) == (1080, 1080)
    # int(2704 * 1080 / 1520 + 0.5): odd, and then H.264 has whole chroma.
    assert (exo["height"], exo["width"]) == (1080, 1921)
    assert exo["origin"]["codec"]["pixel_format"] == "yuv444p"
    assert exo["origin"]["codec"]["qp"] == "28"
    assert {ego["domain"], exo["domain"]} == {"egoexo4d-ego", "egoexo4d-exo"}


def test_a_trajectory_keeps_its_frames_in_the_order_of_their_numbers(
    clips: dict[str, Any], carphone: NDArray[np.uint8]
) -> None:
    clip = clips[TRAJECTORY.removeprefix("bridge_data_v2/")]
    assert (clip["frames"], clip["fps"], clip["origin"]["codec"]["qp"]) == (12, 5.0, "20")
    frames = shown(clip).astype(float)
    errors = [[abs(frame - carphone[other, :96, :128]).mean() for other in range(12)] for frame in frames]
    assert np.argmin(errors, axis=1).tolist() == list(range(12))


def test_a_listed_clip_is_cut_out_of_its_whole_video(clips: dict[str, Any], carphone: NDArray[np.uint8]) -> None:
    clip = clips[f"{VIDEO}_400_1200"]
    assert (clip["frames"], clip["fps"], clip["height"], clip["width"]) == (8, 10.0, 67, 91)
    assert (clip["origin"]["start"], clip["origin"]["end"], clip["source"]) == (0.4, 1.2, VIDEO)
    assert abs(shown(clip)[0].astype(float) - carphone[4, :67, :91]).mean() < 6
    assert clip["path"].is_relative_to(clip["path"].parents[1])
    assert not clip["path"].name.startswith("-")


def test_photographs_are_decoded_by_what_they_hold(clips: dict[str, Any]) -> None:
    for names in (("000000000001", "000000000002", "000000000003"), ("00000001", "00000002", "00000003")):
        kept, grey, cmyk = (clips[name] for name in names)
        assert (kept["origin"]["copied"], grey["origin"]["copied"], cmyk["origin"]["copied"]) == (True, False, False)
        assert (shown(grey)[..., 0] == shown(grey)[..., 2]).all()
        assert abs(shown(cmyk).astype(int) - shown(kept)).mean() < 12


@pytest.mark.parametrize("protocol", ["text", "native"])
def test_the_other_protocols_draw_what_is_there(raw: Path, protocol: str, tokenbench: Command, tmp_path: Path) -> None:
    out = tmp_path / protocol
    outcome = tokenbench("build-dataset", *sets(raw)[:3], "--protocol", protocol, "--dry-run")
    assert outcome.code == 0, outcome.err
    assert "bridge: a draw of 100 is wanted, and only 1 are there" in outcome.err
    outcome = tokenbench("build-dataset", sets(raw)[2], "--protocol", protocol, "--out", out, "--workers", 1)
    assert outcome.code == 1
    assert "bridge: 1 of 100 clips" in outcome.out
    (clip,) = tomllib.loads((out / "bridge.toml").read_text())["clips"]
    assert (clip["height"], clip["width"]) == ((1080, 1440) if protocol == "text" else (96, 128))


def test_panda_clips_that_screening_refuses_are_left_out_with_their_scores(
    raw: Path, tokenbench: Command, tmp_path: Path
) -> None:
    (tmp_path / "panda").mkdir()
    (tmp_path / "panda" / f"{VIDEO}.mkv").write_bytes((raw / "panda" / f"{VIDEO}.mkv").read_bytes())
    header = LIST.splitlines()[-2]
    (tmp_path / "panda/clips.csv").write_text(f"{header}\n{ROW}\n")
    out = tmp_path / "out"
    outcome = tokenbench(
        "build-dataset", f"panda70m:{tmp_path / 'panda'}", "--protocol", "native", "--out", out, "--workers", 1
    )
    assert outcome.code == 1
    assert "panda70m: 0 of 100 clips, 1 screened out" in outcome.out
    assert "short side 67 is below 360" in outcome.err
    screened = json.loads((out / "screening/panda70m.json").read_text())
    assert "short side 67 is below 360" in screened[f"{VIDEO}_400_1200"]["reasons"]
    protocol = tmp_path / "mine.toml"
    shipped = Path(__file__).parents[2] / "manifests/protocols/native.toml"
    before, limits, _ = shipped.read_text().partition("[sets.panda70m.screening]\n")
    protocol.write_text(f"{before}{limits}min_short_side = 60\n")
    outcome = tokenbench(
        "build-dataset", f"panda70m:{tmp_path / 'panda'}", "--protocol", protocol, "--out", out, "--workers", 1
    )
    assert "panda70m: 1 of 100 clips" in outcome.out, outcome.err
    screened = json.loads((out / "screening/panda70m.json").read_text())
    assert (screened[f"{VIDEO}_400_1200"]["scores"]["height"], screened[f"{VIDEO}_400_1200"]["reasons"]) == (67, [])

"""Raw data sets, in the layouts that their archives unpack to; small trees of the true form."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from tests_support import write_video

from tokenbench.datasets.catalog import open_dataset
from tokenbench.datasets.sources import SOURCES
from tokenbench.datasets.sources.davis import TRAIN_2016, VAL_2016
from tokenbench.errors import TokenBenchError

Command = Callable[..., Any]


def write_frames(folder: Path, frames: NDArray[np.uint8]) -> None:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number:05d}.jpg", quality=95)


@pytest.fixture
def davis(tmp_path: Path, carphone: NDArray[np.uint8]) -> Path:
    """An archive of 2016, both resolutions, with masks and lists."""
    root = tmp_path / "DAVIS"
    for name, start in (("dog-agility", 0), ("bear", 9)):
        write_frames(root / "JPEGImages/1080p" / name, carphone[start : start + 7, :64, :96])
        write_frames(root / "JPEGImages/480p" / name, carphone[start : start + 7, :32, :48])
        mask = root / "Annotations/1080p" / name / "00000.png"
        mask.parent.mkdir(parents=True)
        Image.fromarray(np.eye(64, 96, dtype=np.uint8)).convert("P").save(mask)
    lists = root / "ImageSets/1080p/val.txt"
    lists.parent.mkdir(parents=True)
    lists.write_text("/JPEGImages/1080p/bear/00000.jpg /Annotations/1080p/bear/00000.png\n")
    return root


def test_davis_is_evaluated_as_it_lies(davis: Path, tokenbench: Command, tmp_path: Path) -> None:
    out = tmp_path / "run"
    outcome = tokenbench("eval", "--tokenizer", "haar-4x8x8", "--dataset", f"davis:{davis}", "--out", out)
    assert outcome.code == 0, outcome.err
    assert "davis-1080p: 2 of 50 clips are there" in outcome.err
    result = json.loads((out / "result.json").read_text())
    assert (result["dataset"]["name"], result["dataset"]["frames"]) == ("davis-1080p", 14)
    rows = (out / "clips.csv").read_text().splitlines()
    assert [row.split(",")[:6] for row in rows[1:]] == [
        ["bear", "davis", "7", "64", "96", "24.0"],
        ["dog-agility", "davis", "7", "64", "96", "24.0"],
    ]


def test_frames_of_a_folder_are_those_of_its_images(davis: Path) -> None:
    clip = open_dataset(f"davis:{davis}").clips[0].probed()
    expected = [np.asarray(Image.open(clip.path / f"{number:05d}.jpg")) for number in range(7)]
    chunks = list(clip.chunks(3))
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    assert (np.concatenate(chunks) == expected).all()
    assert (np.concatenate(list(clip.chunks(4, frames=5))) == expected[:5]).all()


@pytest.mark.parametrize("inner", [".", "JPEGImages"])
def test_davis_is_found_at_every_level(davis: Path, inner: str) -> None:
    names = [clip.id for clip in open_dataset(f"davis:{davis}").clips]
    assert names == ["bear", "dog-agility"]
    assert [clip.id for clip in open_dataset(f"davis:{davis / inner}").clips] == names
    assert [clip.id for clip in open_dataset(f"davis:{davis.parent}").clips] == names


@pytest.mark.parametrize("resolution", ["1080p", "480p"])
def test_a_resolution_of_davis_is_chosen_by_its_folder(davis: Path, resolution: str) -> None:
    dataset = open_dataset(f"davis:{davis / 'JPEGImages' / resolution}")
    assert (dataset.name, [clip.id for clip in dataset.clips]) == (f"davis-{resolution}", ["bear", "dog-agility"])
    assert dataset.clips[0].probed().height == {"1080p": 64, "480p": 32}[resolution]


def test_the_archives_of_2017_hold_the_sequences_of_2016_and_others(davis: Path) -> None:
    images = davis / "JPEGImages"
    (images / "1080p").rename(images / "Full-Resolution")
    shutil.copytree(images / "Full-Resolution/bear", images / "Full-Resolution/pigs")
    dataset = open_dataset(f"davis:{davis}")
    assert (dataset.name, [clip.id for clip in dataset.clips]) == ("davis-full-resolution", ["bear", "dog-agility"])
    assert len({*TRAIN_2016, *VAL_2016}) == len(TRAIN_2016) + len(VAL_2016) == 50


def test_a_damaged_sequence_fails_alone(davis: Path, tokenbench: Command, tmp_path: Path) -> None:
    bear = davis / "JPEGImages/1080p/bear"
    (bear / "00003.jpg").unlink()
    command = ("eval", "--tokenizer", "identity", "--dataset", f"davis:{davis}")
    outcome = tokenbench(*command, "--out", tmp_path / "gap")
    assert outcome.code == 1
    assert "frame 3 is missing before 00004.jpg" in outcome.err
    shutil.copy(davis / "JPEGImages/480p/bear/00003.jpg", bear)
    outcome = tokenbench(*command, "--out", tmp_path / "size")
    assert "00003.jpg: is 48 x 32, the frames before it are 96 x 64" in outcome.err
    (bear / "cover.jpg").write_bytes((bear / "00000.jpg").read_bytes())
    outcome = tokenbench(*command, "--out", tmp_path / "name")
    assert "cover.jpg: the name of a frame must be its number" in outcome.err
    assert json.loads((tmp_path / "name/result.json").read_text())["dataset"]["clips"] == 1


PICTURES = ("RGB", "L", "CMYK", "PNG", "turned")


def write_picture(path: Path, kind: str, number: int) -> None:
    """As some files of these sets are: grey, CMYK, a PNG under another name, turned by EXIF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(data.chelsea()[: 65 + number, :97])
    if kind in ("L", "CMYK"):
        image = image.convert(kind)
    exif = Image.Exif()
    if kind == "turned":
        exif[0x0112] = 6
    image.save(path, format="PNG" if kind == "PNG" else "JPEG", exif=exif)


@pytest.mark.parametrize("place", ["val2017", "images/val2017", "coco/images/val2017", "."])
def test_coco_in_every_place(tmp_path: Path, place: str) -> None:
    for number, kind in enumerate(PICTURES):
        write_picture(tmp_path / place / f"{139 + number:012d}.jpg", kind, number)
    annotations = tmp_path / "annotations/instances_val2017.json"
    annotations.parent.mkdir(exist_ok=True)
    annotations.write_text("{}")
    dataset = open_dataset(f"coco:{tmp_path}")
    assert dataset.name == "coco-val2017"
    assert dataset.note == "coco-val2017: 5 of 5000 clips are there"
    assert [clip.id for clip in dataset.clips] == [f"{139 + number:012d}" for number in range(5)]
    shapes = [next(clip.chunks(1)).shape for clip in dataset.clips]
    assert shapes == [(1, 65, 97, 3), (1, 66, 97, 3), (1, 67, 97, 3), (1, 68, 97, 3), (1, 97, 69, 3)]
    assert [clip.probed().height for clip in dataset.clips] == [65, 66, 67, 68, 97]


def test_coco_in_a_table_is_the_same(tmp_path: Path) -> None:
    for number, kind in enumerate(PICTURES):
        write_picture(tmp_path / "val2017" / f"{139 + number:012d}.jpg", kind, number)
    files = sorted((tmp_path / "val2017").iterdir())
    (tmp_path / "tables").mkdir()
    images = [{"bytes": path.read_bytes(), "path": f"val2017/{path.name}"} for path in files]
    pq.write_table(pa.table({"image": images}), tmp_path / "tables/val.parquet")
    one, other = (open_dataset(f"coco:{tmp_path / name}").clips for name in ("val2017", "tables"))
    assert [clip.id for clip in one] == [clip.id for clip in other]
    assert all((next(a.chunks(1)) == next(b.chunks(1))).all() for a, b in zip(one, other, strict=True))


LAYOUTS = {
    "flat": "ILSVRC2012_val_{0:08d}.JPEG",
    "flat in val": "val/ILSVRC2012_val_{0:08d}.JPEG",
    "per class": "val/n0144{1:04d}/ILSVRC2012_val_{0:08d}.JPEG",
    "competition": "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_{0:08d}.JPEG",
    "hub": "ILSVRC2012_val_{0:08d}_n0144{1:04d}.JPEG",
}


def test_imagenet_has_the_same_clips_in_every_layout(tmp_path: Path) -> None:
    seen = []
    for layout, name in LAYOUTS.items():
        for number, kind in enumerate(PICTURES):
            write_picture(tmp_path / layout / name.format(number + 1, 9 - number), kind, number)
        dataset = open_dataset(f"imagenet:{tmp_path / layout}")
        seen.append([(clip.id, next(clip.chunks(1)).tobytes()) for clip in dataset.clips])
    flat = sorted((tmp_path / "flat").iterdir())
    tables = tmp_path / "parquet/data"
    tables.mkdir(parents=True)
    for part in range(2):
        images = [{"bytes": path.read_bytes(), "path": path.name} for path in flat[part::2]]
        pq.write_table(pa.table({"image": images}), tables / f"validation-0000{part}-of-00002.parquet")
    (tables / "train-00000-of-00294.parquet").write_bytes(b"never opened")
    clips = open_dataset(f"imagenet:{tmp_path / 'parquet'}").clips
    seen.append([(clip.id, next(clip.chunks(1)).tobytes()) for clip in clips])
    assert [key for key, _ in seen[0]] == [f"{number:08d}" for number in range(1, 6)]
    assert all(clips == seen[0] for clips in seen)


def test_a_number_twice_is_refused(tmp_path: Path) -> None:
    for name in ("val/n01440764", "val/n01440765"):
        write_picture(tmp_path / name / "ILSVRC2012_val_00000001.JPEG", "RGB", 0)
    with pytest.raises(TokenBenchError, match="have the same number"):
        open_dataset(f"imagenet:{tmp_path}")


def test_bridge_is_found_in_both_archives_and_in_the_order_of_its_numbers(
    tmp_path: Path, carphone: NDArray[np.uint8], tokenbench: Command
) -> None:
    demonstrated = "raw/bridge_data_v2/datacol2_toykitchen7/drawer_pnp/01/2023-04-19_09-18-15/raw/traj_group0/traj3"
    scripted = "scripted_raw/campaign/2023-05-01_10-00-00/raw/traj_group0/traj0"
    for place in (demonstrated, scripted):
        for camera in ("images0", "images1"):
            folder = tmp_path / place / camera
            folder.mkdir(parents=True)
            for number in range(12):
                Image.fromarray(carphone[number, :48, :64]).save(folder / f"im_{number}.jpg")
        (tmp_path / place / "lang.txt").write_text("put the spoon away\n")
        (tmp_path / place / "obs_dict.pkl").write_bytes(b"never opened")
    dataset = open_dataset(f"bridge:{tmp_path}")
    # The path below the archives' top folders, wherever they lie.
    ids = ["campaign/2023-05-01_10-00-00/raw/traj_group0/traj0", demonstrated.removeprefix("raw/bridge_data_v2/")]
    assert [clip.id for clip in dataset.clips] == ids
    assert dataset.clips[1].source == "datacol2_toykitchen7/drawer_pnp/01/2023-04-19_09-18-15"
    clip = dataset.clips[1].probed()
    assert (clip.frames, clip.fps, clip.height, clip.width, clip.domain) == (12, 5.0, 48, 64, "bridge")
    expected = np.asarray(Image.open(tmp_path / demonstrated / "images0/im_10.jpg"))
    assert (np.concatenate(list(clip.chunks(16)))[10] == expected).all()
    for inner in ("raw", "raw/bridge_data_v2", "raw/bridge_data_v2/datacol2_toykitchen7/drawer_pnp", demonstrated):
        assert [clip.id for clip in open_dataset(f"bridge:{tmp_path / inner}").clips] == ids[1:]
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "data").symlink_to(tmp_path / "raw")
    (linked / "circle").symlink_to(linked)
    assert [clip.id for clip in open_dataset(f"bridge:{linked}").clips] == ids[1:]
    out = tmp_path / "run"
    assert tokenbench("eval", "--tokenizer", "identity", "--dataset", f"bridge:{linked}", "--out", out).code == 0


@pytest.mark.parametrize("above", ["", "bridge_data_v2", "scripted_raw", "bridge_data_v2/x/scripted_raw"])
@pytest.mark.parametrize("top", ["bridge_data_v2", "scripted_raw"])
def test_a_trajectory_is_named_from_the_innermost_top(tmp_path: Path, above: str, top: str) -> None:
    frame = tmp_path / above / top / "a/b/00/2023-03-15_13-35-31/raw/traj_group0/traj3/images0/im_0.jpg"
    frame.parent.mkdir(parents=True)
    frame.touch()
    for folder in (tmp_path, *list(frame.parents)[1:-1]):
        if folder.is_relative_to(tmp_path):
            (clip,) = open_dataset(f"bridge:{folder}").clips
            assert clip.id == "a/b/00/2023-03-15_13-35-31/raw/traj_group0/traj3"
            assert clip.source == "a/b/00/2023-03-15_13-35-31"


def test_what_holds_no_trajectory_is_reported_and_not_renumbered(
    tmp_path: Path, carphone: NDArray[np.uint8], tokenbench: Command
) -> None:
    session = tmp_path / "bridge_data_v2/desk/stack/00/2023-03-15_13-35-31/raw/traj_group0"
    for number in range(4):
        folder = session / f"traj{number}" / "images0"
        folder.mkdir(parents=True)
        for frame in range(3):
            Image.fromarray(carphone[frame, :48, :64]).save(folder / f"im_{frame}.jpg")
    (session / "traj0/images0/im_1.jpg").unlink()
    for path in (session / "traj1/images0").iterdir():
        path.unlink()
    (session / "traj2/images0").rename(session / "traj2/lmdb")
    found = SOURCES["bridge"].find(tmp_path)
    place = "desk/stack/00/2023-03-15_13-35-31/raw/traj_group0"
    assert found.skipped == (f"{place}/traj1: images0 is empty", f"{place}/traj2: lmdb")
    assert [clip.id for clip in found.clips] == [f"{place}/traj0", f"{place}/traj3"]
    out = tmp_path / "out"
    outcome = tokenbench("build-dataset", f"bridge:{tmp_path}", "--protocol", "native", "--out", out, "--workers", 1)
    assert f"bridge: {place}/traj2: lmdb" in outcome.err
    assert "frame 1 is missing before im_2.jpg" in outcome.err
    assert "bridge: 1 of 100 clips, 1 failed" in outcome.out


def test_ready_videos_of_trajectories_are_read_at_their_own_rate(tmp_path: Path, carphone: NDArray[np.uint8]) -> None:
    trajectory = "bridge_data_v2/desk/stack/00/2023-03-15_13-35-31/raw/traj_group0/traj3"
    write_video(tmp_path / "a.mkv", carphone[:6, :48, :64], 10.0).rename(tmp_path / "a.mp4")
    for name in (
        f"{trajectory}/images0.mp4",
        f"{trajectory.replace('traj3', 'traj4').replace('/', '__')}__images0.mp4",
    ):
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "a.mp4", tmp_path / "raw" / name)
    clips = open_dataset(f"bridge:{tmp_path / 'raw'}").clips
    assert len(clips) == 2
    assert [clip.probed().fps for clip in clips] == [10.0, 10.0]
    match = SOURCES["bridge"].match
    assert match is not None
    entries = [f"{trajectory.replace('traj3', name)}/images0" for name in ("traj3", "traj4", "traj5")]
    matches = match(SOURCES["bridge"].find(tmp_path / "raw"), entries)
    assert [len(found.clips) for found in matches] == [1, 1, 0]


def test_bdd_is_found_in_every_layout(tmp_path: Path, carphone: NDArray[np.uint8], tokenbench: Command) -> None:
    names = ("0000f77c-6257be58", "cabc30fc-e7726578")
    layouts = (
        ("bdd100k/videos/train/{}.mov", "bdd100k/videos/val/{}.mov"),
        ("bdd100k/videos/100k/train/{}.mov", "bdd100k/videos/100k/test/{}.mov"),
        ("bdd100k_videos_train_00/bdd100k/videos/train/{}.mov", "bdd100k_videos_val_03/bdd100k/videos/val/{}.mov"),
        ("{}.mov", "{}.MOV"),
        ("remuxed/{}.mp4", "remuxed/{}.mov"),
    )
    video = write_video(tmp_path / "video.mkv", carphone[:6, :64, :96])
    for number, layout in enumerate(layouts):
        root = tmp_path / str(number)
        for place, name in zip(layout, names, strict=True):
            path = root / place.format(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(video, path)
            (path.parent / ".DS_Store").write_bytes(b"x")
            (path.parent / "._0000f77c-6257be58.mov").write_bytes(b"x")
        assert [clip.id for clip in open_dataset(f"bdd100k:{root}").clips] == list(names)
    command = ("eval", "--tokenizer", "identity", "--dataset", f"bdd100k:{tmp_path / '0'}", "--out", tmp_path / "run")
    outcome = tokenbench(*command)
    assert outcome.code == 0, outcome.err
    assert "bdd100k: 2 of 100000 clips are there" in outcome.err
    shutil.copy(video, tmp_path / "0/bdd100k/videos/val" / f"{names[0]}.mov")
    assert "are the same clip" in tokenbench(*command).message


@pytest.mark.parametrize(
    ("source", "file", "said"),
    [
        ("bridge", "bridge_data_v2/task/01/train/out.npy", "after its conversion to numpy"),
        ("bridge", "bridge_dataset/1.0.0/bridge_dataset-train.tfrecord-00000-of-01024", "is a TFDS build"),
        ("bridge", "traj0/images1/im_0.jpg", "looks like no BridgeData V2"),
        ("bdd100k", "bdd100k/images/100k/val/0000f77c-6257be58.jpg", "looks like the photographs of BDD100K"),
        ("bdd100k", "clip.mov", "looks like no BDD100K"),
        ("davis", "frames/00000.jpg", "looks like no DAVIS"),
        ("davis", "JPEGImages/480p/pigs/00000.jpg", "none of the fifty sequences"),
        ("coco", "val2014/COCO_val2014_000000000042.jpg", "no val2017"),
        ("coco", "COCO_val2014_000000000042.jpg", "looks like COCO's val2014"),
        ("imagenet", "data/validation-00000-of-00014.parquet", "not a readable parquet file"),
        ("imagenet", "n01440764/picture.JPEG", "looks like no ImageNet val"),
    ],
)
def test_another_folder_is_recognised_and_explained(
    tokenbench: Command, tmp_path: Path, source: str, file: str, said: str
) -> None:
    path = tmp_path / "raw" / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", f"{source}:{tmp_path / 'raw'}")
    assert outcome.code == 2
    assert said in outcome.message


@pytest.mark.parametrize("source", SOURCES)
def test_a_folder_that_is_not_there_is_one_line(tokenbench: Command, tmp_path: Path, source: str) -> None:
    outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", f"{source}:{tmp_path / 'nothing'}")
    assert outcome.code == 2
    assert "no such folder" in outcome.message

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests_support import Outcome

from tokenbench.datasets.official_list import read_official_list
from tokenbench.datasets.sources import SOURCES
from tokenbench.errors import Problems, TokenBenchError

PUBLISHED = Path(__file__).parents[3] / "shared/facts/tokenbench_official_list.txt"
needs_the_list = pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published list is its authors' and not here")

Command = Callable[..., Outcome]

PANDA = (
    "-TfD4eKDfbI,https://www.youtube.com/watch?v=-TfD4eKDfbI,"
    "\"[('00:02:28.715', '00:02:35.522')]\",\"['a, b']\",['0.4'],"
    "['desirable'],\"['0:00:00.000', '0:00:06.773']\""
)

SMALL = f"""# Some licence
#
# of a few lines.

### BDD100K
0114bdd0-f317da84.mov
0129ed1d-d8572c11.mov
### EgoExo-4D
cmu_bike01_2/frame_aligned_videos/aria01_214-1.mp4
### BridgeData V2
bridge_data_v2/a/b/00/2023-03-15_13-35-31/raw/traj_group0/traj3/images0
### Panda70M
videoID,url,timestamp,caption,matching_score,desirable_filtering,shot_boundary_detection
{PANDA}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "list.txt"
    path.write_text(SMALL)
    return path


def test_sections_comments_and_the_tables_header_are_told_apart(small: Path) -> None:
    found = read_official_list(small)
    assert {title: len(entries) for title, entries in found.sections.items()} == {
        "BDD100K": 2,
        "EgoExo-4D": 1,
        "BridgeData V2": 1,
        "Panda70M": 1,
    }
    assert found.sections["Panda70M"][0].startswith("-TfD4eKDfbI,")
    assert (found.file, found.sha256) == ("list.txt", hashlib.sha256(SMALL.encode()).hexdigest())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/etc/passwd", "line 8 is no path inside a data set"),
        ("../../etc/passwd", "line 8 is no path inside a data set"),
        ("a/../../b.mov", "line 8 is no path inside a data set"),
        ("a\\..\\b.mov", "line 8 is no path inside a data set"),
        ("a\0b.mov", "line 8 has characters that do not print"),
        ("a\x1b[2Jb.mov", "line 8 has characters that do not print"),
        ("0114bdd0-f317da84.mov", "line 8 is the same as line 6"),
    ],
)
def test_entries_that_no_data_set_could_hold_are_named_by_line(small: Path, line: str, said: str) -> None:
    small.write_text(SMALL.replace("### EgoExo-4D", f"{line}\n### EgoExo-4D"))
    with pytest.raises(Problems) as error:
        read_official_list(small)
    assert len(error.value.lines) == 1
    assert said in error.value.lines[0]
    assert error.value.lines[0].isprintable()


def test_a_table_without_its_header_loses_no_row_in_silence(small: Path) -> None:
    header = next(line for line in SMALL.splitlines() if line.startswith("videoID"))
    small.write_text(SMALL.replace(f"{header}\n", ""))
    with pytest.raises(Problems) as error:
        read_official_list(small)
    assert "line 13 is no header of the table" in error.value.lines[0]


def test_a_byte_order_mark_and_other_line_ends_change_nothing(small: Path) -> None:
    plain = read_official_list(small).sections
    small.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert read_official_list(small).sections == plain


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no section '### BDD100K'"),
        (b"a,b\nc,d\n", "has no section '### BDD100K'"),
        (b"\xff\xfe", "is no text file"),
        (SMALL.replace("### Panda70M", "### Panda").encode(), "has no section '### Panda70M'"),
    ],
)
def test_another_file_is_recognised(small: Path, content: bytes, said: str) -> None:
    small.write_bytes(content)
    with pytest.raises(TokenBenchError) as error:
        read_official_list(small)
    assert said in str(error.value)


def empty(root: Path, *places: str) -> Path:
    for place in places:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).touch()
    return root


@needs_the_list
def test_every_entry_of_the_published_list_is_found_by_its_name_alone(tmp_path: Path) -> None:
    official = read_official_list(PUBLISHED)
    assert {title: len(entries) for title, entries in official.sections.items()} == {
        "BDD100K": 100,
        "EgoExo-4D": 200,
        "BridgeData V2": 100,
        "Panda70M": 100,
    }
    assert official.sha256.startswith("310c8113cc3a7587")
    splits = ("train", "val", "test")
    layouts = {
        "bdd100k": [
            ("bdd100k", [f"bdd100k/videos/{splits[i % 3]}/{{}}" for i in range(100)]),
            ("older", [f"bdd100k/videos/100k/{splits[i % 3]}/{{}}" for i in range(100)]),
            ("parts", [f"bdd100k_videos_train_{i:02d}/bdd100k/videos/train/{{}}" for i in range(100)]),
            ("flat", ["{}"] * 100),
        ],
        "egoexo4d": [("takes", ["takes/{}"] * 200), ("inner", ["{}"] * 200)],
        "bridge": [
            ("archive", ["raw/{}/im_0.jpg"] * 100),
            ("inner", ["{}/im_0.jpg"] * 100),
            ("ready", ["{}.mp4"] * 100),
        ],
    }
    for name, of_set in layouts.items():
        source = SOURCES[name]
        assert source.match is not None
        entries = official.sections[source.section]
        for layout, places in of_set:
            root = empty(
                tmp_path / name / layout, *(place.format(entry) for place, entry in zip(places, entries, strict=True))
            )
            matches = source.match(source.find(root), entries)
            assert [len(match.clips) for match in matches] == [1] * len(entries), (name, layout)
            assert [match.entry for match in matches] == list(entries)


@needs_the_list
@pytest.mark.parametrize("inner", ["", "bridge_data_v2", "bridge_data_v2/datacol1_toykitchen1"])
def test_a_bridge_folder_at_any_level_serves_the_list(tmp_path: Path, inner: str) -> None:
    entries = read_official_list(PUBLISHED).sections["BridgeData V2"]
    empty(tmp_path, *(f"{entry}/im_0.jpg" for entry in entries))
    source = SOURCES["bridge"]
    assert source.match is not None
    matches = source.match(source.find(tmp_path / inner), entries)
    expected = [int(entry.startswith(inner)) for entry in entries]
    assert [len(match.clips) for match in matches] == expected
    # The same folder where no part of its path shows what it is.
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / inner / "x").mkdir(exist_ok=True)
    place = tmp_path / "elsewhere" / "part"
    (tmp_path / "bridge_data_v2/datacol1_toykitchen1").rename(place)
    matches = source.match(source.find(place), entries)
    assert sum(len(match.clips) for match in matches) == sum("/datacol1_toykitchen1/" in entry for entry in entries)


def test_a_trajectorys_number_alone_serves_no_entry(tmp_path: Path, small: Path) -> None:
    entries = read_official_list(small).sections["BridgeData V2"]
    source = SOURCES["bridge"]
    assert source.match is not None
    empty(tmp_path, "part/traj3/images0/im_0.jpg")
    assert source.match(source.find(tmp_path / "part"), entries)[0].clips == ()


def test_what_fits_twice_is_an_error_that_names_both(small: Path, tmp_path: Path, tokenbench: Command) -> None:
    entry = "bridge_data_v2/a/b/00/2023-03-15_13-35-31/raw/traj_group0/traj3/images0"
    raw = empty(tmp_path / "raw", f"{entry}/im_0.jpg", entry.replace("/", "__") + ".mp4")
    outcome = tokenbench("build-dataset", f"bridge:{raw}", "--official-list", small, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "fits several files" in outcome.message
    assert "traj3/images0, " in outcome.message
    assert "__images0.mp4" in outcome.message


def test_what_is_missing_is_said_with_its_entry(small: Path, tmp_path: Path, tokenbench: Command, folder: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (folder / "even.mkv").rename(raw / "0129ed1d-d8572c11.mov")
    command = ("build-dataset", f"bdd100k:{raw}", "--official-list", small, "--out", tmp_path / "out", "--workers", 1)
    outcome = tokenbench(*command)
    assert outcome.code == 1
    assert "bdd100k: 1 of 2 clips of the list are there" in outcome.err
    assert "missing: 0114bdd0-f317da84.mov" in outcome.err
    assert "bdd100k: 1 of 2 clips, 1 not in the folder" in outcome.out
    assert 'missing = [\n    "0114bdd0-f317da84.mov",\n]' in (tmp_path / "out/bdd100k.toml").read_text()

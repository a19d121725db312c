from __future__ import annotations

import io
import os
import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from skimage import data

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.media.parquet import members, read_member


def jpeg(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(data.chelsea()[: 40 + number, :60]).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Eight photographs in row groups of three, as the hub has them."""
    images = [{"bytes": jpeg(number), "path": f"{number}.jpg"} for number in range(8)]
    path = tmp_path / "validation-00000-of-00001.parquet"
    pq.write_table(pa.table({"image": images, "label": list(range(8))}), path, row_group_size=3)
    return path


def test_every_image_is_read_by_its_name_in_any_order(table: Path) -> None:
    assert members(table) == [f"{number}.jpg" for number in range(8)]
    for number in (7, 0, 3, 2, 4, 7):
        assert read_member(table, f"{number}.jpg") == jpeg(number)


def test_a_row_group_is_read_once_and_the_last_one_is_kept(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = members(table)
    groups: list[int] = []
    read = pq.ParquetFile.read_row_group

    def counted(file: pq.ParquetFile, group: int, columns: list[str]) -> pa.Table:
        groups.append(group)
        return read(file, group, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    for name in (*names, names[0]):
        read_member(table, name)
    assert groups == [0, 1, 2, 0]


def test_a_clip_of_a_table_is_a_photograph(table: Path) -> None:
    clip = Clip(id="5", domain="d", path=table, member="5.jpg", kind="image").probed()
    assert (clip.height, clip.width, clip.frames) == (45, 60, 1)
    assert next(clip.chunks(1)).shape == (1, 45, 60, 3)


def test_a_table_that_has_changed_is_read_anew(table: Path) -> None:
    read_member(table, "0.jpg")
    pq.write_table(pa.table({"image": [{"bytes": jpeg(20), "path": "new.jpg"}]}), table)
    assert members(table) == ["new.jpg"]
    assert read_member(table, "new.jpg") == jpeg(20)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pa.table({"image": [b"x"], "label": [1]}), "has no column image with bytes and path"),
        (pa.table({"text": ["x"]}), "has no column image with bytes and path"),
        (pa.table({"image": [{"bytes": b"x", "path": "a"}, {"bytes": b"y", "path": "a"}]}), "called 'a', or none"),
        (pa.table({"image": [{"bytes": b"x", "path": None}]}), "called None, or none"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, content: pa.Table, said: str) -> None:
    pq.write_table(content, tmp_path / "a.parquet")
    with pytest.raises(ClipError, match=said):
        members(tmp_path / "a.parquet")


def test_damage_is_one_line(table: Path, tmp_path: Path) -> None:
    whole = table.read_bytes()
    for content in (b"", b"PAR1", whole[:-60], whole[200:], b"PAR1" * 40):
        table.write_bytes(content)
        with pytest.raises(ClipError, match="not a readable parquet file") as error:
            members(table)
        assert "\n" not in str(error.value)
    with pytest.raises(ClipError, match="No such file"):
        members(tmp_path / "nothing.parquet")


def test_a_wrong_byte_is_one_line_or_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    images = [{"bytes": bytes([number]) * 40, "path": f"{number}.jpg"} for number in range(8)]
    pq.write_table(pa.table({"image": images}), path, row_group_size=3, compression="zstd")
    whole = path.read_bytes()
    draw = random.Random(0)
    failures = []
    for number in range(600):
        content = bytearray(whole)
        content[draw.randrange(len(whole))] = draw.randrange(256)
        path.write_bytes(content)
        os.utime(path, (number, number))
        try:
            for name in members(path):
                read_member(path, name)
        except ClipError as error:
            failures.append(str(error))
    assert len(failures) > 200
    assert [failure for failure in failures if not failure.isprintable()] == []


def test_an_image_without_bytes_or_of_another_name_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [{"bytes": None, "path": "a.jpg"}, {"bytes": b"x", "path": "b.jpg"}]}), path)
    with pytest.raises(ClipError, match=r"'a\.jpg' holds no bytes"):
        read_member(path, "a.jpg")
    with pytest.raises(ClipError, match=r"holds no image 'c\.jpg'"):
        read_member(path, "c.jpg")


def test_without_pyarrow_the_message_says_what_to_install(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(TokenBenchError, match=r"pip install tokenbench\[parquet\]"):
        members(table.rename(table.with_name("other.parquet")))

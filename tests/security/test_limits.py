"""What is small on disk and endless in memory, or is no file of its kind at all, is refused before it is read."""

from __future__ import annotations

import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz_support.corpus import frames, header
from PIL import Image
from tests_support import write_video

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media import limits, tar
from tokenbench.media.image import image_size, open_image, read_image
from tokenbench.media.member import Member
from tokenbench.media.video import probe_video, read_chunks
from tokenbench.tokens import read_tokens
from tokenbench.tokens.header import Groups, Header
from tokenbench.weights.tensors import read_tensors


def png(width: int, height: int) -> bytes:
    """One that declares a size and holds nothing of it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def refusal(read: Callable[..., Any], path: Path, *arguments: Any) -> str:
    with pytest.raises(TokenBenchError) as error:
        read(path, *arguments)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_an_image_of_absurd_size_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(60_000, 60_000))
    for read in (image_size, read_image):
        assert "more than 67,108,864 pixels; replace the file, or set TOKENBENCH_MAX_PIXELS" in refusal(read, path)


def test_the_limit_of_pixels_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    write_video(tmp_path / "a.mkv", frames())
    monkeypatch.setenv("TOKENBENCH_MAX_PIXELS", "1199")
    assert "declares 40 x 30 pixels, more than 1,199 pixels" in refusal(read_image, tmp_path / "a.png")
    assert "more than 1,199 pixels" in refusal(probe_video, tmp_path / "a.mkv")
    monkeypatch.setenv("TOKENBENCH_MAX_PIXELS", "1200")
    assert read_image(tmp_path / "a.png").shape == (30, 40, 3)
    # Pillow has a limit of its own, which is raised too.
    monkeypatch.setenv("TOKENBENCH_MAX_PIXELS", str(2**40))
    (tmp_path / "b.png").write_bytes(png(60_000, 60_000))
    with open_image(tmp_path / "b.png") as image:
        assert image.size == (60_000, 60_000)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1e9", "\N{SUPERSCRIPT TWO}", "9" * 30])
def test_a_limit_is_a_whole_number(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    monkeypatch.setenv("TOKENBENCH_MAX_PIXELS", value)
    assert "TOKENBENCH_MAX_PIXELS is" in refusal(image_size, tmp_path / "a.png")


def test_a_video_of_absurd_dimensions_is_refused(tmp_path: Path) -> None:
    Image.fromarray(frames()[0]).save(tmp_path / "a.gif")
    whole = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(whole[:6] + struct.pack("<HH", 16_384, 16_384) + whole[10:])
    assert "more than 67,108,864 pixels" in refusal(probe_video, tmp_path / "a.gif")
    (tmp_path / "a.y4m").write_bytes(b"YUV4MPEG2 W60000 H60000 F25:1 Ip A1:1 C420\nFRAME\n" + bytes(1000))
    assert "not a readable video" in refusal(probe_video, tmp_path / "a.y4m")


def test_frames_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mkv", frames())
    monkeypatch.setenv("TOKENBENCH_MAX_FRAMES", "5")
    assert "has more than 5 frames" in refusal(lambda path: list(read_chunks(path, 2)), path)
    monkeypatch.setenv("TOKENBENCH_MAX_FRAMES", "6")
    assert sum(map(len, read_chunks(path, 2))) == 6
    assert limits.FRAMES.default == 10**6


def test_a_large_file_in_an_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(1000))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "a.bin", "a.bin")
    assert len(tar.read_member(tmp_path / "a.tar", "a.bin")) == 1000
    monkeypatch.setenv("TOKENBENCH_MAX_MEMBER_BYTES", "999")
    assert "declares 1,000 bytes, more than 999 bytes" in refusal(tar.read_member, tmp_path / "a.tar", "a.bin")


def test_token_files_that_unpack_to_more_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = np.array(header("haar-4x8x8").to_json())
    np.savez_compressed(tmp_path / "a.npz", tokens=np.zeros((768, 2, 60, 80), np.float32), tokenbench=text)
    assert (tmp_path / "a.npz").stat().st_size < 100_000
    monkeypatch.setenv("TOKENBENCH_MAX_MEMBER_BYTES", str(10**7))
    assert "more than 10,000,000 bytes" in refusal(read_tokens, tmp_path / "a.npz")


@pytest.mark.parametrize(("field", "value"), [("frames", 10**12), ("height", 10**9)])
def test_token_files_of_absurd_clips_are_refused(field: str, value: int, tmp_path: Path) -> None:
    made = replace(header("haar-4x8x8"), **{field: value})
    if field == "frames":
        made = replace(made, groups=Groups(frames=(value,), latents=(2,), front=(0,), back=(2,)))
    with pytest.raises(ValueError, match="more than"):
        Header.from_json(made.to_json())


@pytest.mark.parametrize("name", ["a.pt", "a.jit"])
def test_weights_that_unpack_to_more_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in ("a/data.pkl", "a/constants.pkl", "a/byteorder"):
            archive.writestr(member, b"little")
        archive.writestr("a/data/0", bytes(2**28 + 2**20))
    assert path.stat().st_size < 2**20
    assert "would unpack to 269," in refusal(read_tensors, path)


@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile secret.mkv\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:5,\nsecret.mkv\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
)
def test_a_playlist_leads_to_no_other_file(content: str, tmp_path: Path) -> None:
    write_video(tmp_path / "secret.mkv", frames())
    for suffix in (".mp4", ".mkv", ".m3u8"):
        path = tmp_path / f"list{suffix}"
        path.write_text(content)
        assert "not a readable video" in refusal(probe_video, path)


def test_a_playlist_in_an_archive_leads_to_no_other_file(tmp_path: Path) -> None:
    secret = write_video(tmp_path / "secret.mkv", frames())
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {secret}\n")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "list.mp4", "list.mp4")
    with pytest.raises(ClipError, match="not a readable video"):
        probe_video(Member(tmp_path / "a.tar", "list.mp4"))


def test_a_name_is_a_file_and_no_address_or_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(frames()[0]).save("a01.png")
    for name in ("http:127.0.0.1", "concat:a|b", "a%02d.mp4", "lavfi:testsrc", "pipe:0", "data:text"):
        assert "no such file" in refusal(probe_video, Path(name))
    assert "not a readable video" in refusal(probe_video, Path("a%02d.png"))


def test_no_program_is_started_for_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program was started"))
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path, format="EPS")
    assert "not a readable image" in refusal(read_image, path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name, read in (("a.png", read_image), ("a.mp4", probe_video), ("a.tar", tar.members)):
        os.mkfifo(tmp_path / name)
        assert "is a pipe, a socket or a device" in refusal(read, tmp_path / name)
    assert "is a pipe" in refusal(read_image, Path("/dev/zero"))

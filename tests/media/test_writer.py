from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from tests_support import write_video

from tokenbench.errors import OutputError
from tokenbench.media.video import probe_video, read_chunks
from tokenbench.media.writer import LosslessWriter


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (67, 93), (64, 80)])
def test_noise_comes_back_bit_for_bit(size: tuple[int, int], tmp_path: Path) -> None:
    frames = np.random.default_rng(size).integers(0, 256, (5, *size, 3), dtype=np.uint8)
    path = tmp_path / "noise.mkv"
    with LosslessWriter(path, *size, 25.0) as writer:
        writer.write(frames[:1])
        writer.write(frames[1:1])
        writer.write(np.asfortranarray(frames[1:]))
    assert np.array_equal(np.concatenate(list(read_chunks(path, 2))), frames)


@pytest.mark.parametrize("fps", [25.0, 24000 / 1001, 0.5])
def test_the_frame_rate_is_kept(fps: float, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", np.zeros((8, 16, 16, 3), np.uint8), fps)
    assert probe_video(path).fps == pytest.approx(fps, rel=1e-4)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(OutputError, match="cannot write /dev/full: No space left on device; free some space"):
        write_to(Path("/dev/full"))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the size of files")
def test_a_disk_that_fills_up_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    """The limit falls before, within and at the very end of the file."""
    code = """
    import os, resource, signal
    from pathlib import Path
    import numpy as np
    from tokenbench.errors import OutputError
    from tokenbench.files import whole_file
    from tokenbench.media.writer import LosslessWriter

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)

    def write(path):
        with whole_file(path) as temporary, LosslessWriter(temporary, 64, 64, 25.0) as writer:
            writer.write(frames)

    write(Path("whole.mkv"))
    size = Path("whole.mkv").stat().st_size
    for limit in (0, 300, size // 2, size - 3000, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            write(Path("cut.mkv"))
        except OutputError as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            print("refused", "File too large" in str(error), os.listdir("."))
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == ["refused True ['whole.mkv']"] * 5


def test_an_error_of_the_caller_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="mine"), LosslessWriter(tmp_path / "a.mkv", 16, 16, 25.0) as writer:
        writer.write(np.zeros((3, 16, 16, 3), np.uint8))
        raise KeyError("mine")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*nowhere.*: No such file or directory"):
        write_to(tmp_path / "nowhere" / "a.mkv")
    assert os.listdir(tmp_path) == []


def write_to(path: Path) -> None:
    with LosslessWriter(path, 16, 16, 25.0) as writer:
        writer.write(np.zeros((3, 16, 16, 3), np.uint8))

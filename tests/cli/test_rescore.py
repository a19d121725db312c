"""`rescore` gives a run further metrics, and does again only what it must."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks_support import inception_file
from numpy.typing import NDArray
from tests_support import forge, write_video

from tokenbench.cli import run as run_command
from tokenbench.media.clip import Clip
from tokenbench.media.image import write_png
from tokenbench.media.writer import LosslessWriter
from tokenbench.sealed import unseal

Call = Callable[..., Any]

EVAL = ["eval", "--tokenizer", "haar-4x8x8", "--dataset", "clips"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, carphone: NDArray[np.uint8], mini: dict[str, Clip]) -> Path:
    """A small data set, a run over it that kept its reconstructions, one that did not, and one with all metrics."""
    place = tmp_path_factory.mktemp("rescore")
    write_video(place / "clips/even.mkv", carphone[:7, :64, :80])
    write_video(place / "clips/odd.mkv", carphone[5:11, :67, :93])
    write_png(place / "clips/photo.png", next(mini["chelsea"].chunks(1))[0][:77, :102])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert run_command([*EVAL, "--out", "kept", "--save-reconstructions"]) == 0
        assert run_command([*EVAL, "--out", "bare"]) == 0
        assert run_command([*EVAL, "--out", "whole", "--metrics", "psnr,ssim,psnr-frame,flicker"]) == 0
    return place


@pytest.fixture
def made(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all of it, which is the working folder: as the commands named their paths."""
    shutil.copytree(place, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def result_of(run: Path) -> dict[str, Any]:
    result = unseal((run / "result.json").read_text())
    del result["environment"]
    return result


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_is_whole(made: Path, run: Path) -> None:
    """As if all had been measured at once, but for which clips have pictures: a finished run has those of three."""
    assert (run / "clips.csv").read_bytes() == (made / "whole/clips.csv").read_bytes()
    assert (run / "frames.csv").read_bytes() == (made / "whole/frames.csv").read_bytes()
    assert result_of(run) == result_of(made / "whole")


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("kept", "1 known already, 2 measured of the reconstruction that was kept"),
        ("bare", "1 known already, 2 reconstructed"),
    ],
)
def test_a_run_is_given_further_metrics_and_stays_as_it_is(made: Path, tokenbench: Call, run: str, said: str) -> None:
    before = files_of(made / run)
    outcome = tokenbench("rescore", run, "--metrics", "psnr-frame,flicker")
    assert outcome.code == 0, outcome.err
    # A photograph has no flicker, and its psnr-frame comes of errors that are known.
    assert said in outcome.out
    assert_is_whole(made, made / f"{run}+psnr-frame+flicker")
    assert files_of(made / run) == before


def test_what_is_in_the_store_is_taken_from_there(made: Path, tokenbench: Call) -> None:
    command = (*EVAL, "--out", "other", "--metrics", "psnr,flicker", "--store", "store")
    assert tokenbench(*command).code == 0
    outcome = tokenbench("rescore", "bare", "--metrics", "psnr-frame,flicker", "--store", "store", "--out", "new")
    assert "clips: 3 known already" in outcome.out
    assert_is_whole(made, made / "new")


def test_workers_share_the_clips(made: Path, tokenbench: Call) -> None:
    outcome = tokenbench("rescore", "kept", "--metrics", "psnr-frame,flicker", "--workers", 2, "--out", "new")
    assert outcome.code == 0
    assert_is_whole(made, made / "new")


def test_metrics_of_sets_are_added(made: Path, tokenbench: Call, tmp_path: Path) -> None:
    network = f"inception-fid={inception_file(tmp_path)}"
    assert tokenbench(*EVAL, "--out", "fid", "--metrics", "psnr,fid", "--network", network).code == 0
    assert tokenbench("rescore", "kept", "--metrics", "fid", "--network", network, "--out", "new").code == 0
    assert result_of(made / "new")["media"]["video"]["metrics"] == result_of(made / "fid")["media"]["video"]["metrics"]
    assert "kid" in result_of(made / "new")["media"]["video"]["metrics"]


def test_a_changed_reconstruction_fails_its_clip(made: Path, tokenbench: Call, carphone: NDArray[np.uint8]) -> None:
    write_video(made / "kept/reconstructions/even.mkv", carphone[:7, :64, :80])
    outcome = tokenbench("rescore", "kept", "--metrics", "flicker", "--out", "new")
    assert outcome.code == 1
    assert "even.mkv is not what was measured: it, or its clip, has changed" in outcome.out
    assert [failure["clip"] for failure in result_of(made / "new")["failed"]] == ["even.mkv"]


def test_a_changed_clip_of_the_same_size_fails(made: Path, tokenbench: Call, place: Path) -> None:
    """A folder's listing knows names and sizes only: the clip's own PSNR tells."""
    path, size = made / "clips/odd.mkv", (place / "clips/odd.mkv").stat().st_size
    length = 1000
    for _ in range(2):
        # Darker frames take less; a comment fills the file up.
        with LosslessWriter(path, 67, 93, 25, comment="x" * length) as writer:
            writer.write(frames_of(place) // 4)
        length += size - path.stat().st_size
    assert path.stat().st_size == size
    outcome = tokenbench("rescore", "bare", "--metrics", "flicker", "--out", "new")
    assert outcome.code == 1
    assert "the clip, the tokenizer or its weights have changed" in outcome.out
    assert [failure["clip"] for failure in result_of(made / "new")["failed"]] == ["odd.mkv"]


def frames_of(place: Path) -> NDArray[np.uint8]:
    clip = Clip(id="odd", domain="", path=place / "clips/odd.mkv", kind="video")
    return np.concatenate(list(clip.chunks(16)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: (made / "clips/odd.mkv").unlink(), "odd.mkv is not in the data set clips any more"),
        (
            lambda made: write_video(made / "clips/odd.mkv", np.zeros((6, 67, 93, 3), np.uint8)),
            "manifest (SHA-256)",
        ),
        (lambda made: edit(made, "tokenizer", weights_sha256="0" * 64), "weights (SHA-256): 0000"),
        (lambda made: edit(made, "protocol", version=99), "version of the protocol: 99 in the run, 1 here"),
        (lambda made: (made / "bare/run.json").unlink(), "run.json: cannot be read"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(
    made: Path, tokenbench: Call, change: Callable[[Path], object], message: str
) -> None:
    change(made)
    outcome = tokenbench("rescore", "bare", "--metrics", "flicker", "--out", "new")
    assert outcome.code == 2
    assert message in outcome.err
    assert not (made / "new").exists()


def edit(made: Path, section: str, **values: Any) -> None:
    forge(made / "bare", lambda result: result[section].update(values))


def test_wrong_usage_is_one_line(made: Path, tokenbench: Call) -> None:
    assert "unknown metric 'nope'" in tokenbench("rescore", "bare", "--metrics", "nope").message
    assert "holds the run itself" in tokenbench("rescore", "bare", "--metrics", "flicker", "--out", "bare").message
    assert "--metrics" in tokenbench("rescore", "bare").message
    outcome = tokenbench("rescore", "nowhere", "--metrics", "flicker")
    assert (outcome.code, "nowhere" in outcome.message) == (2, True)

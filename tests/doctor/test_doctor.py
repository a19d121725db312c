"""What is there and what is missing, on machines that lack one thing or another."""

from __future__ import annotations

import dataclasses
import json
import shutil
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests_support import write_video

from tokenbench.doctor import Plan, clips, examine, lacking, software
from tokenbench.doctor.line import Line
from tokenbench.media.image import write_png
from tokenbench.networks import NETWORKS
from tokenbench.parallel import cores
from tokenbench.registry import find_card

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights anywhere, no token, and no way to a network."""
    from huggingface_hub import constants

    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket.socket, "connect", None)
    clips.opened.cache_clear()


def lines(**plan: Any) -> dict[str, Line]:
    """Every line by what it is about."""
    return {line.what: line for section in examine(Plan(**plan)) for line in section.lines}


def missing(**plan: Any) -> dict[str, str]:
    """What is needed and missing, and what to do."""
    return {line.what: line.remedy for line in lacking(examine(Plan(**plan)))}


def test_a_machine_is_gone_through_and_nothing_is_written(tokenbench: Command, tmp_path: Path) -> None:
    outcome = tokenbench("doctor")
    assert outcome.code == 0
    titles = [line for line in outcome.out.splitlines() if not line.startswith(" ")]
    assert titles == [
        *("python", "torch", "extras", "media", "tokenizers", "metrics", "data sets", "machine", "hub"),
        "nothing that is needed is missing",
    ]
    for line in (
        "  ok       libsvtav1      for av1",
        "  missing  fid, kid                    network inception-fid",
        "  ok       mini           3 videos, 9 photographs",
        "  note     token     none",
    ):
        assert line in outcome.out.splitlines()
    assert list(tmp_path.iterdir()) == []


def test_as_json_everything_is_told_to_programs(tokenbench: Command) -> None:
    said = json.loads(tokenbench("doctor", "--json").out)
    assert (said["schema"], said["ready"]) == ("tokenbench.doctor/1", True)
    sections = {section["title"]: section["lines"] for section in said["sections"]}
    assert sections["machine"][0] == {
        "state": "ok",
        "what": "cores",
        "found": str(cores()),
        "remedy": "",
        "needed": False,
    }


def test_a_plan_that_can_run_has_exit_code_0(tokenbench: Command, tmp_path: Path) -> None:
    options = ["--tokenizer", "h264-crf30", "--tokenizer", "jpeg-q20", "--tokenizer", "cosmos-cv-4x8x8-mini"]
    options += ["--metrics", "psnr,warp-ilk", "--dataset", "mini", "--device", "cpu", "--out", tmp_path / "runs/new"]
    outcome = tokenbench("doctor", *options)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "everything that this plan needs is there"
    assert "extras" not in outcome.out
    assert not (tmp_path / "runs").exists()


def test_a_plan_that_cannot_run_has_exit_code_1_and_says_why(tokenbench: Command) -> None:
    options = ["--tokenizer", "cosmos-cv-4x8x8", "--tokenizer", "h264", "--metrics", "psnr,fid,vmaf"]
    outcome = tokenbench("doctor", *options, "--json")
    assert outcome.code == 1
    said = json.loads(outcome.out)
    assert said["ready"] is False
    found = {line["what"]: line for section in said["sections"] for line in section["lines"]}
    assert found["cosmos-cv-4x8x8"]["found"].startswith("weights missing, at most 293 MB")
    assert found["cosmos-cv-4x8x8"]["remedy"] == (
        "tokenbench weights fetch cosmos-cv-4x8x8 (licence: NVIDIA Open Model License)"
    )
    assert "name one, as h264-crf23" in found["h264"]["remedy"]
    assert "type 'tokenbench weights fetch inception-fid'" in found["fid, kid"]["remedy"]
    assert (found["without a network"]["found"], found["without a network"]["state"]) == ("psnr", "ok")


def test_a_networks_file_is_compared_with_its_digest_where_it_is_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = dataclasses.replace(NETWORKS["raft-large"], sha256="2c26b46b")  # of "foo"
    monkeypatch.setitem(NETWORKS, "raft-large", card)
    path = tmp_path / "torch/hub/checkpoints" / card.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"foo")
    assert lines()["warp"].found == "network raft-large (cached)"
    assert lines(metrics=("warp",))["warp"] == Line("ok", "warp", "network raft-large, as published", needed=True)
    path.write_bytes(b"fop")
    assert "is not the published file of raft-large" in missing(metrics=("warp",))["warp"]


def test_unknown_names_are_named() -> None:
    found = missing(tokenizers=("haar-4x8",), metrics=("pnsr",), device="tpu9", dataset="minni")
    assert "did you mean haar-4x8x8" in found["haar-4x8"]
    assert "unknown metric 'pnsr'" in found["pnsr"]
    assert "device 'tpu9' cannot be used" in found["device tpu9"]
    assert "did you mean mini?" in found["minni"]


def test_packages_are_compared_with_what_the_installation_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["numpy>=2", "click<2", "not-there", "far-away>=1; extra == 'far'", "other; extra == 'other'"]
    asked += ["gone; python_version < '3'"]
    monkeypatch.setattr(software, "requires", lambda _: asked)
    (_, packages) = software.python()
    found = software.version("click")
    assert (packages.state, packages.needed) == ("missing", True)
    assert packages.found == f"click {found}, not <2, no not-there"
    assert software.unmet("tokenbench", "far") == ["no far-away"]


def test_an_extra_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = software.version

    def version(name: str) -> str:
        if name == "imageio-ffmpeg":
            raise software.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(software, "version", version)
    (line,) = [line for line in software.extras() if line.what == "vmaf"]
    assert line == Line("missing", "vmaf", "no imageio-ffmpeg", "pip install 'tokenbench[vmaf]'")


def test_a_missing_package_of_a_tokenizer_comes_before_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {"far-8x8": dataclasses.replace(find_card("flux-8x8"), requires={"far_away": "far-away"})}
    monkeypatch.setattr("tokenbench.registry.registered", lambda: cards)
    assert missing(tokenizers=("far-8x8",)) == {"far-8x8": "pip install 'far-away'"}


def test_encoders_and_ffmpeg_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import av

    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx265"})
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    found = lines()
    assert (found["libx265"].state, found["libx264"].state) == ("missing", "ok")
    assert "pip install" in found["libx265"].remedy
    assert found["vmaf"].state == "missing"
    assert "vmaf" in missing(metrics=("vmaf",))


def test_gpus_are_listed_with_their_memory_and_an_old_driver_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    class Properties:
        name = "NVIDIA H200"
        total_memory = 150_000_000_000

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: Properties)
    found = lines(device="cpu")
    assert (found["cuda:1"].state, found["cuda:1"].found) == ("ok", "NVIDIA H200, 150.0 GB")
    assert "cuda" not in found

    def old() -> bool:
        warnings.warn("The NVIDIA driver on your system is too old", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", old)
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    line = lines(device="cpu")["cuda"]
    assert (line.state, line.found) == (
        "note",
        "The NVIDIA driver on your system is too old; networks run on the CPU",
    )
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "built without it" in lines(device="cpu")["cuda"].found


def test_a_codec_is_tried_for_its_encoder_may_not_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    card = find_card("h265-crf28")
    cards = {"h999": dataclasses.replace(card, options={**card.options, "encoder": "libx999"})}
    monkeypatch.setattr("tokenbench.registry.registered", lambda: cards)
    assert "FFmpeg's encoder libx999 is not in this build of PyAV" in missing(tokenizers=("h999",))["h999"]


def test_packages_that_cannot_be_loaded_hide_nothing_else(tmp_path: Path) -> None:
    code = "import sys; sys.modules |= {'torch': None, 'av': None}; from tokenbench.cli import run; "
    code += "sys.exit(run(['doctor', '--json']))"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert outcome.returncode == 1, outcome.stderr
    found = {section["title"]: section["lines"] for section in json.loads(outcome.stdout)["sections"]}
    for title, package in (("torch", "torch"), ("media", "av"), ("data sets", "av")):
        (line,) = found[title]
        assert (line["state"], line["needed"]) == ("missing", True)
        assert f"import of {package} halted" in line["remedy"]
    assert found["machine"][0]["found"] == str(cores())
    assert found["tokenizers"][0]["state"] == "ok"


def test_a_class_of_ones_own_is_looked_for_but_not_run(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("raise SystemExit\nclass Mine: ...\n")
    assert missing(tokenizers=(f"{file}:Mine",)) == {}
    assert "it has Mine" in missing(tokenizers=(f"{file}:Other",))[f"{file}:Other"]
    file.write_text("class Mine(:\n")
    assert "cannot be read as Python" in missing(tokenizers=(f"{file}:Mine",))[f"{file}:Mine"]


def test_a_data_set_is_counted_and_must_suit_the_metrics(tmp_path: Path, carphone: np.ndarray) -> None:
    folder = tmp_path / "clips"
    write_video(folder / "a.mkv", carphone[:3, :64, :64])
    write_png(folder / "b.png", carphone[0])
    assert lines(dataset=str(folder))[str(folder)].found == "1 videos, 1 photographs"
    found = missing(dataset=str(folder), metrics=("fvd", "flicker", "vmaf"))
    assert found["fvd"].endswith("and there are 1; leave it out, or give --skip-unavailable"), found["fvd"]
    assert "flicker" not in found
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty" in missing(dataset=f"davis:{empty}")[f"davis:{empty}"]


def test_a_manifest_whose_files_are_gone_is_missing(tmp_path: Path) -> None:
    manifest = tmp_path / "set.toml"
    clip = {"id": "c", "domain": "d", "kind": "image", "file": "c.png", "sha256": "0" * 64, "license": "", "credit": ""}
    lines = [f"{key} = {json.dumps(value)}" for key, value in {**clip, "bytes": 1, "height": 1, "width": 1}.items()]
    manifest.write_text("\n".join(['schema = "tokenbench.manifest/1"', "[[clips]]", *lines]))
    assert f"{tmp_path / 'c.png'} is missing; put the file there" in missing(dataset=str(manifest))[str(manifest)]


def test_room_is_compared_with_what_is_to_be_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=250 * 10**6))
    found = missing(tokenizers=("cosmos-cv-4x8x8",))
    assert "293 MB at most are to be downloaded; free some space" in found["hub cache"]
    line = lines()["weights folder"]
    assert line == Line("note", "weights folder", f"250 MB free in {tmp_path / 'weights'}", "free some space")


def test_results_cannot_go_where_a_file_is(tmp_path: Path, tokenbench: Command) -> None:
    (tmp_path / "file").write_text("")
    outcome = tokenbench("doctor", "--out", tmp_path / "file")
    assert outcome.code == 1
    assert f"  missing  results          {tmp_path / 'file'} is a file" in outcome.out.splitlines()


def test_a_token_is_told_of_and_never_shown(
    tokenbench: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    out = tokenbench("doctor", "--out", tmp_path).out
    assert "  ok       token     there is one" in out.splitlines()
    assert "  note     requests  HF_HUB_OFFLINE is on" in out.splitlines()
    assert "hf_secret" not in out

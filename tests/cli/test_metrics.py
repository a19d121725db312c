"""Every metric from the command line to the result, on trained networks' files with random weights."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import pytest
import torch
from networks_support import alex_trunk_file, i3d_file, inception_file
from numpy.typing import NDArray
from pytorch_fid import inception as pytorch_fid
from tests_support import write_video

from tokenbench.evaluation import job, score
from tokenbench.media.clip import Clip
from tokenbench.media.image import read_image, write_png
from tokenbench.media.video import read_chunks
from tokenbench.reporting.leaderboard import group_runs
from tokenbench.reporting.runs import load_runs
from tokenbench.reporting.tables import markdown

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("networks")
    return {
        "inception-fid": inception_file(folder),
        "i3d-kinetics400": i3d_file(folder),
        "lpips-alex": alex_trunk_file(folder),
    }


@pytest.fixture
def named(networks: dict[str, Path]) -> list[str]:
    """The options that name their files."""
    return [text for name, path in networks.items() for text in ("--network", f"{name}={path}")]


@pytest.fixture
def shortened(tmp_path: Path, carphone: NDArray[np.uint8], mini: dict[str, Clip]) -> Callable[[int], Path]:
    """`folder` with so many frames in a video and one more in the other: each costs a pass through a network."""

    def write(frames: int) -> Path:
        place = tmp_path / "short"
        write_video(place / "even.mkv", carphone[:frames, :64, :80])
        write_video(place / "odd.mkv", carphone[5 : 6 + frames, :67, :93])
        write_png(place / "photo.png", next(mini["chelsea"].chunks(1))[0][:77, :102])
        return place

    return write


# The network of clips refuses shorter ones.
SHORT = 9


@pytest.fixture
def short(shortened: Callable[[int], Path]) -> Path:
    """As short as all networks take."""
    return shortened(SHORT)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any network's file, and without a connection."""
    for variable in ("TOKENBENCH_WEIGHTS", "TORCH_HOME", "HF_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))

    def refuse(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("torch.hub.urlopen", refuse)


def result_of(out: Path) -> dict[str, Any]:
    return json.loads((out / "result.json").read_text())


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "clips.csv").open() as file:
        return list(csv.DictReader(file))


def frames_of(folder: Path, name: str) -> torch.Tensor:
    path = folder / name
    if path.suffix == ".png":
        return torch.from_numpy(read_image(path)[None])
    return torch.from_numpy(np.concatenate(list(read_chunks(path, 8))))


def test_what_is_missing_is_said_before_any_work(
    tokenbench: Command, folder: Path, tmp_path: Path, nowhere: None
) -> None:
    out = tmp_path / "run"
    outcome = tokenbench(
        "eval", "--tokenizer", "identity", "--dataset", folder, "--metrics", "psnr,lpips,fid,fvd", "--out", out
    )
    assert outcome.code == 2
    lines = outcome.err.splitlines()
    assert [line.split()[1] for line in lines] == ["lpips", "fid", "kid", "fvd", "kvd"]
    assert all(line.startswith("tokenbench: ") for line in lines)
    assert not out.exists()


def test_what_is_missing_can_be_left_out_and_is_marked(
    tokenbench: Command, folder: Path, tmp_path: Path, nowhere: None
) -> None:
    (folder / "photo.png").unlink()
    out = tmp_path / "run"
    asked = ("--metrics", "psnr,lpips,fid,flicker", "--skip-unavailable")
    outcome = tokenbench("eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, *asked, "--out", out)
    assert outcome.code == 0, outcome.err
    result = result_of(out)
    assert set(result["unavailable"]) == {"lpips", "fid", "kid"}
    assert not {"lpips", "fid", "kid"} & set(result["metrics"])
    assert result["media"]["video"]["metrics"]["flicker"]["value"] > 0
    assert "unavailable: lpips" in outcome.err
    assert tokenbench("report", out, "--out", tmp_path / "report").code == 0


def test_a_distance_of_videos_needs_two_of_them(
    tokenbench: Command, folder: Path, tmp_path: Path, named: list[str]
) -> None:
    (folder / "even.mkv").unlink()
    asked = ("--metrics", "psnr,fvd", "--network", named[3], "--out", tmp_path / "run")
    outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", folder, *asked)
    assert outcome.code == 2
    assert "fvd cannot be measured: it needs 2 or more video clips, and there are 1" in outcome.err


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """As published, of few samples: eigenvalues of C1 C2, those that are not 0, are those of an n x n matrix."""
    difference = x.mean(axis=0) - y.mean(axis=0)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    eigenvalues = np.linalg.eigvals(x @ y.T @ y @ x.T).real.clip(0) / (len(x) - 1) ** 2
    traces = ((x**2).sum() + (y**2).sum()) / (len(x) - 1)
    return float(difference @ difference + traces - 2 * np.sqrt(eigenvalues).sum())


def prepared(frames: torch.Tensor) -> torch.Tensor:
    """The published preparation for the I3D of frames that are wider than high."""
    video = frames.permute(0, 3, 1, 2) / 255
    height, width = video.shape[2:]
    size = (224, math.ceil(width * 224 / height))
    video = torch.nn.functional.interpolate(video, size=size, mode="bilinear", align_corners=False)
    left = (size[1] - 224) // 2
    return ((video[..., left : left + 224] - 0.5) * 2).transpose(0, 1)[None]


def test_values_are_those_of_the_reference_tools(
    tokenbench: Command,
    short: Path,
    tmp_path: Path,
    networks: dict[str, Path],
    named: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    asked = ("--metrics", "psnr,lpips-alex,fid,fvd", *named, "--save-reconstructions")
    outcome = tokenbench("eval", "--tokenizer", "haar-4x8x8", "--dataset", short, *asked, "--out", out)
    assert outcome.code == 0, outcome.err
    result = result_of(out)

    judge = lpips.LPIPS(pnet_rand=True, net="alex", verbose=False)
    trunk = torch.load(networks["lpips-alex"], weights_only=True)
    for name, tensor in judge.net.state_dict().items():
        tensor.copy_(trunk[f"features.{name.partition('.')[2]}"])
    weights = torch.load(networks["inception-fid"], weights_only=True)
    monkeypatch.setattr(pytorch_fid, "load_state_dict_from_url", lambda *_, **__: weights)
    inception, i3d = pytorch_fid.InceptionV3([3]).eval(), torch.jit.load(networks["i3d-kinetics400"])
    frame_features: list[list[torch.Tensor]] = [[], []]
    clip_features: list[list[torch.Tensor]] = [[], []]
    for row in rows_of(out):
        sides = frames_of(short, row["clip"]), frames_of(out / "reconstructions", row["clip"])
        with torch.inference_mode():
            expected = judge(*(side.permute(0, 3, 1, 2) / 127.5 - 1 for side in sides)).mean().item()
            if row["clip"] != "photo.png":
                for number, side in enumerate(sides):
                    frame_features[number].append(inception(side.permute(0, 3, 1, 2) / 255)[0].flatten(1))
                    settings = {"rescale": False, "resize": False, "return_features": True}
                    clip_features[number].append(i3d(prepared(side), **settings))
        assert float(row["lpips-alex"]) == pytest.approx(expected, rel=1e-5)
    for name, features in (("fid", frame_features), ("fvd", clip_features)):
        value = result["media"]["video"]["metrics"][name]["value"]
        assert value == pytest.approx(frechet(*(torch.cat(side).double().numpy() for side in features)), rel=1e-5)

    video, image = (result["media"][kind] for kind in ("video", "image"))
    assert video["metrics"]["fid"]["n"] == 9 + 10
    assert video["metrics"]["fvd"]["n"] == 2
    assert image["unavailable"].keys() == {"fid", "kid"}, "one photograph is no set"
    assert "fid" not in result["metrics"], "videos and photographs are no common set"
    for name in ("fid", "fvd"):
        assert video["metrics"][name]["rank"] < video["metrics"][name]["features"]
        assert "biased" in video["metrics"][name]["warning"]
    assert video["metrics"]["fvd"]["value"] > 0
    assert {"inception-fid", "i3d-kinetics400", "lpips-alex"} == result["protocol"]["networks"].keys()
    assert "+inception-fid=" in result["dataset"]["protocol"], "somebody's own weights are comparable with themselves"


def test_identical_clips_have_no_distance(tokenbench: Command, short: Path, tmp_path: Path, named: list[str]) -> None:
    out = tmp_path / "run"
    asked = ("--metrics", "ssim,lpips-alex,fid,fvd,flicker,temporal-lpips,psnr-uint8wrap", *named)
    assert tokenbench("eval", "--tokenizer", "identity", "--dataset", short, *asked, "--out", out).code == 0
    metrics = result_of(out)["media"]["video"]["metrics"]
    assert metrics["ssim"]["value"] == 1
    for name in ("lpips-alex", "fid", "kid", "fvd", "kvd", "flicker", "temporal-lpips"):
        assert abs(metrics[name]["value"]) < 1e-6, name
    assert metrics["psnr-uint8wrap"]["value"] > 180


@pytest.mark.parametrize(("metric", "frames", "network"), [("fid", 2, "inception"), ("fvd", SHORT, "i3d")])
def test_a_run_that_is_cut_short_goes_on_without_scoring_a_clip_twice(
    tokenbench: Command,
    shortened: Callable[[int], Path],
    tmp_path: Path,
    named: list[str],
    monkeypatch: pytest.MonkeyPatch,
    metric: str,
    frames: int,
    network: str,
) -> None:
    asked = ("--dataset", shortened(frames), "--metrics", f"psnr,{metric}", *named)
    command = ("eval", "--tokenizer", "haar-4x8x8", *asked)
    assert tokenbench(*command, "--out", tmp_path / "whole").code == 0
    scored: list[str] = []
    score_clip = job.score_clip

    def score_until_cut(clip: Any, *arguments: Any, **more: Any) -> Any:
        if len(scored) == 2:
            raise KeyboardInterrupt
        scored.append(clip.id)
        return score_clip(clip, *arguments, **more)

    monkeypatch.setattr(job, "score_clip", score_until_cut)
    assert tokenbench(*command, "--out", tmp_path / "cut").code == 130
    features = next((tmp_path / "cut" / "attached").glob(f"{network}*.bin"))
    with features.open("ab") as file:
        file.write(b"half of a clip that was being written")
    scored.clear()
    assert tokenbench(*command, "--out", tmp_path / "cut").code == 0
    assert scored == ["photo.png"]
    whole, cut = (result_of(tmp_path / name) for name in ("whole", "cut"))
    assert whole["media"] == cut["media"]
    assert whole["metrics"] == cut["metrics"]


@pytest.mark.parametrize(("metrics", "frames"), [("psnr,ssim,fid,lpips-alex,flicker,psnr-frame", 2), ("fvd", SHORT)])
def test_compare_measures_what_eval_measured(
    tokenbench: Command,
    shortened: Callable[[int], Path],
    tmp_path: Path,
    named: list[str],
    metrics: str,
    frames: int,
) -> None:
    clips, out, file = shortened(frames), tmp_path / "run", tmp_path / "compare.json"
    asked = ("--metrics", metrics, *named)
    evaluated = tokenbench(
        "eval", "--tokenizer", "haar-4x8x8", "--dataset", clips, *asked, "--out", out, "--save-reconstructions"
    )
    assert evaluated.code == 0, evaluated.err
    assert tokenbench("compare", clips, out / "reconstructions", *asked, "--out", file).code == 0
    compared = json.loads(file.read_text())["media"]["video"]["metrics"]
    for name, value in result_of(out)["media"]["video"]["metrics"].items():
        if name != "bits_per_pixel":
            assert compared[name]["value"] == pytest.approx(value["value"], rel=1e-9), name
            assert compared[name]["n"] == value["n"]


def test_a_metric_that_a_clip_is_too_small_for_leaves_its_others_alone(
    tokenbench: Command, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    outcome = tokenbench(
        "eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--metrics", "psnr,ms-ssim", "--out", out
    )
    assert outcome.code == 0, outcome.err
    result = result_of(out)
    assert {(skipped["clip"], skipped["metric"]) for skipped in result["skipped"]} == {
        (name, "ms-ssim") for name in ("even.mkv", "odd.mkv", "photo.png")
    }
    assert result["metrics"]["psnr"]["n"] == 3
    assert "ms-ssim" not in result["metrics"]
    assert "no ms-ssim of even.mkv" in outcome.err


def test_another_tools_convention_is_another_protocol(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    values = {}
    for protocol in ("paper", "public-script-v1", "pytorch-msssim", "unquantised", "truncate", "mp4-both"):
        out = tmp_path / protocol
        extra = () if protocol == "unquantised" else ("--metrics", "psnr,ssim,psnr-frame")
        asked = ("--protocol", protocol, *extra, "--out", out)
        outcome = tokenbench("eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, *asked)
        assert outcome.code == 0, outcome.err
        result = result_of(out)
        assert result["dataset"]["protocol"] == f"{protocol}/1"
        values[protocol] = [result["metrics"][name]["value"] for name in ("psnr", "ssim")]
        assert ("psnr-frame" in result["metrics"]) == bool(extra)
    assert values["public-script-v1"][0] > values["paper"][0] + 1
    assert values["pytorch-msssim"][1] != pytest.approx(values["paper"][1], abs=1e-4)
    assert values["unquantised"][0] == pytest.approx(values["paper"][0], abs=0.1)
    assert values["truncate"][0] != values["paper"][0]
    leaderboard = markdown(group_runs(load_runs([tmp_path / name for name in values])))
    assert leaderboard.count("\n## clips · ") == len(values)


def test_unknown_names_are_one_line(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    start = ("eval", "--tokenizer", "identity", "--dataset", folder, "--out", tmp_path / "run")
    for extra, said in (
        (("--metrics", "psnr,nonsense"), "unknown metric 'nonsense'"),
        (("--metrics", ","), "names no metric"),
        (("--metrics", "seam"), "unknown metric 'seam'"),
        (("--protocol", "nonsense"), "nonsense"),
        (("--network", "inception-fid"), "is not NAME=PATH"),
        (("--network", "inception=x"), "inception-fid"),
        (("--metrics", "fid", "--network", "inception-fid=nothing.pth"), "nothing.pth"),
        (("--protocol", "unquantised", "--metrics", "psnr,flicker"), "leave flicker out"),
        (("--protocol", "unquantised", "--storage", "h264"), "storage"),
        (("--protocol", "unquantised", "--tokenizer", "haar-4x8x8", "--save-reconstructions"), "kept in 8 bits"),
        (("--protocol", "mp4-both", "--storage", "h264"), "leave out --storage h264"),
    ):
        outcome = tokenbench(*start, *extra)
        assert outcome.code == 2
        assert said in outcome.err, extra


def test_values_by_domain_and_by_frame(tokenbench: Command, folder: Path, tmp_path: Path, carphone: Any) -> None:
    write_video(folder / "talk" / "more.mkv", carphone[:9, :64, :80])
    out = tmp_path / "run"
    assert tokenbench("eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--out", out).code == 0
    video = result_of(out)["media"]["video"]
    assert {name: part["clips"] for name, part in video["domains"].items()} == {"clips": 2, "talk": 1}
    assert len(video["phases"]["phases"]) == 4
    with (out / "frames.csv").open() as file:
        series = list(csv.DictReader(file))
    assert [row["frame"] for row in series if row["clip"] == "even.mkv"] == [str(number) for number in range(14)]


def test_clips_of_one_source_are_resampled_together(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    entries = []
    for name, height, width, source in (
        ("even.mkv", 64, 80, "a"),
        ("odd.mkv", 67, 93, "a"),
        ("photo.png", 77, 102, ""),
    ):
        content = (folder / name).read_bytes()
        kind = "image" if name.endswith("png") else "video"
        entries.append(
            f'[[clips]]\nid = "{name}"\ndomain = "d"\nkind = "{kind}"\nfile = "{name}"\nsource = "{source}"\n'
            f'sha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}\nheight = {height}\n'
            f'width = {width}\nlicense = "CC0"\ncredit = "me"\n'
        )
    manifest = folder / "mine.toml"
    manifest.write_text('schema = "tokenbench.manifest/1"\n' + "".join(entries))
    out = tmp_path / "run"
    assert tokenbench("eval", "--tokenizer", "haar-4x8x8", "--dataset", manifest, "--out", out).code == 0
    metric = result_of(out)["media"]["video"]["metrics"]["psnr"]
    assert (metric["n"], metric["clusters"]) == (2, 1)
    assert metric["ci95"] == [metric["value"]] * 2, "one source has no spread"
    assert [row["source"] for row in rows_of(out)] == ["a", "a", ""]


def test_frames_that_stay_on_the_device_have_the_same_scores(
    tokenbench: Command, folder: Path, tmp_path: Path, named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = "psnr,ssim,psnr-frame,psnr-uint8wrap,lpips-alex,vmaf,flicker,temporal-lpips,warp-ilk,fvd"
    command = ("eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--metrics", everything, *named)
    command += ("--save-reconstructions", "--frames", 10)
    assert tokenbench(*command, "--out", tmp_path / "arrays").code == 0
    seen: list[str] = []

    def stays(compute: Any, protocol: Any) -> bool:
        seen.append(compute.device.type)
        return True

    monkeypatch.setattr(score, "stays_on_device", stays)
    outcome = tokenbench(*command, "--out", tmp_path / "tensors")
    assert outcome.code == 0, outcome.err
    assert seen == ["cpu"] * 3
    arrays, tensors = (result_of(tmp_path / name) for name in ("arrays", "tensors"))
    assert arrays["media"] == tensors["media"]
    assert arrays["samples"] == tensors["samples"]


def test_a_storage_of_both_sides_hides_what_it_costs_itself(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    values = {}
    for tokenizer in ("identity", "haar-4x8x8"):
        for storage in ("none", "h264", "h264-qp28"):
            out = tmp_path / tokenizer / storage
            asked = ("--storage", storage, "--metrics", "psnr,flicker", "--out", out)
            outcome = tokenbench("eval", "--tokenizer", tokenizer, "--dataset", folder, *asked)
            assert outcome.code == 0, outcome.err
            result = result_of(out)
            assert result["protocol"]["storage"] == storage
            values[tokenizer, storage] = result["media"]["video"]["metrics"]["psnr"]["value"]
    assert values["identity", "h264"] < 45
    assert values["identity", "h264-qp28"] == values["identity", "none"] > 180, "both sides are the same file"
    assert values["haar-4x8x8", "h264-qp28"] > values["haar-4x8x8", "none"]

"""With a store, results are the same bit for bit, and what is known is not done again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks_support import i3d_file, inception_file
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench import registry
from tokenbench.evaluation import job, kept
from tokenbench.metrics import feature_meters
from tokenbench.sealed import unseal
from tokenbench.store import Store
from tokenbench.store.store import RECONSTRUCTIONS

Command = Callable[..., Any]

METRICS = "psnr,ssim,psnr-frame,ms-ssim,flicker,psnr-uint8wrap"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def result_of(run: Path) -> dict[str, Any]:
    result = unseal((run / "result.json").read_text())
    del result["environment"]
    return result


def assert_same(one: Path, other: Path) -> None:
    assert result_of(one) == result_of(other)
    for name in ("clips.csv", "frames.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    for sample in result_of(one)["samples"]:
        for side in ("reference", "reconstruction"):
            assert (one / sample[side]).read_bytes() == (other / sample[side]).read_bytes()


class Calls:
    """Counts clips that a tokenizer reconstructs, and reconstructions that are read back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.kept: list[str] = []
        score_clip, score_kept = job.score_clip, kept.score_kept

        def make(clip: Any, *rest: Any, **more: Any) -> Any:
            self.made.append(clip.id)
            return score_clip(clip, *rest, **more)

        def read(clip: Any, *rest: Any, **more: Any) -> Any:
            self.kept.append(clip.id)
            return score_kept(clip, *rest, **more)

        monkeypatch.setattr(job, "score_clip", make)
        monkeypatch.setattr(job, "score_kept", read)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


@pytest.fixture
def evaluated(tokenbench: Command, folder: Path, tmp_path: Path) -> Callable[..., Path]:
    def evaluate(name: str, *options: object, dataset: Path = folder) -> Path:
        outcome = tokenbench("eval", "--frames", 7, "--dataset", dataset, "--out", tmp_path / name, *options)
        assert outcome.code == 0, outcome.err
        return tmp_path / name

    return evaluate


# A codec, a network that streams, one that takes images, and one with a storage behind it.
@pytest.mark.parametrize(
    "options",
    [
        ("--tokenizer", "h264-crf23"),
        ("--tokenizer", "cosmos-cv-4x8x8-mini"),
        ("--tokenizer", "cosmos-di-8x8-mini", "--tokens", "code"),
        ("--tokenizer", "haar-4x8x8", "--storage", "h264", "--window", "8"),
        ("--tokenizer", "haar-4x8x8", "--storage", "h264-qp28"),
    ],
)
def test_results_are_those_without_a_store(
    evaluated: Callable[..., Path], store: Path, calls: Calls, options: tuple[str, ...]
) -> None:
    options = (*options, "--metrics", METRICS)
    without = evaluated("without", *options)
    first = evaluated("first", *options, "--store", store)
    assert_same(without, first)
    assert len(calls.made) == 6
    second = evaluated("second", *options, "--store", store)
    assert_same(without, second)
    assert (len(calls.made), calls.kept) == (6, [])


def test_an_added_metric_is_measured_alone_of_what_was_kept(
    evaluated: Callable[..., Path], store: Path, calls: Calls, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ("--tokenizer", "cosmos-cv-4x8x8-mini")
    evaluated("first", *options, "--store", store, "--metrics", "psnr,flicker")
    made = len(calls.made)
    more = evaluated("more", *options, "--store", store, "--metrics", METRICS)
    assert len(calls.made) == made == 3
    assert sorted(calls.kept) == ["even.mkv", "odd.mkv", "photo.png"]
    assert_same(evaluated("without", *options, "--metrics", METRICS), more)


def test_what_was_added_is_said(tokenbench: Command, folder: Path, store: Path, tmp_path: Path) -> None:
    command = ("eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--store", store)
    assert "known already" not in tokenbench(*command, "--out", tmp_path / "a").out
    assert "clips: 3 known already" in tokenbench(*command, "--out", tmp_path / "b").out
    outcome = tokenbench(*command, "--out", tmp_path / "c", "--metrics", "psnr,flicker")
    # A photograph has no flicker.
    assert "clips: 1 known already, 2 measured of the reconstruction that was kept" in outcome.out


def test_without_its_reconstruction_a_clip_is_reconstructed_for_what_is_missing(
    evaluated: Callable[..., Path], store: Path, calls: Calls, tokenbench: Command
) -> None:
    options = ("--tokenizer", "haar-4x8x8", "--store", store, "--metrics")
    evaluated("first", *options, "psnr")
    assert tokenbench("cache", "--store", store, "--clear", RECONSTRUCTIONS).code == 0
    more = evaluated("more", *options, METRICS)
    assert calls.kept == []
    assert_same(evaluated("without", "--tokenizer", "haar-4x8x8", "--metrics", METRICS), more)


def test_a_reconstruction_that_is_not_that_of_the_values_is_made_again(
    evaluated: Callable[..., Path], store: Path, calls: Calls
) -> None:
    options = ("--tokenizer", "haar-4x8x8", "--metrics")
    evaluated("first", *options, "psnr", "--store", store)
    kept = Store(store)
    entries = [entry for entry in kept.entries() if entry.stage == RECONSTRUCTIONS]
    contents = [entry.path.read_bytes() for entry in entries]
    for entry, content in zip(entries, contents[1:] + contents[:1], strict=True):
        entry.path.unlink()
        kept.put(RECONSTRUCTIONS, entry.path.name[:64], content)
    more = evaluated("more", *options, METRICS, "--store", store)
    assert len(calls.made) == 6
    assert_same(evaluated("without", *options, METRICS), more)


def test_changed_clips_settings_weights_and_frames_are_not_taken_for_the_same(
    evaluated: Callable[..., Path], store: Path, calls: Calls, folder: Path, carphone: NDArray[np.uint8]
) -> None:
    options = ("--store", store, "--tokenizer")
    evaluated("a", *options, "haar-4x8x8")
    evaluated("b", *options, "haar-4x8x8", "--frames", "3")
    evaluated("c", *options, "haar-4x8x8", "--dtype", "bfloat16")
    evaluated("d", *options, "haar-4x8x8", "--window", "4")
    evaluated("e", *options, "haar-8x8")
    assert len(calls.made) == 15
    write_video(folder / "even.mkv", carphone[:14, 8:72, :80])
    evaluated("f", *options, "haar-4x8x8")
    assert calls.made[15:] == ["even.mkv"]


def test_a_clip_is_known_by_its_content_and_not_by_its_name(
    evaluated: Callable[..., Path], store: Path, calls: Calls, folder: Path, tmp_path: Path
) -> None:
    evaluated("a", "--store", store, "--tokenizer", "haar-4x8x8")
    moved = tmp_path / "moved/domain"
    moved.mkdir(parents=True)
    for file in folder.iterdir():
        file.rename(moved / f"other-{file.name}")
    run = evaluated("b", "--store", store, "--tokenizer", "haar-4x8x8", dataset=moved.parent)
    assert len(calls.made) == 3
    assert "domain/other-even.mkv,domain," in (run / "clips.csv").read_text()


def test_other_workers_go_on_with_what_is_known(evaluated: Callable[..., Path], store: Path) -> None:
    options = ("--tokenizer", "haar-4x8x8", "--metrics", "psnr,ssim,flicker")
    one = evaluated("one", *options, "--store", store)
    entries = names_of(store)
    two = evaluated("two", *options, "--store", store, "--workers", "2")
    assert_same(one, two)
    assert names_of(store) == entries


def names_of(store: Path) -> list[str]:
    """Of all entries but digests of files, which are remembered once they are some seconds old."""
    return sorted(entry.path.name for entry in Store(store).entries() if entry.stage != "digests")


OWN = """
class Mine:
    info = {"name": "mine", "kind": "continuous", "compression": [1, 1, 1], "window": 4}
    def __init__(self, device, dtype): pass
    def encode(self, video): return video
    def decode(self, tokens): return tokens * FACTOR
"""


def test_a_class_of_ones_own_may_change_and_is_not_kept(
    evaluated: Callable[..., Path], store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second file has the first one's size, and most often its second: its bytecode would be taken for current.
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "own.py"
    scores = []
    for factor in ("1.0", "0.5"):
        file.write_text(OWN.replace("FACTOR", factor))
        run = evaluated(f"run-{factor}", "--tokenizer", f"{file}:Mine", "--store", store)
        scores.append(result_of(run)["metrics"]["psnr"]["value"])
    assert scores[0] > 100
    assert scores[1] < 30
    assert {entry.stage for entry in Store(store).entries()} <= {"digests"}


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs a stranger's tokenizer "dimmed", in a version, as a copy or as a link to its sources."""
    site = tmp_path / "site"
    info = site / "dimmed_tokenizer-1.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("[tokenbench.tokenizers]\ndimmed = dimmed_plug_in:CARD\n")
    (site / "dimmed_plug_in.py").write_text(PLUG_IN)

    def install(version: str, *, editable: bool) -> None:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dimmed-tokenizer\nVersion: {version}\n")
        (info / "direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {"editable": editable}}))

    monkeypatch.syspath_prepend(site)
    registry.registered.cache_clear()
    yield install
    monkeypatch.undo()
    registry.registered.cache_clear()


PLUG_IN = """
from tokenbench.tokenizer import Card, TokenizerInfo

class Dimmed:
    def __init__(self, info, **_):
        self.info = info
    def encode(self, video):
        return video
    def decode(self, tokens):
        return tokens * 0.5

INFO = TokenizerInfo(name="dimmed", kind="continuous", compression=(1, 1, 1), window=4)
CARD = Card(info=INFO, factory="dimmed_plug_in:Dimmed")
"""


def test_a_plug_in_is_known_by_its_version_unless_it_is_edited_in_place(
    evaluated: Callable[..., Path],
    tokenbench: Command,
    folder: Path,
    store: Path,
    tmp_path: Path,
    calls: Calls,
    plug_in: Callable[..., None],
) -> None:
    options = ("--tokenizer", "dimmed", "--limit", 1, "--store", store)
    for number, (version, editable, made) in enumerate(
        [("1", False, 1), ("1", False, 1), ("2", False, 2), ("2", True, 3), ("2", True, 4)]
    ):
        plug_in(version, editable=editable)
        evaluated(f"run{number}", *options)
        assert len(calls.made) == made
    again = ("eval", *options, "--frames", 7, "--dataset", folder, "--out", tmp_path / "run0")
    assert "holds a run with other settings" in tokenbench(*again).message
    plug_in("1", editable=False)
    assert tokenbench(*again).code == 0


def test_frames_that_are_not_eight_bits_go_past_the_store(
    tokenbench: Command, folder: Path, store: Path, tmp_path: Path
) -> None:
    from tokenbench.metrics.conventions import CONVENTIONS

    protocol = next(name for name, each in CONVENTIONS.items() if each.quantisation == "none")
    command = ("eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--protocol", protocol, "--store", store)
    outcome = tokenbench(*command, "--out", tmp_path / "run")
    assert outcome.code == 0
    assert "not 8-bit, which no store keeps" in outcome.err
    assert list(Store(store).entries()) == []


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The networks' calls, by the kind of meter."""
    found: list[str] = []
    for kind in (feature_meters.FrameFeatures, feature_meters.ClipFeatures):
        features = kind.features

        def count(self: Any, features: Any = features, name: str = kind.__name__) -> Any:
            found.append(name)
            return features(self)

        monkeypatch.setattr(kind, "features", count)
    return found


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that name the files of networks for sets, with random weights."""
    folder = tmp_path_factory.mktemp("networks")
    files = {"inception-fid": inception_file(folder), "i3d-kinetics400": i3d_file(folder)}
    return [text for name, path in files.items() for text in ("--network", f"{name}={path}")]


# As few frames as the metric takes: each costs a pass through its network.
@pytest.mark.parametrize(("metric", "kind", "frames"), [("fid", "FrameFeatures", 2), ("fvd", "ClipFeatures", 9)])
def test_references_features_are_computed_once_for_all_tokenizers(
    evaluated: Callable[..., Path],
    store: Path,
    networks: list[str],
    counted: list[str],
    tmp_path: Path,
    carphone: NDArray[np.uint8],
    metric: str,
    kind: str,
    frames: int,
) -> None:
    clips = tmp_path / "short"
    for number in range(2):
        write_video(clips / f"{number}.mkv", carphone[number : number + frames, ::4, ::4])
    options = ("--metrics", metric, *networks, "--frames", frames)
    alone = {}
    for name in ("haar-4x8x8", "identity"):
        alone[name] = evaluated(f"alone-{name}", "--tokenizer", name, *options, dataset=clips)
    # Both sides of two clips, for two tokenizers.
    assert counted == [kind] * 8
    counted.clear()
    both = evaluated("both", "--tokenizer", "haar-4x8x8,haar-8x8", *options, "--store", store, dataset=clips)
    assert counted == [kind] * (2 * (1 + 2))
    counted.clear()
    third = evaluated("third", "--tokenizer", "identity", *options, "--store", store, dataset=clips)
    assert counted == [kind] * 2
    assert_same(alone["haar-4x8x8"], both / "haar-4x8x8")
    assert_same(alone["identity"], third)
    counted.clear()
    again = evaluated("again", "--tokenizer", "identity", *options, "--store", store, dataset=clips)
    assert counted == []
    assert_same(alone["identity"], again)

"""On a local Ray cluster of several worker processes. Its GPUs are only claimed: nothing computes on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray_support
import torch
from numpy.typing import NDArray
from tests_support import Outcome, write_video

from tokenbench.datasets.building import build
from tokenbench.datasets.catalog import open_dataset
from tokenbench.engine import Worker, WorkerDied, always, chosen_engine
from tokenbench.engine.ray import RayEngine, connect
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.measures import DEFAULT_MEASURES
from tokenbench.evaluation.outcome import Failed, ScoreTask
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.runner import Evaluation, evaluate
from tokenbench.evaluation.windows import Compute
from tokenbench.evaluation.work import Conditions, Scoring, prepare_scorings
from tokenbench.media.clip import Clip
from tokenbench.registry import load_tokenizer
from tokenbench.sealed import unseal

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'tokenbench[ray]'")

# Cluster and workers start in processes of their own.
pytestmark = pytest.mark.slow

Command = Callable[..., Outcome]

# Gives back what it got, but for the last bit; it dies once over a wide clip, and takes its time over others.
BRITTLE = """
import os, signal, time
from pathlib import Path

class Brittle:
    info = {{"name": "brittle", "kind": "continuous", "compression": [1, 1, 1], "window": 4}}

    def __init__(self, device, dtype): pass

    def encode(self, video):
        mark = Path({mark!r})
        if video.shape[-1] > 90 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep({seconds})
        return video

    def decode(self, tokens): return tokens * 0.99
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(ray_support.__file__).parent))
        connect(None, cpus=2, gpus=2)
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


def written(out: Path) -> tuple[dict[str, Any], bytes, bytes]:
    """What must not depend on who did the work."""
    result = unseal((out / "result.json").read_text())
    del result["environment"]
    return result, (out / "clips.csv").read_bytes(), (out / "frames.csv").read_bytes()


def brittle(folder: Path, seconds: float = 0.0) -> tuple[str, Path]:
    """A tokenizer as the command line takes it, and the file that keeps it alive."""
    file, mark = folder / "brittle.py", folder / "mark"
    file.write_text(BRITTLE.format(mark=str(mark), seconds=seconds))
    mark.touch()
    return f"{file}:Brittle", mark


def test_every_task_is_done_once_but_the_one_that_kills_its_workers(cluster: str) -> None:
    done = dict(RayEngine(2).run(always(ray_support.die_of_three), range(6)))
    assert done.pop(3) == WorkerDied(3)
    assert done == {number: number for number in range(6) if number != 3}


def test_what_the_work_raises_is_raised(cluster: str) -> None:
    with pytest.raises(TokenBenchError, match=r"^worker 0 is refused$"):
        list(RayEngine(1).run(ray_support.refuse_to_start, [7]))


def test_leaving_early_ends_the_workers(cluster: str, tmp_path: Path) -> None:
    place = tmp_path / "process"
    work = RayEngine(1).run(always(ray_support.begin_and_sleep), [place])

    def interrupt(*_: object) -> None:
        if not place.exists() or not place.read_text():
            signal.alarm(1)
            return
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(1)
    with pytest.raises(KeyboardInterrupt):
        next(work)
    signal.signal(signal.SIGALRM, previous)
    process = Path("/proc", place.read_text())
    while process.exists():
        time.sleep(0.1)


def test_streams_are_made_by_other_processes_and_a_task_whose_stream_is_lost_is_done_again(
    cluster: str, tmp_path: Path
) -> None:
    # Streams of two tasks at a time, longer than what goes ahead, and the process of one is killed once.
    tasks: list[Any] = [(ray_support.count_to, (number,)) for number in (0, 1, 7, 8)]
    tasks.append((ray_support.count_and_die_once, (9, tmp_path / "mark")))
    done = list(RayEngine(1, on_gpu=True).run(ray_support.read_streams, tasks))
    assert sorted(result for _, result in done) == [(0, True), (0, True), (21, True), (28, True), (36, True)]
    assert (tmp_path / "mark").exists()


def test_what_a_stream_raises_is_raised_where_it_is_read(cluster: str) -> None:
    with pytest.raises(TokenBenchError, match=r"^broken here$"):
        list(RayEngine(1, on_gpu=True).run(ray_support.read_streams, [(ray_support.count_and_break, (5,))]))


def test_clips_that_others_decode_for_a_worker_that_is_killed_are_scored_alike(
    cluster: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Relative paths are those of the command, wherever a worker runs.
    monkeypatch.chdir(tmp_path)
    (folder / "broken.mkv").write_bytes(b"no video")
    name, mark = brittle(Path())
    run = Evaluation(
        tokenizer=load_tokenizer(name),
        dataset=open_dataset(folder.name),
        protocol=Protocol(),
        compute=Compute(torch.device("cpu"), torch.float32),
        save_reconstructions=True,
        inputs={"tokenizer": name},
    )
    evaluate(run, Path("here"))
    mark.unlink()
    evaluate(run, Path("there"), RayEngine(2, on_gpu=True))
    assert mark.exists()
    assert written(Path("there")) == written(Path("here"))
    assert [failure["clip"] for failure in written(Path("there"))[0]["failed"]] == ["broken.mkv"]
    kept = [sorted(path.name for path in Path(out, "reconstructions").iterdir()) for out in ("here", "there")]
    assert kept[0] == kept[1]


def test_a_driver_that_is_killed_goes_on_when_it_is_started_again(
    cluster: str, folder: Path, tmp_path: Path, tokenbench: Command
) -> None:
    name, _ = brittle(tmp_path, seconds=0.4)
    command = ["eval", "--tokenizer", name, "--dataset", str(folder)]
    cluster_options = ["--engine", "ray", "--address", cluster, "--workers", "1"]
    driver = [sys.executable, "-m", "tokenbench", *command, *cluster_options, "--out", str(tmp_path / "there")]
    journal = tmp_path / "there/journal.jsonl"
    with subprocess.Popen(driver, stderr=subprocess.DEVNULL) as process:
        while not journal.is_file() or not journal.read_text().count('"clip"'):
            assert process.poll() is None, "the driver was to be killed before its end"
            time.sleep(0.05)
        process.kill()
    assert not (tmp_path / "there/result.json").exists()
    assert tokenbench(*command, *cluster_options, "--out", tmp_path / "there").code == 0
    assert tokenbench(*command, "--out", tmp_path / "here").code == 0
    assert written(tmp_path / "there") == written(tmp_path / "here")


def test_a_build_of_which_a_worker_is_killed_is_the_same_to_the_byte(
    cluster: str,
    carphone: NDArray[np.uint8],
    tmp_path: Path,
    tokenbench: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        write_video(tmp_path / f"raw/{number}.mkv", carphone[number : number + 6, :64, :80])
    command = ("build-dataset", f"folder:{tmp_path / 'raw'}", "--protocol", "native")
    assert tokenbench(*command, "--workers", 1, "--out", tmp_path / "here").code == 0
    monkeypatch.setattr(build, "build_clip", ray_support.build_and_die_once)
    there = ("--engine", "ray", "--workers", 1, "--out", tmp_path / "there")
    assert tokenbench(*command, *there).code == 0
    assert next((tmp_path / "there").rglob("died"))
    files = [
        {
            path.relative_to(tmp_path / out).as_posix(): path.read_bytes()
            for path in (tmp_path / out).rglob("*")
            if path.is_file() and ".build" not in path.parts
        }
        for out in ("here", "there")
    ]
    assert len(files[0]) == 3 + 1
    assert files[0] == files[1]


def test_a_node_that_is_lost_changes_nothing(cluster: str, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("ray")), "start", "--address", cluster, "--num-cpus", "1", "--block"]
    node = subprocess.Popen(
        command,
        env={**os.environ, ray_support.DOOMED: "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while ray.cluster_resources()["CPU"] < 3:
            assert node.poll() is None, "the second node did not start"
            time.sleep(0.1)
        # The third worker has room on the second node only.
        tasks = [(number, tmp_path / "mark") for number in range(6)]
        done = list(RayEngine(3).run(always(ray_support.lose_the_node), tasks))
        assert sorted(done) == [(task, task[0]) for task in tasks]
    finally:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()


def test_a_machine_that_lacks_a_clip_is_named(tmp_path: Path) -> None:
    name, _ = brittle(tmp_path)
    conditions = Conditions(
        protocol=Protocol(),
        compute=Compute(torch.device("cpu"), torch.float32),
        measures=DEFAULT_MEASURES,
        tokens="off",
        reconstructions=None,
    )
    work = prepare_scorings([Scoring(load_tokenizer(name), conditions)], Worker(place="node-7"))
    clip = Clip(id="a", domain="", path=tmp_path / "a.mkv", kind="video")
    lost = f"{clip.path}: no such file; check the path on node-7, and let all nodes share it"
    assert work(ScoreTask("a", clip, (0,))) == [Failed(lost)]


def test_choices_that_do_not_go_together_are_refused(tokenbench: Command, tmp_path: Path) -> None:
    outcome = tokenbench("eval", "--address", "auto", "--out", tmp_path)
    assert outcome.code == 2
    assert outcome.message == "tokenbench: --address is that of a Ray cluster; give --engine ray with it"
    with pytest.raises(TokenBenchError, match="give --device cuda, or cpu"):
        chosen_engine("ray", 2, device="cuda:1")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere"])
def test_where_no_cluster_answers_is_said_at_once(address: str) -> None:
    code = f"from tokenbench.engine.ray import connect\nconnect({address!r}, cpus=None)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"TokenBenchError: no Ray cluster answers at {address} (" in run.stderr.splitlines()[-1]


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(TokenBenchError, match=r"pip install 'tokenbench\[ray\]'"):
        list(RayEngine(1).run(always(ray_support.square), [1]))

from __future__ import annotations

import pytest
from scaling_model import Machine, Stage, Work, demands, predict, workers_until_common

DECODE = Stage(name="decode", resource="cores", frame_ms=10, shared=True)
NETWORK = Stage(name="network", resource="gpus", frame_ms=30)
SAMPLE = Stage(name="sample", resource="worker", clip_ms=100)
JOURNAL = Stage(name="journal", resource="command", clip_ms=50)
READ = Stage(name="read", resource="storage", clip_ms=20, shared=True)
STAGES = (DECODE, NETWORK, SAMPLE, JOURNAL, READ)


def test_a_clip_demands_shared_stages_once_and_the_others_for_every_tokenizer() -> None:
    work = Work(clips=1, frames=100, tokenizers=3)

    assert demands(STAGES, work) == pytest.approx(
        {"cores": 1.0, "gpus": 9.0, "worker": 0.3, "command": 0.15, "storage": 0.02}
    )


def test_a_run_takes_its_busier_side_and_what_overlaps_with_nothing() -> None:
    machine = Machine(workers=1, cores=1, gpus=1, start=5, end=2)

    prediction = predict(STAGES, Work(clips=10, frames=100), machine)

    # A clip: 3 s of GPU, under which 1 s of decoding is hidden, and 0.1 s of its sample.
    assert prediction.seconds == pytest.approx(5 + 10 * 3.1 + 2)
    assert prediction.saturated == "gpus"
    assert prediction.busy["gpus"] == pytest.approx(30 / 38)


def test_decoding_is_waited_for_where_cores_are_few() -> None:
    machine = Machine(workers=8, cores=2, gpus=8)

    prediction = predict(STAGES[:2], Work(clips=8, frames=100), machine)

    assert prediction.seconds == pytest.approx(4)
    assert prediction.saturated == "cores"
    assert prediction.busy["cores"] == pytest.approx(1)


def test_the_last_round_may_leave_workers_without_a_clip() -> None:
    machine = Machine(workers=4, cores=4, gpus=4)

    assert predict([NETWORK], Work(clips=9, frames=100), machine).seconds == pytest.approx(3 * 3)


def test_storage_and_command_serve_all_workers() -> None:
    machine = Machine(workers=100, cores=100, gpus=100)
    work = Work(clips=1000, frames=100)

    prediction = predict(STAGES, work, machine)

    # 100 workers could do a clip in 0.031 s; the command takes 0.05 s to write one down.
    assert prediction.seconds == pytest.approx(50)
    assert prediction.saturated == "command"
    assert workers_until_common(STAGES, work, machine) == (pytest.approx(3.1 / 0.05), "command")


def test_tokenizers_apart_decode_and_start_again() -> None:
    machine = Machine(workers=1, cores=1, start=5, end=1)
    network = Stage(name="network", resource="cores", frame_ms=2)
    together = Work(clips=10, frames=100, tokenizers=3)

    assert predict([DECODE, network], together, machine).seconds == pytest.approx(5 + 10 * 1.6 + 3)
    apart = Work(clips=10, frames=100, tokenizers=3, together=False)
    assert predict([DECODE, network], apart, machine).seconds == pytest.approx(3 * (5 + 10 * 1.2 + 1))


def test_networks_on_gpus_need_some() -> None:
    with pytest.raises(ValueError, match="needs a GPU"):
        predict([NETWORK], Work(clips=1, frames=1), Machine(workers=1, cores=1))


def test_nothing_common_never_saturates() -> None:
    assert workers_until_common([DECODE], Work(clips=1, frames=1), Machine(workers=1, cores=1)) is None

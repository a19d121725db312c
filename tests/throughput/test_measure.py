"""One row, measured in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from throughput_support import write_strangers

from tokenbench.throughput.case import Case
from tokenbench.throughput.measure import measure


def silent(_: str) -> None:
    """Nobody listens."""


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    return write_strangers(tmp_path)


def row(tokenizer: object, **fields: Any) -> dict[str, Any]:
    return measure(Case(**{"tokenizer": str(tokenizer), "size": (64, 64), "warmup": 1, "repeats": 2, **fields}), silent)


def test_a_strangers_network_is_put_in_eval_mode_and_measured(strangers: Path) -> None:
    record = row(f"{strangers}:Small", frames=3, batch=2, repeats=4)
    assert record["status"] == "measured", record
    # 3 x 4 x 64 weights each way, 4 and 3 biases.
    assert record["tokenizer"]["parameters"] == 2 * 3 * 4 * 64 + 7
    assert record["input"] == {"size": [64, 64], "frames": 3, "batch": 2, "items": 6, "shape": [2, 3, 3, 64, 64]}
    # 2 clips x 3 frames x 64 tokens, each 4 channels of 3 x 64 products.
    assert record["flops"]["encode"] == 2 * (2 * 3 * 64) * 4 * (3 * 64)
    assert record["flops"]["decode"] == record["flops"]["encode"]
    assert [len(times) for times in record["repeats"].values()] == [4, 4]
    times = record["milliseconds"]
    assert record["per_second"] == pytest.approx(1000 / times["total"]["median"])
    for spread in times.values():
        assert spread["low"] <= spread["median"] <= spread["high"]
    assert "RSS" in record["memory"]["means"]
    assert record["machine"]["device"] == "cpu"
    assert record["environment"]["dtype"] == "float32"


def test_a_clip_is_padded_as_the_card_says_and_its_own_frames_are_counted() -> None:
    record = row("haar-4x8x8", frames=3, size=(60, 72), dtype="bfloat16")
    assert record["status"] == "measured", record
    assert record["input"]["shape"] == [1, 3, 5, 64, 72]
    assert record["input"]["items"] == 3


@pytest.mark.parametrize(("codec", "shape"), [("jpeg-q75", [2, 3, 64, 64]), ("h264-crf23", [2, 3, 5, 64, 64])])
def test_codecs_are_timed_and_their_operations_are_not_counted(codec: str, shape: list[int]) -> None:
    record = row(codec, frames=5, batch=2)
    assert record["status"] == "measured", record
    assert record["input"]["shape"] == shape
    assert record["flops"]["encode"] is None
    assert "codec" in record["flops"]["means"]
    assert record["compiled"] is False


def test_out_of_memory_is_a_row(strangers: Path) -> None:
    record = row(f"{strangers}:Greedy", frames=2)
    assert (record["status"], record["at"]) == ("out of memory", "first decode")
    assert record["error"] == "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB."
    assert record["tokenizer"]["parameters"] == 1543
    assert "milliseconds" not in record
    record = row(f"{strangers}:Boundless", frames=2)
    assert (record["status"], record["at"]) == ("out of memory", "first encode")


def test_any_other_error_is_one_line(strangers: Path) -> None:
    record = row(f"{strangers}:Broken")
    assert (record["status"], record["at"], record["error"]) == ("failed", "first decode", "ValueError: no way")
    record = row(f"{strangers}:Cropping", frames=2)
    assert record["error"] == "decode gave 1 x 3 x 2 x 64 x 63 for an input of 1 x 3 x 2 x 64 x 64"
    record = row(f"{strangers}:Missing")
    assert (record["status"], record["at"]) == ("failed", "making the tokenizer")
    assert "no such class" in record["error"]

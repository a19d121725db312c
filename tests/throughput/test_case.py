"""Which rows are measured for what is asked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from throughput_support import write_strangers

from tokenbench.errors import TokenBenchError
from tokenbench.readiness import readiness
from tokenbench.registry import registered
from tokenbench.throughput.case import Case, plan
from tokenbench.throughput.published import PaperTime, default_frames, paper_times


def test_every_combination_is_a_case_and_images_have_no_frames() -> None:
    cases = plan(["haar-8x8, haar-4x8x8"], sizes=[(64, 80)], frames=[5, 9], batches=[1, 2])
    assert [(case.tokenizer, case.size, case.frames, case.batch) for case in cases] == [
        ("haar-8x8", (64, 80), None, 1),
        ("haar-8x8", (64, 80), None, 2),
        ("haar-4x8x8", (64, 80), 5, 1),
        ("haar-4x8x8", (64, 80), 5, 2),
        ("haar-4x8x8", (64, 80), 9, 1),
        ("haar-4x8x8", (64, 80), 9, 2),
    ]


def test_a_tokenizer_that_is_named_twice_is_measured_once() -> None:
    assert plan(["haar-8x8,jpeg-q75", "haar-8x8"]) == [Case(tokenizer="haar-8x8"), Case(tokenizer="jpeg-q75")]


def test_weights_are_random_where_there_are_none() -> None:
    missing = next(name for name, card in registered().items() if readiness(card).state == "weights missing")
    assert plan([missing])[0].weights == "random"
    assert plan([missing], weights="some/folder")[0].weights == "some/folder"
    assert plan(["haar-8x8"])[0].weights is None


def test_the_arithmetic_is_that_of_the_device() -> None:
    assert plan(["haar-8x8"])[0].dtype == "float32"
    assert plan(["haar-8x8"], device="cuda:1")[0].dtype == "bfloat16"
    assert plan(["haar-8x8"], device="cuda", dtype="float16")[0].dtype == "float16"


def test_another_file_is_another_case(tmp_path: Path) -> None:
    file = write_strangers(tmp_path)
    case = plan([f"{file}:Small"])[0]
    assert case.file_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text(file.read_text() + "\n")
    assert plan([f"{file}:Small"])[0] != case


def test_unknown_names_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match=r"unknown tokenizer 'haar-9x9'.*haar-8x8"):
        plan(["haar-8x8,haar-9x9"])
    with pytest.raises(TokenBenchError, match=r"none\.py: cannot be read"):
        plan([f"{tmp_path}/none.py:Mine"])


def test_frames_are_those_of_the_published_row() -> None:
    cards = registered()
    # Table 9: 49 frames for CV4x8x8, 17 for the others; no row for CV8x8x8 and Allegro.
    assert default_frames("cosmos-cv-4x8x8", cards["cosmos-cv-4x8x8"].info) == 49
    assert default_frames("cogvideox-4x8x8", cards["cogvideox-4x8x8"].info) == 17
    assert default_frames("cosmos-cv-8x8x8", cards["cosmos-cv-8x8x8"].info) == 17
    assert default_frames("allegro-4x8x8", cards["allegro-4x8x8"].info) == 24


def test_published_rows_are_known_by_registered_names() -> None:
    times = paper_times()
    assert len(times) == 9
    assert times["flux-8x8"] == PaperTime(size=(1024, 1024), frames=1, milliseconds="242")
    assert times["cosmos-dv-4x8x8"].size == (720, 1280)
    assert times["omnitokenizer-vq-4x8x8"].milliseconds == "53.2"

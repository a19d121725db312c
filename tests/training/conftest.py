"""Small training data, shared by the tests of training."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenbench_cosmos.training.data import DataSettings, TrainingData, build_data


@pytest.fixture
def settings(folder: Path, tmp_path: Path) -> DataSettings:
    """Of a folder with videos of 14 and 11 frames, and a photograph."""
    return DataSettings(
        sources=(str(folder),),
        frames=4,
        height=32,
        width=48,
        batch=2,
        short_side=(40, 60),
        image_size=32,
        image_batch=3,
        image_short_side=(32, 64),
        workers=0,
        cache=str(tmp_path / "cache"),
    )


@pytest.fixture
def data(settings: DataSettings) -> TrainingData:
    return build_data(settings, seed=7)

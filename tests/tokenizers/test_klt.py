from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tests_support import Outcome, write_video
from torch import Tensor

from tokenbench.datasets.catalog import open_dataset
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.media.pixels import to_float
from tokenbench.registry import load_tokenizer
from tokenbench_baselines.haar import haar_basis
from tokenbench_baselines.klt import fit
from tokenbench_baselines.linear import patches_of

Command = Callable[..., Outcome]

SHIPPED = Path(__file__).parents[2] / "tokenizers/tokenbench_baselines/weights"
RECIPES = Path(__file__).parents[2] / "tokenizers/tokenbench_baselines/recipes"


@pytest.fixture(scope="module")
def video(carphone: NDArray[np.uint8]) -> Tensor:
    return to_float(carphone)


def test_the_directions_are_those_of_a_singular_value_decomposition(video: Tensor) -> None:
    mean, basis = fit(video.split(8, dim=2), (4, 8, 8), 5)
    patches = patches_of(video, (4, 8, 8)).flatten(0, 3).double().numpy()
    assert np.allclose(mean, patches.mean(0))
    _, _, directions = np.linalg.svd(patches - patches.mean(0), full_matrices=False)
    products = abs(basis.numpy() @ directions[:5].T)
    assert np.allclose(products, np.eye(5), atol=1e-6)


def test_no_other_projection_leaves_less_of_what_it_was_fitted_to(video: Tensor) -> None:
    mean, basis = fit([video], (4, 8, 8), 16)
    patches = patches_of(video, (4, 8, 8)).flatten(0, 3).double() - mean
    left = [(patches - patches @ rows.T @ rows).square().mean() for rows in (basis, haar_basis((4, 8, 8)))]
    assert left[0] < 0.9 * left[1]
    assert torch.allclose(basis @ basis.T, torch.eye(16, dtype=torch.float64), atol=1e-9)


def test_too_few_patches_are_refused(video: Tensor) -> None:
    with pytest.raises(TokenBenchError, match="6 patches are too few for 16"):
        fit([video[..., :4, :16, :24]], (4, 8, 8), 16)


@pytest.mark.parametrize("name", ["klt-4x8x8", "klt-8x8"])
def test_what_ships_was_fitted_to_nothing_that_is_judged_on(name: str) -> None:
    with safe_open(SHIPPED / f"{name}.safetensors", "pt") as file:
        fitted = set(json.loads(file.metadata()["clips_sha256"]))
    assert len(fitted) == {"klt-4x8x8": 20, "klt-8x8": 100}[name]
    assert not fitted & {clip.sha256 for clip in open_dataset("mini").clips}


def test_it_reconstructs_unseen_clips_better_than_haar(mini: dict[str, Clip], video: Tensor) -> None:
    picture = to_float(next(mini["chelsea"].chunks(1))[:, :296, :448])[:, :, 0]
    for names, original in ((("klt-4x8x8", "haar-4x8x8"), video[:, :, :21]), (("klt-8x8", "haar-8x8"), picture)):
        ours, haars = ((load_tokenizer(name).reconstruct(original) - original).square().mean() for name in names)
        assert ours < 0.9 * haars


def test_a_stream_is_one_pass_over_the_clip(video: Tensor) -> None:
    tokenizer = load_tokenizer("klt-4x8x8")
    stream = tokenizer.stream(fps=25)
    parts = [stream.push(video[:, :, :6]), stream.push(video[:, :, 6:21]), stream.flush()]
    streamed = torch.cat([part for part in parts if part.shape[2]], dim=2)
    assert torch.allclose(streamed, tokenizer.reconstruct(video[:, :, :21]), atol=1e-5)


def test_a_transform_is_trained_and_used(tmp_path: Path, carphone: NDArray[np.uint8], tokenbench: Command) -> None:
    write_video(tmp_path / "clips/a.mkv", carphone[:12, :72, :80])
    shutil.copytree(tmp_path / "clips", tmp_path / "again")
    sources = f'sources=["{tmp_path / "clips"}", "{tmp_path / "again"}"]'
    out = tmp_path / "out"
    outcome = tokenbench("train", RECIPES / "klt-4x8x8.toml", "--set", sources, "--out", out)
    assert outcome.code == 0, outcome.err
    tensors = load_file(out / "klt-4x8x8.safetensors")
    mean, basis = fit([to_float(carphone[:12, :72, :80])], (4, 8, 8), 16)
    assert torch.allclose(tensors["mean"], mean.float())
    assert torch.allclose(abs(tensors["basis"] @ basis.float().T), torch.eye(16), atol=1e-4)
    run = ("eval", "--tokenizer", "klt-4x8x8", "--dataset", tmp_path / "clips", "--out", tmp_path / "run")
    assert tokenbench(*run, "--weights", out / "klt-4x8x8.safetensors").code == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("sources=[]", "sources is empty"),
        ("tokenizer=klt-4x4x4", "expected one of klt-4x8x8, klt-8x8"),
        ("source=[]", "did you mean 'sources'"),
        ('sources=["mini"]', "must not be trained on"),
    ],
)
def test_a_recipe_that_will_not_do_is_refused(change: str, said: str, tmp_path: Path, tokenbench: Command) -> None:
    outcome = tokenbench("train", RECIPES / "klt-8x8.toml", "--set", change, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert said in outcome.err


def test_another_file_is_no_transform(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(TokenBenchError, match="cannot read the transform"):
        load_tokenizer("klt-8x8", weights=str(path))
    save_file({"mean": torch.zeros(3)}, path)
    with pytest.raises(TokenBenchError, match="holds no transform for klt-8x8"):
        load_tokenizer("klt-8x8", weights=str(path))

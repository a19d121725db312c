"""Files as they are published, whole and broken, into the discrete networks."""

from __future__ import annotations

import os
import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from vq_support import config_of, needs_state_dicts, published_tensors, small_card, small_network

from tokenbench import TokenBenchError
from tokenbench.registry import find_card
from tokenbench_baselines.vq.tokenizer import VQTokenizer, build

State = dict[str, Tensor]


def tensors(name: str) -> State:
    return {key: tensor.clone() for key, tensor in small_network(name).state_dict().items()}


def averages(state: State) -> State:
    return {f"model_ema.{key.replace('.', '')}": tensor for key, tensor in state.items()}


def load(name: str, path: Path) -> VQTokenizer:
    tokenizer = small_card(name).load(weights=str(path))
    assert isinstance(tokenizer, VQTokenizer)
    return tokenizer


def assert_holds(tokenizer: VQTokenizer, state: State) -> None:
    loaded = tokenizer.module.state_dict()
    assert loaded.keys() == state.keys()
    for key, tensor in state.items():
        assert torch.equal(loaded[key], tensor), key


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(TokenBenchError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


class Callback:
    """Lightning keeps what callbacks remember under their classes."""


class Touched:
    """Would make a folder if the file were believed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return shutil.copytree, (str(self.folder.parent), str(self.folder))


@pytest.mark.parametrize(
    "name",
    ["llamagen-16x16", "janus-16x16", "open-magvit2-8x8", "open-magvit2-video-4x8x8", "vqgan-f8-256", "ibq-262144"],
)
def test_a_full_sized_file_loads_strictly(name: str, tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in build(config_of(name)).state_dict().items()}
    # One stored number a tensor: shapes are full, the file is small.
    state = {key: torch.tensor(float(number)).expand(shape) for number, (key, shape) in enumerate(shapes.items())}
    if find_card(name).options["layout"].averaged:
        state |= averages(state)
    torch.save({"state_dict": state}, tmp_path / "weights.ckpt")
    module = find_card(name).load(weights=str(tmp_path / "weights.ckpt")).module  # type: ignore[attr-defined]
    assert {key: tensor.shape for key, tensor in module.state_dict().items()} == shapes
    for number, (key, tensor) in enumerate(module.state_dict().items()):
        assert tensor.flatten()[0] == number, key


@needs_state_dicts
def test_the_published_list_of_tensors_loads(tmp_path: Path) -> None:
    state = {key: torch.zeros(()).expand(shape) for key, shape in published_tensors("llamagen_vq16").items()}
    torch.save({"model": state}, tmp_path / "vq_ds16_c2i.pt")
    tokenizer = find_card("llamagen-16x16").load(weights=str(tmp_path))
    assert isinstance(tokenizer, VQTokenizer)
    assert tokenizer.provenance["weights"]["files"].keys() == {"vq_ds16_c2i.pt"}


@pytest.mark.parametrize("container", ["ema", "model", "state_dict", None])
def test_llamagens_containers_are_known_and_averages_come_first(container: str | None, tmp_path: Path) -> None:
    state = tensors("llamagen-8x8")
    content: dict[str, object] = {"model": {key: tensor + 1 for key, tensor in state.items()}} if container else {}
    content |= {container: state, "optimizer": {"state": {}}, "steps": 3} if container else state
    torch.save(content, tmp_path / "weights.pt")
    if container == "state_dict":
        state = {key: tensor + 1 for key, tensor in state.items()}
    assert_holds(load("llamagen-8x8", tmp_path / "weights.pt"), state)


def test_the_usage_of_codes_may_be_missing(tmp_path: Path) -> None:
    state = tensors("llamagen-8x8")
    del state["quantize.codebook_used"]
    torch.save({"model": state}, tmp_path / "weights.pt")
    assert_holds(load("llamagen-8x8", tmp_path / "weights.pt"), state | {"quantize.codebook_used": torch.zeros(100)})


def test_a_trainers_checkpoint_is_read_and_nothing_of_it_runs(tmp_path: Path) -> None:
    state = tensors("vqgan-f16-1024")
    folder = tmp_path / "copied"
    content = {
        "epoch": 3,
        "state_dict": {**state, "loss.discriminator.main.0.weight": torch.ones(2)},
        "callbacks": {Callback: {"best": Namespace(score=0.1)}},
        "hyper_parameters": Namespace(lr=1e-4, optimizer=Touched(folder)),
    }
    torch.save(content, tmp_path / "last.ckpt")
    tokenizer = load("vqgan-f16-1024", tmp_path / "last.ckpt")
    assert_holds(tokenizer, state)
    assert tokenizer.provenance["settings"] == {"weights": "as trained"}
    assert not folder.exists()


def test_a_file_that_asks_for_the_operating_system_is_refused(tmp_path: Path) -> None:
    class Command:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"state_dict": tensors("vqgan-f16-1024"), "x": Command()}, tmp_path / "last.ckpt")
    assert "holds more than tensors" in refusal(lambda: load("vqgan-f16-1024", tmp_path / "last.ckpt"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["open-magvit2-8x8", "ibq-1024"])
def test_moving_averages_take_the_place_of_the_weights(name: str, tmp_path: Path) -> None:
    state = tensors(name)
    content = {
        **{key: 3 * tensor for key, tensor in state.items()},
        **averages(state),
        "loss.logvar": torch.zeros(()),
        "model_ema.decay": torch.tensor(0.999),
        "model_ema.num_updates": torch.tensor(7),
        "model_ema.lossdiscriminatormain0weight": torch.ones(2),
    }
    path = tmp_path / "weights.ckpt"
    torch.save({"state_dict": content}, path)
    tokenizer = load(name, path)
    assert_holds(tokenizer, state)
    assert tokenizer.provenance["settings"] == {"weights": "moving averages"}
    save_file({key: tensor.clone() for key, tensor in content.items()}, tmp_path / "weights.safetensors")
    assert_holds(load(name, tmp_path / "weights.safetensors"), state)
    del content["model_ema.encoderconv_inweight"]
    torch.save({"state_dict": content}, path)
    assert "lacks model_ema.encoderconv_inweight;" in refusal(lambda: load(name, path))
    content |= {"model_ema.encoderconv_inweight": state["encoder.conv_in.weight"], "model_ema.other": torch.ones(1)}
    torch.save({"state_dict": content}, path)
    assert "holds model_ema.other, which this network has not" in refusal(lambda: load(name, path))


def test_a_file_without_averages_is_taken_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tensors("open-magvit2-8x8")
    torch.save({"state_dict": state}, tmp_path / "weights.ckpt")
    tokenizer = load("open-magvit2-8x8", tmp_path / "weights.ckpt")
    assert_holds(tokenizer, state)
    assert tokenizer.provenance["settings"] == {"weights": "as trained"}
    assert "holds no moving averages" in capsys.readouterr().err


def test_janus_is_found_inside_its_larger_model(tmp_path: Path) -> None:
    state = tensors("janus-16x16")
    larger = {f"model.vqmodel.{key}": tensor for key, tensor in state.items()}
    save_file(larger | {"model.language_model.norm.weight": torch.ones(2)}, tmp_path / "model.safetensors")
    assert_holds(load("janus-16x16", tmp_path), state)
    save_file(state, tmp_path / "model.safetensors")
    assert_holds(load("janus-16x16", tmp_path), state)


def missing(state: State) -> None:
    del state["encoder.mid.attn_1.q.bias"]


def unexpected(state: State) -> None:
    state["decoder.up.5.block.0.conv1.weight"] = torch.ones(3)


def other_shape(state: State) -> None:
    state["quantize.embedding.weight"] = torch.zeros(128, 16)


def other_kind(state: State) -> None:
    state["decoder.norm_out.weight"] = torch.ones(32, dtype=torch.int64)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (missing, "lacks encoder.mid.attn_1.q.bias;"),
        (unexpected, "holds decoder.up.5.block.0.conv1.weight, which this network has not;"),
        (other_shape, "quantize.embedding.weight is 128x16 of float32, expected 64x16 of float32;"),
        (other_kind, "decoder.norm_out.weight is 32 of int64, expected 32 of float32;"),
    ],
)
def test_what_does_not_fit_is_named(damage: Callable[[State], None], said: str, tmp_path: Path) -> None:
    state = tensors("vqgan-f16-1024")
    damage(state)
    torch.save({"state_dict": state}, tmp_path / "weights.ckpt")
    message = refusal(lambda: load("vqgan-f16-1024", tmp_path / "weights.ckpt"))
    assert said in message
    assert str(tmp_path) in message


def test_a_truncated_file_has_one_line(tmp_path: Path) -> None:
    path = tmp_path / "weights.ckpt"
    torch.save({"state_dict": tensors("vqgan-f16-1024")}, path)
    path.write_bytes(path.read_bytes()[:5000])
    assert "truncated" in refusal(lambda: load("vqgan-f16-1024", path))


def test_weights_on_no_hub_say_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path))
    message = refusal(lambda: find_card("vqgan-f16-16384").load())
    assert "vqgan_imagenet_f16_16384, linked in the README of github.com/CompVis/taming-transformers" in message
    assert str(tmp_path / "vqgan-f16-16384") in message
    folder = tmp_path / "vqgan-f16-1024"
    folder.mkdir()
    state = tensors("vqgan-f16-1024")
    torch.save({"state_dict": state}, folder / "last.ckpt")
    installed = small_card("vqgan-f16-1024").load()
    assert isinstance(installed, VQTokenizer)
    assert_holds(installed, state)
    torch.save({"state_dict": state}, folder / "older.ckpt")
    assert "holds 2 weight files (last.ckpt, older.ckpt)" in refusal(lambda: small_card("vqgan-f16-1024").load())


@pytest.mark.parametrize("name", ["llamagen-16x16", "open-magvit2-video-4x8x8"])
def test_random_weights_are_always_the_same(name: str) -> None:
    before = torch.get_rng_state()
    first, second = (small_card(name).load(weights="random") for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert isinstance(first, VQTokenizer)
    assert isinstance(second, VQTokenizer)
    assert_holds(first, second.module.state_dict())
    assert first.info.weights == "random initialisation"

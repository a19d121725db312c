from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from tokenbench import TokenBenchError, load_tokenizer
from tokenbench.errors import ClipError
from tokenbench.media.pixels import to_float
from tokenbench.registry import find_card
from tokenbench.tokenizer import Tokens

transformers = pytest.importorskip("transformers", reason="transformers is not installed")

NAME = "emu3-4x8x8"
NARROW = {"base_channels": 32, "hidden_size": 128}

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def network() -> Any:
    """The true class, 8 times narrower, with codes far enough apart to be told from each other."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return transformers.Emu3VQVAE(transformers.Emu3VQVAEConfig(**NARROW)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def native(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tokenizer alone, as the library saves it."""
    folder = tmp_path_factory.mktemp("native")
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def whole(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model with the tokenizer inside, in parts, as the library saves it."""
    folder = tmp_path_factory.mktemp("whole")
    sizes = {"hidden_size": 512, "intermediate_size": 8, "num_hidden_layers": 1}
    tokens = {"vocab_size": 4096, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    config = transformers.Emu3Config(
        vq_config=NARROW, text_config={**sizes, **tokens, **heads}, vocabulary_map={"<image>": 1}
    )
    model = transformers.Emu3ForConditionalGeneration(config)
    model.model.vqmodel.load_state_dict(network.state_dict())
    model.save_pretrained(folder, max_shard_size="4MB")
    return folder


@pytest.fixture
def clip(carphone: NDArray[np.uint8]) -> Tensor:
    """1 x 3 x 20 x 32 x 16 in [-1, 1]: upright, and with more latent frames than rows of the code grid."""
    return to_float(carphone[:20, :32, 60:76], torch.device("cpu"), torch.float32)


def test_codes_and_pixels_are_those_of_the_class_itself(network: Any, native: Path, clip: Tensor) -> None:
    tokenizer = load_tokenizer(NAME, weights=str(native))
    video = torch.cat([clip[:, :, :8], clip[:, :, 8:16]])
    # Pictures as large as this make the class give all of its codes.
    direct = network.encode(video.transpose(1, 2), torch.tensor([[512, 512]] * 2)).image_tokens
    tokens = tokenizer.encode(video)
    assert (tokens.data.shape, tokens.data.dtype) == ((2, 2, 4, 2), torch.int32)
    assert tokens.bits == 15 * 2 * 2 * 4 * 2
    assert torch.equal(tokens.data, torch.stack(direct).int())
    assert len(tokens.data.unique()) > 8
    reconstruction = tokenizer.decode(tokens)
    assert reconstruction.shape == video.shape
    assert torch.equal(reconstruction, network.decode(torch.stack(direct)).transpose(1, 2))


def test_no_codes_of_long_and_upright_clips_are_cropped(network: Any, native: Path, clip: Tensor) -> None:
    cropped = network.encode(clip.transpose(1, 2), torch.tensor([[32, 16]])).image_tokens[0]
    assert cropped.shape == (4, 2, 2)
    tokens = load_tokenizer(NAME, weights=str(native)).encode(clip)
    assert tokens.data.shape == (1, 5, 4, 2)
    assert torch.equal(tokens.data[0, :4, :2], cropped.int())


def test_a_photograph_is_four_equal_frames_of_which_the_first_is_kept(
    network: Any, native: Path, tmp_path: Path, folder: Path, tokenbench: Command, carphone: NDArray[np.uint8]
) -> None:
    for path in folder.iterdir():
        if path.name != "photo.png":
            path.unlink()
    options = ("--tokenizer", NAME, "--weights", native, "--dataset", folder, "--save-reconstructions")
    outcome = tokenbench("eval", *options, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["tokenizer"]["name"] == NAME
    picture = to_float(carphone[:1, :32, :48], torch.device("cpu"), torch.float32).squeeze(2)
    codes = network.encode(picture, torch.tensor([[32, 48]])).image_tokens[0]
    tokenizer = load_tokenizer(NAME, weights=str(native))
    tokens = tokenizer.encode(picture.unsqueeze(2).expand(-1, -1, 4, -1, -1))
    assert torch.equal(tokens.data[0, 0], codes.int())
    assert torch.equal(tokenizer.decode(tokens)[:, :, 0], network.decode(codes[None]))


def test_a_language_models_checkpoint_gives_its_tokenizer_alone(native: Path, whole: Path, clip: Tensor) -> None:
    places = json.loads((whole / "model.safetensors.index.json").read_text())["weight_map"]
    needed = {name for key, name in places.items() if "vqmodel" in key}
    others = set(places.values()) - needed
    assert len(needed) > 1
    assert others
    for name in others:
        (whole / name).rename(whole / f"{name}.away")
    tokenizer = load_tokenizer(NAME, weights=str(whole))
    assert tokenizer.provenance["weights"]["files"].keys() == needed | {"config.json", "model.safetensors.index.json"}
    alone = load_tokenizer(NAME, weights=str(native))
    for key, tensor in alone.module.state_dict().items():
        assert torch.equal(tokenizer.module.state_dict()[key], tensor), key
    video = clip[:, :, :4]
    assert torch.equal(tokenizer.encode(video).data, alone.encode(video).data)


def test_the_look_up_in_slices_gives_the_same_codes(
    native: Path, clip: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = load_tokenizer(NAME, weights=str(native))
    expected = tokenizer.encode(clip).data
    monkeypatch.setattr("tokenbench_baselines.emu3.tokenizer._POSITIONS_AT_ONCE", 1)
    assert torch.equal(tokenizer.encode(clip).data, expected)


def test_the_card_counts_the_parameters_of_the_published_network() -> None:
    with torch.device("meta"):
        module = transformers.Emu3VQVAE(transformers.Emu3VQVAEConfig())
    info = find_card(NAME).info
    assert sum(weight.numel() for weight in module.parameters()) == info.parameters
    assert info.bits_per_pixel == 15 / 256


def test_random_weights_are_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    published = transformers.Emu3VQVAEConfig.from_dict
    monkeypatch.setattr(transformers.Emu3VQVAEConfig, "from_dict", lambda found: published({**NARROW, **found}))
    state = torch.get_rng_state()
    first, second = (load_tokenizer(NAME, weights="random") for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert first.info.weights == "random initialisation"
    assert not first.module.training
    for ours, theirs in zip(first.module.state_dict().values(), second.module.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_half_precision_is_that_of_all_weights(native: Path, clip: Tensor) -> None:
    tokenizer = load_tokenizer(NAME, weights=str(native), dtype=torch.bfloat16)
    assert {weight.dtype for weight in tokenizer.module.parameters()} == {torch.bfloat16}
    assert tokenizer.reconstruct(clip[:, :, :4]).isfinite().all()


def test_sizes_that_the_network_does_not_take_are_refused(native: Path) -> None:
    tokenizer = load_tokenizer(NAME, weights=str(native))
    with pytest.raises(ClipError, match="pad T x H x W to 8 x 16 x 16"):
        tokenizer.encode(torch.zeros(1, 3, 5, 16, 12))
    with pytest.raises(TokenBenchError, match="decodes codes 0 to 32767, got 0 to 32768"):
        tokenizer.decode(Tokens(torch.tensor([[[[0, 32768]]]]), None))


def test_weights_that_are_not_its_own_are_refused_by_name(native: Path, tmp_path: Path) -> None:
    state = load_file(native / "model.safetensors")
    config = json.loads((native / "config.json").read_text())

    def refusal(tensors: dict[str, Tensor], said: object) -> str:
        save_file(tensors, tmp_path / "model.safetensors")
        (tmp_path / "config.json").write_text(json.dumps(said))
        with pytest.raises(TokenBenchError) as error:
            load_tokenizer(NAME, weights=str(tmp_path))
        assert "\n" not in str(error.value)
        return str(error.value)

    key = "quant_conv.conv.bias"
    assert f"lacks {key}; take the weights" in refusal({k: v for k, v in state.items() if k != key}, config)
    assert "holds extra, which this network has not" in refusal({**state, "extra": torch.zeros(1)}, config)
    assert f"{key} is 5 of float32, expected 4 of float32" in refusal({**state, key: torch.zeros(5)}, config)
    assert "describes 64 codes of 4x8x8 pixels, which emu3-4x8x8 has not" in refusal(
        state, {**config, "codebook_size": 64}
    )
    assert "describes no Emu3VQVAE" in refusal(state, {**config, "channel_multiplier": "wide"})
    (tmp_path / "model.safetensors").unlink()
    elsewhere, nowhere = "which is no weight file beside it", "says not where tensors are"
    for name, message in (("../model.safetensors", elsewhere), (7, nowhere)):
        index = {"weight_map": {"vqmodel.quant_conv.conv.bias": name}}
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
        with pytest.raises(TokenBenchError, match=message):
            load_tokenizer(NAME, weights=str(tmp_path))

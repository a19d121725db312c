"""Weights in the forms that they are published in, whole and broken, into the Cosmos video tokenizer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tokenbench import TokenBenchError, load_tokenizer
from tokenbench.registry import find_card
from tokenbench.tokenizer import Card
from tokenbench.weights import sha256_of, sha256_of_files
from tokenbench_cosmos.loading import load_strictly, read_checkpoint
from tokenbench_cosmos.network import CosmosVideoAutoencoder, VideoConfig
from tokenbench_cosmos.tokenizer import CosmosVideoTokenizer

NAME = "cosmos-cv-4x8x8"
FULL = VideoConfig(compression=(4, 8, 8), channel_multipliers=(2, 4))
SMALL = replace(FULL, channels=8)

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def small_card() -> Card:
    card = find_card(NAME)
    return replace(card, options={**card.options, "channels": SMALL.channels})


@pytest.fixture
def released() -> State:
    """A small network's tensors as a release holds them."""
    return in_bfloat16(SMALL)


def in_bfloat16(config: VideoConfig) -> State:
    torch.manual_seed(1)
    return dict(CosmosVideoAutoencoder(config).bfloat16().state_dict())


def legacy_extra(config: VideoConfig) -> State:
    """Temporal convolutions that the files of November 2024 own and do not use (section 1.4)."""
    fine, coarse = config.widths
    return {
        "encoder.down.0.downsample.conv2.conv3d.weight": torch.ones(fine, fine, 3, 1, 1, dtype=torch.bfloat16),
        "encoder.down.0.downsample.conv2.conv3d.bias": torch.ones(fine, dtype=torch.bfloat16),
        "decoder.up.1.upsample.conv1.conv3d.weight": torch.ones(coarse, coarse, 3, 1, 1, dtype=torch.bfloat16),
        "decoder.up.1.upsample.conv1.conv3d.bias": torch.ones(coarse, dtype=torch.bfloat16),
    }


def save_torchscript(path: Path, state: State) -> None:
    """Trace a module that holds these tensors under these names."""
    root = nn.Identity()
    for key, tensor in state.items():
        *parents, leaf = key.split(".")
        module: nn.Module = root
        for name in parents:
            if name not in dict(module.named_children()):
                module.add_module(name, nn.Identity())
            module = module.get_submodule(name)
        module.register_buffer(leaf, tensor)
    torch.jit.trace(root, torch.zeros(1)).save(str(path))


def save_halves(folder: Path, state: State) -> None:
    encoder = ("encoder.", "quant_conv.")
    save_torchscript(folder / "encoder.jit", {k: v for k, v in state.items() if k.startswith(encoder)})
    save_torchscript(folder / "decoder.jit", {k: v for k, v in state.items() if not k.startswith(encoder)})


def load(card: Card, weights: Path, dtype: torch.dtype = torch.float32) -> CosmosVideoTokenizer:
    tokenizer = card.load(weights=str(weights), dtype=dtype)
    assert isinstance(tokenizer, CosmosVideoTokenizer)
    return tokenizer


def assert_holds(tokenizer: CosmosVideoTokenizer, state: State, dtype: torch.dtype = torch.float32) -> None:
    loaded = tokenizer.module.state_dict()
    assert loaded.keys() == state.keys()
    for key, tensor in state.items():
        assert loaded[key].dtype == (dtype if tensor.is_floating_point() else tensor.dtype)
        assert torch.equal(loaded[key].to(tensor.dtype), tensor)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(TokenBenchError) as error:
        call()
    message = str(error.value)
    assert "\n" not in message
    return message


def test_released_file_loads_by_name(tmp_path: Path) -> None:
    state = in_bfloat16(FULL)
    save_torchscript(tmp_path / "autoencoder.jit", {**state, **legacy_extra(FULL)})
    tokenizer = load_tokenizer(NAME, weights=str(tmp_path))
    assert isinstance(tokenizer, CosmosVideoTokenizer)
    assert_holds(tokenizer, state)
    assert tokenizer.weights_sha256 == sha256_of(tmp_path / "autoencoder.jit")
    assert tokenizer.info == find_card(NAME).info
    assert not tokenizer.module.training
    assert not any(parameter.requires_grad for parameter in tokenizer.module.parameters())
    clip = torch.rand(1, 3, 5, 16, 16)
    assert tokenizer.reconstruct(clip).shape == clip.shape


def test_halves_make_the_whole(tmp_path: Path, small_card: Card, released: State) -> None:
    save_halves(tmp_path, {**released, **legacy_extra(SMALL)})
    tokenizer = load(small_card, tmp_path)
    assert_holds(tokenizer, released)
    assert tokenizer.weights_sha256 == sha256_of_files([tmp_path / "encoder.jit", tmp_path / "decoder.jit"])
    assert_holds(load(small_card, tmp_path / "encoder.jit"), released)


def test_half_alone_is_refused(tmp_path: Path, small_card: Card, released: State) -> None:
    save_halves(tmp_path, released)
    (tmp_path / "decoder.jit").unlink()
    assert "looked for autoencoder.jit, or encoder.jit + decoder.jit" in refusal(lambda: load(small_card, tmp_path))


def test_halves_that_disagree_are_refused(tmp_path: Path, released: State) -> None:
    save_halves(tmp_path, released)
    save_torchscript(tmp_path / "other.jit", {"quant_conv.conv3d.bias": torch.full((16,), 7.0)})
    message = refusal(lambda: read_checkpoint([tmp_path / "encoder.jit", tmp_path / "other.jit"]))
    assert "differ in quant_conv.conv3d.bias" in message


def test_quantiser_of_a_decoder_is_the_whole_networks(tmp_path: Path) -> None:
    levels = torch.tensor([8, 8, 8, 5, 5, 5], dtype=torch.int32)
    save_torchscript(tmp_path / "encoder.jit", {"quantizer._levels": levels})
    save_torchscript(tmp_path / "decoder.jit", {"inv_quant.quantizer._levels": levels})
    state = read_checkpoint([tmp_path / "encoder.jit", tmp_path / "decoder.jit"])
    assert state.keys() == {"quantizer._levels"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_plain_state_dicts_load(
    tmp_path: Path, small_card: Card, released: State, suffix: str, dtype: torch.dtype
) -> None:
    path = tmp_path / f"weights{suffix}"
    content = {**released, **legacy_extra(SMALL)}
    torch.save(content, path) if suffix == ".pt" else save_file(content, path)
    assert_holds(load(small_card, path, dtype), released, dtype)


def test_default_place_is_searched(
    tmp_path: Path, small_card: Card, released: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path))
    (tmp_path / NAME).mkdir()
    save_file(released, tmp_path / NAME / "autoencoder.safetensors")
    assert_holds(small_card.load(), released)  # type: ignore[arg-type]


def test_missing_weights_say_where_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path))
    message = refusal(lambda: load_tokenizer(NAME))
    for part in (
        NAME,
        str(tmp_path / NAME),
        "autoencoder.jit",
        "nvidia/Cosmos-0.1-Tokenizer-CV4x8x8",
        "NVIDIA Open Model License",
        "--weights PATH",
    ):
        assert part in message


def test_tap_of_the_file_is_used_unless_the_exact_one_is_asked_for(
    tmp_path: Path, small_card: Card, released: State
) -> None:
    torch.save(released, tmp_path / "weights.pt")
    module = load(small_card, tmp_path / "weights.pt").module
    assert module.encoder.patcher3d.wavelets.tolist() == [0.70703125, 0.70703125]
    exact = replace(small_card, options={**small_card.options, "exact_haar": True})
    module = load(exact, tmp_path / "weights.pt").module
    for wavelet in (module.encoder.patcher3d, module.decoder.unpatcher3d):
        torch.testing.assert_close(wavelet.wavelets, torch.full((2,), 0.5).sqrt())


def missing(state: State) -> None:
    del state["decoder.mid.attn_1.1.q.conv3d.bias"]


def unexpected(state: State) -> None:
    state["quantizer._levels"] = torch.ones(6, dtype=torch.int32)


def other_shape(state: State) -> None:
    state["quant_conv.conv3d.weight"] = torch.zeros(6, 16, 1, 1, 1)


def other_kind(state: State) -> None:
    state["encoder.norm_out.norm.bias"] = torch.zeros(32, dtype=torch.int64)


def rearranged(state: State) -> None:
    state["encoder.patcher3d.wavelets"] = torch.ones(2, dtype=torch.bfloat16)


def third_level(state: State) -> None:
    state["encoder.down.2.block.0.norm1.norm.weight"] = torch.ones(32)
    state["encoder.down.2.block.0.norm1.norm.bias"] = torch.ones(32)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (missing, "lacks decoder.mid.attn_1.1.q.conv3d.bias;"),
        (unexpected, "holds quantizer._levels,"),
        (other_shape, "quant_conv.conv3d.weight is 6x16x1x1x1, expected 16x16x1x1x1"),
        (other_kind, "encoder.norm_out.norm.bias is torch.int64, expected torch.float32"),
        (rearranged, "encoder.patcher3d.wavelets is [1.0, 1.0], expected 1/sqrt(2)"),
        (third_level, "holds encoder.down.2.block.0.norm1.norm.weight (and 1 more),"),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, small_card: Card, released: State, damage: Callable[[State], None], said: str
) -> None:
    path = tmp_path / "weights.pt"
    damage(released)
    torch.save(released, path)
    message = refusal(lambda: load(small_card, path))
    assert str(path) in message
    assert said in message


def test_truncated_file_is_refused(tmp_path: Path, small_card: Card, released: State) -> None:
    path = tmp_path / "autoencoder.jit"
    save_torchscript(path, released)
    path.write_bytes(path.read_bytes()[:100_000])
    assert f"cannot read weights {path} (100000 bytes): truncated" in refusal(lambda: load(small_card, tmp_path))


def test_loading_does_not_disturb_the_generator(tmp_path: Path, small_card: Card, released: State) -> None:
    torch.save(released, tmp_path / "weights.pt")
    state = torch.get_rng_state()
    load(small_card, tmp_path / "weights.pt")
    assert torch.equal(torch.get_rng_state(), state)


def test_loaded_network_computes_what_the_saved_one_did(tmp_path: Path, small_card: Card) -> None:
    torch.manual_seed(2)
    module = CosmosVideoAutoencoder(SMALL).eval()
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    clip = torch.rand(1, 3, 5, 16, 16)
    with torch.no_grad():
        expected = module(clip)
    torch.testing.assert_close(load(small_card, tmp_path / "weights.pt").reconstruct(clip), expected, rtol=0, atol=1e-5)


def test_load_strictly_fills_a_module_in_place_of_meta_tensors(released: State) -> None:
    with torch.device("meta"):
        module = CosmosVideoAutoencoder(SMALL)
    load_strictly(module, released, dtype=torch.float64, source="here")
    assert {tensor.device.type for tensor in module.state_dict().values()} == {"cpu"}
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float64}

"""Weights in the forms that they are published in, whole and broken, into the Cosmos video tokenizer."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from cosmos_support import config_of, pixels_for, relative_error, small_card, small_config, small_network
from safetensors.torch import save_file
from torch import Tensor, nn

from tokenbench import TokenBenchError, load_tokenizer
from tokenbench.registry import find_card
from tokenbench.tokenizer import Card
from tokenbench.weights import sha256_of, sha256_of_files
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.causal import CausalConv3d, CausalIdentity
from tokenbench_cosmos.checkpoint import Checkpoint, read_checkpoint
from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.export import export
from tokenbench_cosmos.loading import fill
from tokenbench_cosmos.tokenizer import CosmosTokenizer, CosmosVideoTokenizer

NAME = "cosmos-cv-4x8x8"
FULL = config_of(NAME)
SMALL = small_config(NAME)

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")

State = dict[str, Tensor]


@pytest.fixture(scope="module", name="small_card")
def narrow_card() -> Card:
    return small_card(NAME)


@pytest.fixture
def released() -> State:
    """A small network's tensors as a release holds them."""
    return in_bfloat16(SMALL)


def in_bfloat16(config: CosmosConfig) -> State:
    torch.manual_seed(1)
    return dict(CosmosAutoencoder(config).bfloat16().state_dict())


def legacy_extra(config: CosmosConfig) -> State:
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
    assert state.state.keys() == {"quantizer._levels"}


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
    message = refusal(lambda: load_tokenizer(NAME, weights=str(tmp_path / "nowhere")))
    for part in (
        NAME,
        str(tmp_path / "nowhere"),
        "autoencoder.jit",
        "nvidia/Cosmos-0.1-Tokenizer-CV4x8x8",
        "NVIDIA Open Model License",
        "--weights",
    ):
        assert part in message


def test_tap_of_the_file_is_used_unless_another_one_is_asked_for(
    tmp_path: Path, small_card: Card, released: State
) -> None:
    torch.save(released, tmp_path / "weights.pt")
    weights = str(tmp_path / "weights.pt")
    for wavelet, tap, said in (
        ("file", 0.70703125, "0.70703125 (file)"),
        ("exact", math.sqrt(0.5), "0.70710677 (exact)"),
        ("bfloat16", 0.70703125, "0.70703125 (bfloat16)"),
    ):
        tokenizer = small_card.load(weights=weights, wavelet=wavelet, dtype=torch.bfloat16)
        assert isinstance(tokenizer, CosmosVideoTokenizer)
        for part in (tokenizer.module.encoder.patcher3d, tokenizer.module.decoder.unpatcher3d):
            assert part.wavelets.tolist() == pytest.approx([tap, tap], rel=1e-7)
        assert tokenizer.provenance["settings"]["wavelet"] == said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"wavelet": "haar"}, "wavelet is 'haar', expected one of file, exact, bfloat16"),
        ({"groups": "many"}, "groups is 'many', expected a whole number"),
        ({"legacy_upsampling": 1}, "legacy_upsampling is 1, expected true or false"),
        ({"exact_haar": True}, "has no setting 'exact_haar'; its settings are: groups, wavelet, legacy_upsampling"),
    ],
)
def test_wrong_settings_are_named(small_card: Card, settings: dict[str, object], said: str) -> None:
    assert said in refusal(lambda: small_card.load(weights="random", **settings))


def with_owned_samplers(name: str, *, legacy: bool) -> CosmosAutoencoder:
    """A network whose samplers own all three convolutions, as those of November 2024 do."""
    module = CosmosAutoencoder(replace(small_config(name), legacy_upsampling=legacy)).eval()
    for level in module.decoder.up[1:]:
        width = level.block[0].conv1[0].conv3d.out_channels
        if isinstance(level.upsample, CausalIdentity):
            # Silent: one that does nothing.
            level.upsample = Idle()
        for part, kernel in (("conv1", (3, 1, 1)), ("conv2", (1, 3, 3)), ("conv3", (1, 1, 1))):
            if not hasattr(level.upsample, part):
                setattr(level.upsample, part, CausalConv3d(width, width, kernel))
    return module


class Idle(nn.Module):
    def forward(self, x: Tensor, past: object = None) -> Tensor:
        return x


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", ["cosmos-cv-8x16x16", "cosmos-cv-8x8x8"])
def test_order_of_upsampling_is_read_from_the_archives_code(tmp_path: Path, name: str, legacy: bool) -> None:
    torch.manual_seed(3)
    module = with_owned_samplers(name, legacy=legacy)
    paths = export(module, "jit", tmp_path)
    tokenizer = small_card(name).load(weights=str(paths[2]))
    assert isinstance(tokenizer, CosmosVideoTokenizer)
    settings = tokenizer.provenance["settings"]
    assert (settings["legacy_upsampling"], settings["legacy_upsampling_from"]) == (legacy, "file")
    clip = pixels_for(module.config, groups=1)
    with torch.no_grad():
        assert relative_error(tokenizer.reconstruct(clip), module(clip)) < 1e-5
    message = refusal(lambda: small_card(name).load(weights=str(paths[2]), legacy_upsampling=not legacy))
    assert f"its code has legacy_upsampling = {legacy}" in message


@pytest.mark.parametrize("groups", [1, 4])
def test_groups_are_read_from_the_archives_code(tmp_path: Path, groups: int) -> None:
    card = small_card("cosmos-di-16x16")
    module = CosmosAutoencoder(replace(card.options["config"], groups=groups)).eval()
    paths = export(module, "jit", tmp_path)
    tokenizer = card.load(weights=str(tmp_path))
    assert isinstance(tokenizer, CosmosTokenizer)
    assert tokenizer.provenance["settings"] == {
        "groups": groups,
        "groups_from": "file",
        "wavelet": "0.70710677 (file)",
    }
    pixels = pixels_for(module.config)
    assert torch.equal(tokenizer.encode(pixels).data, module.encode(pixels))
    assert f"has groups = {groups}, not 2" in refusal(lambda: card.load(weights=str(paths[2]), groups=2))


def test_groups_of_a_plain_state_dict_are_the_published_ones_unless_stated(tmp_path: Path) -> None:
    card = small_card("cosmos-ci-8x8")
    module = CosmosAutoencoder(replace(card.options["config"], groups=2)).eval()
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    stated = card.load(weights=str(tmp_path / "weights.pt"), groups=2)
    silent = card.load(weights=str(tmp_path / "weights.pt"))
    assert isinstance(stated, CosmosTokenizer)
    assert isinstance(silent, CosmosTokenizer)
    assert stated.provenance["settings"]["groups_from"] == "setting"
    assert silent.provenance["settings"]["groups_from"] == "published code"
    assert silent.module.config.groups == 4
    pixels = pixels_for(module.config)
    with torch.no_grad():
        assert relative_error(stated.reconstruct(pixels), module(pixels)) < 1e-5
        assert relative_error(silent.reconstruct(pixels), module(pixels)) > 1e-3


@pytest.mark.parametrize("name", ["cosmos-tokenize1-dv-4x8x8-360p", "cosmos-tokenize1-ci-8x8-360p"])
@pytest.mark.parametrize("averaged", [True, False])
def test_training_checkpoints_load_with_their_averages(tmp_path: Path, name: str, averaged: bool) -> None:
    module = small_network(name)
    learned = dict(module.named_parameters())
    network = {f"network.{key}": torch.zeros_like(tensor) if averaged else tensor for key, tensor in learned.items()}
    averages = {f"ema.network-{key.replace('.', '-')}": tensor for key, tensor in learned.items()} if averaged else {}
    checkpoint = {
        "model": {**network, **averages},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]},
        "scheduler": {"last_epoch": 3},
        "grad_scaler": {"scale": 65536.0},
        "iteration": 3,
    }
    torch.save(checkpoint, tmp_path / "model.pt")
    tokenizer = small_card(name).load(weights=str(tmp_path))
    assert isinstance(tokenizer, CosmosTokenizer)
    pixels = pixels_for(module.config, groups=1)
    assert relative_error(tokenizer.module.latent(pixels), module.latent(pixels)) < 1e-5
    del checkpoint["model"][next(iter(averages or network))]
    torch.save(checkpoint, tmp_path / "model.pt")
    assert "lacks encoder.conv_in" in refusal(lambda: small_card(name).load(weights=str(tmp_path)))


@pytest.mark.parametrize("name", ["cosmos-ci-16x16", "cosmos-di-8x8", "cosmos-cv-8x8x8", "cosmos-dv-8x16x16"])
def test_every_family_loads_from_the_two_released_halves(tmp_path: Path, name: str) -> None:
    module = small_network(name).bfloat16()
    encoder = ("encoder.", "quant_conv.", "quantizer.")
    decoder = ("decoder.", "post_quant_conv.", "quantizer.")
    state = module.state_dict()
    save_torchscript(tmp_path / "encoder.jit", {k: v for k, v in state.items() if k.startswith(encoder)})
    renamed = {f"inv_quant.{k}" if k.startswith("quantizer.") else k: v for k, v in state.items()}
    part = {k: v for k, v in renamed.items() if k.removeprefix("inv_quant.").startswith(decoder)}
    save_torchscript(tmp_path / "decoder.jit", part)
    tokenizer = small_card(name).load(weights=str(tmp_path))
    assert isinstance(tokenizer, CosmosTokenizer)
    loaded = tokenizer.module.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key].to(state[key].dtype), state[key]) for key in state)
    provenance = tokenizer.provenance["weights"]
    assert provenance["source"] == str(tmp_path)
    assert set(provenance["files"]) == {"encoder.jit", "decoder.jit"}
    assert tokenizer.weights_sha256 == provenance["sha256"]


def test_quantiser_of_another_network_is_refused(tmp_path: Path) -> None:
    state = dict(small_network("cosmos-dv-8x8x8").state_dict())
    state["quantizer._levels"] = torch.tensor([8, 8, 8, 6, 5, 5], dtype=torch.int32)
    torch.save(state, tmp_path / "weights.pt")
    message = refusal(lambda: small_card("cosmos-dv-8x8x8").load(weights=str(tmp_path / "weights.pt")))
    assert "quantizer._levels has other values than this network" in message


def test_weights_of_another_variant_are_refused(tmp_path: Path) -> None:
    torch.save(small_network("cosmos-cv-8x16x16").state_dict(), tmp_path / "weights.pt")
    message = refusal(lambda: small_card("cosmos-cv-8x8x8").load(weights=str(tmp_path / "weights.pt")))
    assert "take the weights of this very tokenizer" in message


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
    module = CosmosAutoencoder(SMALL).eval()
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    clip = torch.rand(1, 3, 5, 16, 16)
    with torch.no_grad():
        expected = module(clip)
    torch.testing.assert_close(load(small_card, tmp_path / "weights.pt").reconstruct(clip), expected, rtol=0, atol=1e-5)


def test_fill_replaces_meta_tensors(released: State) -> None:
    with torch.device("meta"):
        module = CosmosAutoencoder(SMALL)
    fill(module, Checkpoint("here", released), dtype=torch.float64)
    assert {tensor.device.type for tensor in module.state_dict().values()} == {"cpu"}
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float64}

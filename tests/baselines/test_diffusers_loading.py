"""Networks of diffusers from every form that their files have, whole and broken."""

from __future__ import annotations

import copy
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tokenbench.errors import TokenBenchError
from tokenbench.tokenizer import TokenizerInfo
from tokenbench.weights import HubSource, sha256_of
from tokenbench_baselines.diffusers_models.files import layouts
from tokenbench_baselines.diffusers_models.loading import diffusers_class, load_module

diffusers = pytest.importorskip("diffusers", reason="pip install tokenbench[diffusers]")

CONFIG = {
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
    "block_out_channels": [4, 8],
    "layers_per_block": 1,
    "latent_channels": 4,
    "norm_num_groups": 2,
}
INFO = TokenizerInfo(
    name="net-2x2",
    kind="continuous",
    modality="image",
    compression=(1, 2, 2),
    latent_channels=4,
    weights="huggingface: owner/net",
    license="MIT",
)
COMMIT = "abcdef1" + "1" * 33
HUB = HubSource(repository="owner/net", revision=COMMIT, file_sets=layouts("vae", "released.safetensors"))
SAFETENSORS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(1)
    return diffusers.AutoencoderKL(**CONFIG).eval()


def load(weights: Path | str | None, **given: Any) -> tuple[Any, dict[str, Any]]:
    settings: dict[str, Any] = {
        "class_name": "AutoencoderKL",
        "config": CONFIG,
        "device": torch.device("cpu"),
        "dtype": torch.float32,
        "hub": HUB,
    }
    module, _, provenance = load_module(INFO, weights=weights, **{**settings, **given})
    return module, provenance


def refusal(weights: Path | str | None, **given: Any) -> str:
    with pytest.raises(TokenBenchError) as caught:
        load(weights, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_same(module: Any, network: Any) -> None:
    found, wanted = module.state_dict(), network.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize("subfolder", ["", "vae"])
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"safe_serialization": False},
        {"max_shard_size": "8KB"},
        {"safe_serialization": False, "max_shard_size": "8KB"},
    ],
)
def test_what_the_library_saves_is_loaded(network: Any, subfolder: str, form: dict[str, Any], tmp_path: Path) -> None:
    network.save_pretrained(tmp_path / subfolder, **form)
    module, provenance = load(tmp_path)
    assert_same(module, network)
    files = provenance["weights"]["files"]
    assert {name: sha256_of(tmp_path / subfolder / name) for name in files} == files
    assert {"config.json"} < set(files)
    assert (len(files) > 2) == ("max_shard_size" in form)
    assert provenance["settings"]["config"] == "config.json"
    assert not any(weight.requires_grad for weight in module.parameters())
    assert not module.training


def test_the_configuration_beside_the_weights_is_taken(tmp_path: Path) -> None:
    wider = diffusers.AutoencoderKL(**{**CONFIG, "block_out_channels": [8, 8]})
    wider.save_pretrained(tmp_path)
    module, _ = load(tmp_path)
    assert_same(module, wider)


def test_a_lone_file_takes_the_configuration_of_the_card(network: Any, tmp_path: Path) -> None:
    path = tmp_path / "diffusion_pytorch_model.fp16.safetensors"
    save_file({key: tensor.half() for key, tensor in network.state_dict().items()}, path)
    module, provenance = load(path)
    assert provenance["settings"]["config"] == "card"
    assert {tensor.dtype for tensor in module.state_dict().values()} == {torch.float32}
    assert_same(module, copy.deepcopy(network).half().float())


# Patterns of the library's names, and what latent diffusion's own code calls them.
RELEASED = [
    (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.to_([qkv])", r"mid.attn_1.\1"),
    (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
    (r"conv_norm_out", "norm_out"),
    (r"conv_shortcut", "nin_shortcut"),
    (r"down_blocks\.(\d)\.resnets", r"down.\1.block"),
]


def released_name(key: str) -> str:
    for pattern, name in RELEASED:
        key = re.sub(pattern, name, key)
    # Levels of the decoder are counted from the finest.
    key = re.sub(r"up_blocks\.(\d)\.resnets", lambda found: f"up.{1 - int(found[1])}.block", key)
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{1 - int(found[1])}.upsample", key)


def test_a_file_as_the_authors_released_it_is_converted(network: Any, tmp_path: Path) -> None:
    state = {released_name(key): tensor for key, tensor in network.state_dict().items()}
    assert "decoder.up.1.block.0.nin_shortcut.weight" in state or "encoder.down.1.block.0.nin_shortcut.weight" in state
    kernels = {
        key: tensor[:, :, None, None] if "attn_1" in key and tensor.dim() == 2 else tensor
        for key, tensor in state.items()
    }
    save_file(kernels, tmp_path / "released.safetensors")
    for weights in (tmp_path, tmp_path / "released.safetensors"):
        module, provenance = load(weights)
        assert_same(module, network)
        assert provenance["settings"]["config"] == "card"


def test_a_state_dict_under_names_of_its_own_is_prepared(network: Any, tmp_path: Path) -> None:
    named = {f"net.{key}": tensor for key, tensor in network.state_dict().items()} | {"loss.weight": torch.ones(1)}
    torch.save({"state_dict": named}, tmp_path / "released.ckpt")

    def prepare(state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {key[4:]: tensor for key, tensor in state.items() if key.startswith("net.")}

    module, _ = load(tmp_path / "released.ckpt", prepare=prepare)
    assert_same(module, network)


def test_names_that_attention_had_before_are_understood(network: Any, tmp_path: Path) -> None:
    network.save_pretrained(tmp_path)
    state = load_file(tmp_path / SAFETENSORS)
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for new, name in old.items():
        state = {key.replace(f".{new}.", f".{name}."): tensor for key, tensor in state.items()}
    assert "encoder.mid_block.attentions.0.proj_attn.bias" in state
    save_file(state, tmp_path / SAFETENSORS)
    assert_same(load(tmp_path)[0], network)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the repository's commit in the hub client's cache; there is no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "installed"))
    return tmp_path / "hub" / "models--owner--net" / "snapshots" / COMMIT


@pytest.mark.parametrize("form", [{}, {"max_shard_size": "8KB"}])
def test_weights_of_the_hub_come_from_its_cache(
    network: Any, form: dict[str, Any], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network.save_pretrained(cache / "vae", **form)
    for weights in (None, "hf:owner/net", f"hf:owner/net@{COMMIT[:7]}"):
        module, provenance = load(weights)
        assert_same(module, network)
        assert provenance["weights"]["source"] == "hf:owner/net"
        assert provenance["weights"]["revision"] == COMMIT
    assert capsys.readouterr().err == ""
    if form:
        next((cache / "vae").glob("*-00001-of-*")).unlink()
        assert "offline mode" in refusal(None)


def test_the_licence_is_shown_before_a_download(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refusal(None)
    assert "owner/net" in message
    assert "offline mode" in message
    assert capsys.readouterr().err == "tokenbench: net-2x2 needs huggingface: owner/net, under the licence MIT\n"
    # Of other weights nothing is known.
    assert "other/net" in refusal("hf:other/net")
    assert capsys.readouterr().err == ""


def test_weights_that_are_installed_come_before_those_of_the_hub(network: Any, cache: Path, tmp_path: Path) -> None:
    network.save_pretrained(tmp_path / "installed" / INFO.name)
    module, _ = load(None)
    assert_same(module, network)


def test_random_weights_are_the_same_every_time(network: Any) -> None:
    before = torch.get_rng_state()
    first, provenance = load("random")
    torch.rand(3)
    second, _ = load("random")
    assert_same(first, second)
    assert provenance["weights"] == {"source": "random initialisation"}
    assert not torch.equal(first.decoder.conv_in.weight, network.decoder.conv_in.weight)
    torch.set_rng_state(before)
    load("random")
    assert torch.equal(torch.get_rng_state(), before)


def test_what_changes_a_result_is_off_and_stated() -> None:
    module, provenance = load("random", dtype=torch.bfloat16)
    assert provenance["settings"] == {
        "class": f"AutoencoderKL of diffusers {diffusers.__version__}",
        "config": "card",
        "dtype": "bfloat16",
        "use_slicing": False,
        "use_tiling": False,
    }
    assert {tensor.dtype for tensor in module.state_dict().values()} == {torch.bfloat16}
    module, provenance = load("random", attributes={"use_tiling": True})
    assert module.use_tiling
    assert provenance["settings"]["use_tiling"] is True
    assert "has no use_magic" in refusal("random", attributes={"use_magic": True})


def test_tiles_in_time_that_are_on_by_default_are_off() -> None:
    config = {"block_out_channels": (4, 4, 8, 8), "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 2}
    assert diffusers.AutoencoderKLHunyuanVideo(**config).use_framewise_encoding
    module, provenance = load("random", class_name="AutoencoderKLHunyuanVideo", config=config)
    assert not module.use_framewise_encoding
    assert not module.use_framewise_decoding
    assert provenance["settings"]["use_framewise_decoding"] is False


def missing(state: dict[str, Tensor]) -> None:
    del state["decoder.conv_in.bias"], state["quant_conv.weight"]


def unexpected(state: dict[str, Tensor]) -> None:
    state["decoder.conv_mid.bias"] = torch.zeros(1)


def other_shape(state: dict[str, Tensor]) -> None:
    state["quant_conv.weight"] = torch.zeros(8, 4, 1, 1)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (missing, "lacks decoder.conv_in.bias (and 1 more);"),
        (unexpected, "holds decoder.conv_mid.bias, which this network has not"),
        (other_shape, "has quant_conv.weight of 8x4x1x1, expected 8x8x1x1"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    network: Any, damage: Callable[[dict[str, Tensor]], None], said: str, tmp_path: Path
) -> None:
    network.save_pretrained(tmp_path)
    state = load_file(tmp_path / SAFETENSORS)
    damage(state)
    save_file(state, tmp_path / SAFETENSORS)
    message = refusal(tmp_path)
    assert message.startswith(str(tmp_path))
    assert said in message


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[]", "holds a list, expected the configuration"),
        ("{", "cannot read"),
        ("\xff", "cannot read"),
        ('{"_class_name": "AutoencoderDC"}', "describes AutoencoderDC, expected AutoencoderKL"),
        ('{"_class_name": ["\\n"]}', "expected AutoencoderKL"),
        ('{"block_out_channels": 3}', "makes no AutoencoderKL of this configuration"),
        ('{"down_block_types": ["os.system"]}', "makes no AutoencoderKL of this configuration"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(network: Any, config: str, said: str, tmp_path: Path) -> None:
    network.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(config, encoding="latin-1")
    assert said in refusal(tmp_path)


def test_a_truncated_file_is_refused(network: Any, tmp_path: Path) -> None:
    network.save_pretrained(tmp_path)
    path = tmp_path / SAFETENSORS
    path.write_bytes(path.read_bytes()[:2000])
    assert f"cannot read weights {path} (2000 bytes)" in refusal(tmp_path)


def test_parts_that_are_missing_or_elsewhere_are_refused(network: Any, tmp_path: Path) -> None:
    network.save_pretrained(tmp_path / "net", max_shard_size="8KB")
    index = tmp_path / "net" / f"{SAFETENSORS}.index.json"
    content = json.loads(index.read_text())
    first = sorted(content["weight_map"].values())[0]
    shutil.move(tmp_path / "net" / first, tmp_path / first)
    assert f"{first} is missing" in refusal(tmp_path / "net")
    for name in (f"../{first}", str(tmp_path / first), "config.json"):
        content["weight_map"] = dict.fromkeys(content["weight_map"], name)
        index.write_text(json.dumps(content))
        assert "no weight file beside it" in refusal(tmp_path / "net")
    for table in ({}, {"a": 1}, []):
        index.write_text(json.dumps({"weight_map": table}))
        assert "says not where tensors are" in refusal(tmp_path / "net")


def test_missing_weights_are_asked_for_with_their_licence(tmp_path: Path) -> None:
    message = refusal(tmp_path)
    assert f"no weights for net-2x2 in {tmp_path}" in message
    assert "accept their licence (MIT)" in message


def test_a_missing_library_or_class_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TokenBenchError, match="has no AutoencoderKLOfTomorrow; pip install --upgrade"):
        diffusers_class("AutoencoderKLOfTomorrow")
    monkeypatch.setitem(sys.modules, "diffusers", SimpleNamespace(__version__="0.29.2"))  # type: ignore[arg-type]
    with pytest.raises(TokenBenchError, match=r"0\.29\.2 has no AutoencoderDC, which came with 0\.32; pip install"):
        diffusers_class("AutoencoderDC")
    monkeypatch.setitem(sys.modules, "diffusers", None)  # type: ignore[arg-type]
    with pytest.raises(TokenBenchError, match=r"pip install 'tokenbench\[diffusers\]'"):
        diffusers_class("AutoencoderKL")

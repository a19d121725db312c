"""Networks written as the released files are, and read back."""

import csv
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from cosmos_support import (
    FACTS,
    config_of,
    needs_facts,
    pixels_for,
    relative_error,
    small_card,
    small_config,
    variant_of,
)
from safetensors.torch import load_file

from tokenbench import TokenBenchError
from tokenbench.weights import read_tensors
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.export import export
from tokenbench_cosmos.tokenizer import CosmosTokenizer

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")

FAMILIES = [
    "cosmos-ci-16x16",
    "cosmos-di-8x8",
    "cosmos-cv-8x8x8",
    "cosmos-dv-8x16x16",
    "cosmos-tokenize1-dv-4x8x8-360p",
]


def made(name: str) -> CosmosTokenizer:
    tokenizer = small_card(name).load(weights="random")
    assert isinstance(tokenizer, CosmosTokenizer)
    return tokenizer


@dataclass(frozen=True)
class Exported:
    """A network and its archives."""

    name: str
    tokenizer: CosmosTokenizer
    paths: list[Path]


@pytest.fixture(scope="module", params=FAMILIES)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    tokenizer = made(request.param)
    return Exported(request.param, tokenizer, tokenizer.export("jit", tmp_path_factory.mktemp("exported")))


def test_archives_have_the_released_call_conventions_at_any_size(exported: Exported) -> None:
    tokenizer, paths = exported.tokenizer, exported.paths
    assert [path.name for path in paths] == ["encoder.jit", "decoder.jit", "autoencoder.jit"]
    encoder, decoder, autoencoder = (torch.jit.load(path) for path in paths)
    config = tokenizer.module.config
    for groups, height, width, batch in ((0, 1, 1, 1), (1, 2, 3, 2), (4, 3, 1, 1)):
        pixels = pixels_for(config, groups, height, width, batch)
        tokens = tokenizer.module.encode(pixels)
        video = tokenizer.module.decode(tokens)
        encoded, reconstructed = encoder(pixels), autoencoder(pixels)
        if config.fsq_levels:
            indices, codes, _ = encoded
            assert indices.dtype == torch.int32
            assert torch.equal(indices, tokens)
            assert torch.equal(codes, tokenizer.module.quantizer.codes(tokens))
            assert torch.equal(reconstructed[2], tokens)
        else:
            latent, (zero, _) = encoded
            assert relative_error(latent, tokens) < 1e-5
            assert not zero.any()
            assert relative_error(reconstructed[2], tokens) < 1e-5
        assert relative_error(decoder(tokens), video) < 1e-5
        assert relative_error(reconstructed[0], video) < 1e-5


def test_exported_halves_load_again(exported: Exported, tmp_path: Path) -> None:
    for half in exported.paths[:2]:
        shutil.copy(half, tmp_path)
    again = small_card(exported.name).load(weights=str(tmp_path))
    assert isinstance(again, CosmosTokenizer)
    loaded, original = again.module.state_dict(), exported.tokenizer.module.state_dict()
    assert loaded.keys() == original.keys()
    assert all(torch.equal(loaded[key], original[key]) for key in original)
    assert again.provenance["settings"]["groups_from"] == "file"


@pytest.mark.parametrize("name", FAMILIES)
def test_safetensors_hold_the_same_and_load_again(tmp_path: Path, name: str) -> None:
    tokenizer = made(name)
    (path,) = tokenizer.export("safetensors", tmp_path)
    assert load_file(path).keys() == tokenizer.module.state_dict().keys()
    again = small_card(name).load(weights=str(tmp_path))
    pixels = pixels_for(tokenizer.module.config)
    assert torch.equal(again.encode(pixels).data, tokenizer.encode(pixels).data)


@needs_facts
@pytest.mark.parametrize("name", ["cosmos-cv-4x8x8", "cosmos-di-16x16"])
def test_archives_hold_the_released_names_and_dtypes(tmp_path: Path, name: str) -> None:
    module = CosmosAutoencoder(replace(small_config(name), channels=config_of(name).groups)).bfloat16().eval()
    encoder, decoder, autoencoder = export(module, "jit", tmp_path)
    with (FACTS / f"statedict/{variant_of(name)}.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for path, column in ((autoencoder, "name"), (encoder, "name_in_encoder_jit"), (decoder, "name_in_decoder_jit")):
        expected = {row[column]: row["dtype_in_release"] for row in rows if row[column] != "-"}
        found = {key: str(tensor.dtype).removeprefix("torch.") for key, tensor in read_tensors(path).items()}
        assert found == expected


def test_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match="cannot export 'onnx': expected one of jit, safetensors"):
        made("cosmos-ci-8x8").export("onnx", tmp_path)

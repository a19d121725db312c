from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cosmos_support import small_network
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench import TokenBenchError, load_tokenizer
from tokenbench.errors import ClipError
from tokenbench.media.pixels import to_float
from tokenbench.registry import find_card
from tokenbench.tokenizer import Tokens
from tokenbench_cosmos.export import export
from tokenbench_cosmos.tokenizer import CosmosVideoTokenizer

Command = Callable[..., Any]

CONTINUOUS = """
kind = "continuous"
modality = "image"
compression = [1, 8, 8]
latent_channels = 192
range = [0, 1]
layout = "BCHW"
"""

DISCRETE = """
kind = "discrete"
modality = "video"
compression = [2, 8, 8]
vocabulary = 256
range = [-0.5, 0.5]
layout = "BTHWC"
frames = [2, 0]
license = "MIT"
name = "grey-2x8x8"
"""


class Unshuffle(nn.Module):
    """Patches of pictures in [0, 1]; whatever lies outside is lost."""

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return F.pixel_unshuffle(pixels.clamp(0, 1), 8), pixels.mean()


class Shuffle(nn.Module):
    def forward(self, latent: Tensor) -> Tensor:
        return F.pixel_shuffle(latent, 8)


class Patches(nn.Module):
    """Both in one, each under its own name."""

    @torch.jit.export
    def encode(self, pixels: Tensor) -> Tensor:
        return F.pixel_unshuffle(pixels, 8)

    @torch.jit.export
    def decode(self, latent: Tensor) -> Tensor:
        return F.pixel_shuffle(latent, 8)

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels


class Whole(nn.Module):
    """Reconstructs, and shows no tokens that could be decoded."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((3,), 0.5))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return pixels * self.scale.view(1, 3, 1, 1), pixels.mean()


class Grey(nn.Module):
    """B x T x H x W x 3 in [-0.5, 0.5] to the mean brightness of 2 x 8 x 8 pixels, on 256 levels."""

    def forward(self, pixels: Tensor) -> Tensor:
        means = F.avg_pool3d(pixels.mean(-1).unsqueeze(1), [2, 8, 8]).squeeze(1)
        return ((means + 0.5).clamp(0, 1) * 255).round().to(torch.int64)


class Flat(nn.Module):
    def forward(self, codes: Tensor) -> Tensor:
        brightness = (codes.to(torch.float32) / 255 - 0.5).unsqueeze(1)
        video = F.interpolate(brightness, scale_factor=[2.0, 8.0, 8.0])
        return video.permute(0, 2, 3, 4, 1).expand(-1, -1, -1, -1, 3)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Newer torch warns at every use of TorchScript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def save(folder: Path, card: str, **modules: nn.Module) -> str:
    """Archives and their card; gives the tokenizer's name."""
    folder.mkdir(exist_ok=True, parents=True)
    paths = [folder / f"{name}.jit" for name in modules]
    for path, module in zip(paths, modules.values(), strict=True):
        torch.jit.save(torch.jit.script(module.eval()), str(path))
    if card:
        (folder / "tokenizer.toml").write_text(card)
    return f"jit:{','.join(map(str, paths))}"


@pytest.fixture
def picture(carphone: NDArray[np.uint8]) -> Tensor:
    """1 x 3 x 64 x 80 in [-1, 1]."""
    return to_float(carphone[:1, :64, :80], torch.device("cpu"), torch.float32).squeeze(2)


@pytest.fixture
def clip(carphone: NDArray[np.uint8]) -> Tensor:
    """1 x 3 x 4 x 32 x 48 in [-1, 1]."""
    return to_float(carphone[:4, :32, :48], torch.device("cpu"), torch.float32)


def test_pixels_reach_the_network_in_the_range_of_its_card(tmp_path: Path, picture: Tensor) -> None:
    tokenizer = load_tokenizer(save(tmp_path, CONTINUOUS, encoder=Unshuffle(), decoder=Shuffle()))
    tokens = tokenizer.encode(picture)
    assert tokens.data.shape == (1, 192, 8, 10)
    assert tokens.bits == 16 * 192 * 8 * 10
    torch.testing.assert_close(tokens.data, F.pixel_unshuffle((picture + 1) / 2, 8))
    torch.testing.assert_close(tokenizer.decode(tokens), picture)
    # In another range the network would lose what is darker than its black.
    wrong = load_tokenizer(
        save(tmp_path, CONTINUOUS.replace("[0, 1]", "[-1, 1]"), encoder=Unshuffle(), decoder=Shuffle())
    )
    assert (wrong.reconstruct(picture) - picture).abs().max() > 0.5


def test_axes_reach_the_network_in_the_order_of_its_card(tmp_path: Path, clip: Tensor) -> None:
    name = save(tmp_path, DISCRETE, encoder=Grey(), decoder=Flat())
    tokenizer = load_tokenizer(name)
    tokens = tokenizer.encode(clip)
    expected = F.avg_pool3d(clip.mean(1, keepdim=True), (2, 8, 8)).squeeze(1)
    assert tokens.data.shape == (1, 2, 4, 6)
    torch.testing.assert_close(tokens.data / 127.5 - 1, expected, atol=1 / 255, rtol=0)
    assert tokens.bits == 8 * 2 * 4 * 6
    reconstruction = tokenizer.decode(tokens)
    assert reconstruction.shape == clip.shape
    torch.testing.assert_close(F.avg_pool3d(reconstruction, (2, 8, 8))[:, 0], expected, atol=1 / 255, rtol=0)
    info = tokenizer.info
    assert (info.name, info.license, info.bits_per_pixel) == ("grey-2x8x8", "MIT", 8 / 128)
    # The paper's 17 frames are none of its frame counts; the window is the next that is.
    assert (info.window, info.padding.frames, info.padding.size) == (18, (2, 0), (8, 8))


def test_tokens_in_another_order_come_out_as_everybody_has_them(tmp_path: Path, clip: Tensor) -> None:
    class Turned(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return F.avg_pool3d(pixels, [2, 8, 8]).permute(0, 2, 1, 3, 4)

    class Back(nn.Module):
        def forward(self, tokens: Tensor) -> Tensor:
            return F.interpolate(tokens.permute(0, 2, 1, 3, 4), scale_factor=[2.0, 8.0, 8.0]).permute(0, 2, 1, 3, 4)

    card = DISCRETE.replace('"discrete"', '"continuous"').replace("vocabulary = 256", "latent_channels = 3")
    card = card.replace('"BTHWC"', '"BCTHW"').replace("[-0.5, 0.5]", "[-1, 1]")
    card += 'token_layout = "BTCHW"\noutput_layout = "BTCHW"\n'
    tokenizer = load_tokenizer(save(tmp_path, card, encoder=Turned(), decoder=Back()))
    tokens = tokenizer.encode(clip)
    torch.testing.assert_close(tokens.data, F.avg_pool3d(clip, (2, 8, 8)))
    assert tokenizer.decode(tokens).shape == clip.shape


def test_one_archive_with_two_methods_is_a_tokenizer(tmp_path: Path, picture: Tensor) -> None:
    tokenizer = load_tokenizer(save(tmp_path, CONTINUOUS, autoencoder=Patches()))
    tokens = tokenizer.encode(picture)
    torch.testing.assert_close(tokens.data, F.pixel_unshuffle((picture + 1) / 2, 8))
    torch.testing.assert_close(tokenizer.decode(tokens), picture)


def test_one_archive_that_only_reconstructs_has_no_tokens(tmp_path: Path, picture: Tensor) -> None:
    tokenizer = load_tokenizer(save(tmp_path, CONTINUOUS.replace("[0, 1]", "[-1, 1]"), autoencoder=Whole()))
    tokens = tokenizer.encode(picture)
    assert tokens.bits is None
    torch.testing.assert_close(tokenizer.decode(tokens), picture / 2)
    assert tokenizer.info.parameters == 3
    assert sum(weight.numel() for weight in tokenizer.module.parameters()) == 3
    with pytest.raises(TokenBenchError, match="has no decoder of its own"):
        tokenizer.decode(Tokens(torch.zeros(1, 192, 8, 10), None))


def test_archives_in_the_form_of_cosmos_give_what_its_own_adapter_gives(tmp_path: Path, clip: Tensor) -> None:
    name = "cosmos-dv-4x8x8"
    network = small_network(name)
    export(network, "jit", tmp_path)
    card = DISCRETE.replace("[2, 8, 8]", "[4, 8, 8]").replace("256", "64000").replace("[2, 0]", "[4, 1]")
    card = card.replace('"BTHWC"', '"BCTHW"').replace("[-0.5, 0.5]", "[-1, 1]")
    (tmp_path / "card.toml").write_text(card)
    pair = f"{tmp_path}/encoder.jit,{tmp_path}/decoder.jit"
    theirs = load_tokenizer(f"jit:{pair}#{tmp_path}/card.toml")
    ours = CosmosVideoTokenizer(find_card(name).info, network)
    video = torch.cat([clip, clip[:, :, :1]], dim=2)
    assert torch.equal(theirs.encode(video).data, ours.encode(video).data)
    torch.testing.assert_close(theirs.reconstruct(video), ours.reconstruct(video))
    whole = load_tokenizer(f"jit:{tmp_path}/autoencoder.jit#{tmp_path}/card.toml")
    torch.testing.assert_close(whole.reconstruct(video), ours.reconstruct(video))


def test_results_say_what_the_files_were(tmp_path: Path) -> None:
    name = save(tmp_path, CONTINUOUS, encoder=Unshuffle(), decoder=Shuffle())
    first, again = load_tokenizer(name), load_tokenizer(name)
    assert first.weights_sha256 == again.weights_sha256
    assert first.provenance["weights"]["files"].keys() == {"encoder", "decoder"}
    assert first.provenance["settings"]["range"] == (0, 1)
    save(tmp_path, "", encoder=Unshuffle(), decoder=Patches())
    assert load_tokenizer(name.replace("encoder.jit,", "encoder.jit , ")).weights_sha256 != first.weights_sha256


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (CONTINUOUS, "", "lacks kind, modality, compression, range, layout; a card has kind = "),
        ("latent_channels = 192", "", "lacks latent_channels; a card has kind = "),
        ('"image"', '"video"', "lacks frames; a card has kind = "),
        ('"continuous"', '"codec"', 'lacks kind|kind is \'codec\', expected "continuous" or "discrete"'),
        ("[1, 8, 8]", "[1, 8.5, 8]", r"compression is \[1, 8.5, 8\], expected three whole numbers"),
        ("[1, 8, 8]", "[4, 8, 8]", r"a tokenizer of images has no time; write compression = \[1, h, w\]"),
        ("[0, 1]", "[1, 0]", r"range is \[1, 0\], expected the values of black and white"),
        ("[0, 1]", "[0, nan]", r"range is \[0, nan\], expected the values of black and white"),
        ("[0, 1]", "[[0], 1]", r"range is \[\[0\], 1\], expected the values of black and white"),
        ('"BCHW"', '"BCTHW"', "layout is 'BCTHW', expected the letters of 'BCHW' in any order"),
        ('"BCHW"', "7", "layout is 7, expected letters such as"),
        ("range", "ranges", "has no field 'ranges'; its fields are kind, "),
        ("range =", "vocabulary = 4\nrange =", "vocabulary does not go with kind 'continuous'; leave it out"),
        ("range", "range = = ", "cannot be read: .*; it is a TOML file with kind = "),
    ],
)
def test_a_card_that_says_too_little_or_nonsense_is_refused_in_one_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    name = save(tmp_path, CONTINUOUS.replace(old, new) or "\n", encoder=Unshuffle(), decoder=Shuffle())
    with pytest.raises(TokenBenchError, match=f"tokenizer.toml: ({message})") as error:
        find_card(name)
    assert "\n" not in str(error.value)


def test_a_missing_card_shows_what_it_needs(tmp_path: Path) -> None:
    name = save(tmp_path, "", encoder=Unshuffle(), decoder=Shuffle())
    fields = ("kind", "modality", "compression", "latent_channels", "vocabulary", "range", "layout", "frames")
    with pytest.raises(TokenBenchError, match=r"tokenizer.toml: no such file; .*" + ".*".join(fields)):
        find_card(name)


@pytest.mark.parametrize("files", ["", ",", "a.jit,b.jit", "a.jit,b.jit,c.jit", "#card.toml"])
def test_a_name_without_its_files_is_refused(files: str) -> None:
    with pytest.raises(TokenBenchError, match=r"write jit:ENCODER\.jit,DECODER\.jit or jit:AUTOENCODER\.jit"):
        find_card(f"jit:{files}")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    name = save(tmp_path, CONTINUOUS, encoder=Unshuffle(), decoder=Shuffle())
    archive = (tmp_path / "decoder.jit").read_bytes()
    state, broken = io.BytesIO(), io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, state)
    with zipfile.ZipFile(broken, "w") as members:
        members.writestr("net/data.pkl", b"nonsense")
        members.writestr("net/constants.pkl", b"nonsense")
    for content, message in (
        (archive[: len(archive) // 2], r"decoder\.jit is no TorchScript archive, or is cut short; save one"),
        (state.getvalue(), r"decoder\.jit is no TorchScript archive"),
        (broken.getvalue(), r"decoder\.jit: TorchScript cannot load it: .*; export it again"),
        (b"version https://git-lfs.github.com/spec/v1", "are a Git LFS pointer"),
        (b"", "are an empty file"),
    ):
        (tmp_path / "decoder.jit").write_bytes(content)
        with pytest.raises(TokenBenchError, match=message) as error:
            load_tokenizer(name)
        assert "\n" not in str(error.value)
    with pytest.raises(TokenBenchError, match="its weights are inside its files; leave out --weights random"):
        load_tokenizer(name, weights="random")


def test_tokens_that_are_not_what_the_card_says_are_named(tmp_path: Path, picture: Tensor) -> None:
    card = CONTINUOUS.replace("192", "64")
    tokenizer = load_tokenizer(save(tmp_path, card, encoder=Unshuffle(), decoder=Shuffle()))
    with pytest.raises(ClipError, match="encodes to 1 x 192 x 8 x 10 float32, its card says 1 x 64 x 8 x 10"):
        tokenizer.encode(picture)
    discrete = CONTINUOUS.replace('"continuous"', '"discrete"').replace("latent_channels", "vocabulary")
    tokenizer = load_tokenizer(save(tmp_path, discrete, encoder=Unshuffle(), decoder=Shuffle()))
    with pytest.raises(ClipError, match="its card says 1 x 8 x 10, discrete; mend the card"):
        tokenizer.encode(picture)


def test_eval_and_tokenize_take_such_names_and_write_safe_ones(
    tmp_path: Path, folder: Path, tokenbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = save(tmp_path / "a b" / "..x", CONTINUOUS, encoder=Unshuffle(), decoder=Shuffle())
    card = tmp_path / "a b" / "..x" / "tokenizer.toml"
    monkeypatch.chdir(tmp_path)
    outcome = tokenbench("eval", "--tokenizer", f"{name}#{card}", "--dataset", folder, "--frames", 3)
    assert outcome.code == 0, outcome.err
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.startswith("jit-")
    assert not set(run.name) & set(":#/, ")
    result = json.loads((run / "result.json").read_text())
    assert result["tokenizer"]["name"] == f"{name}#{card}"
    assert result["metrics"]["psnr"]["value"] > 60
    assert tokenbench("tokenize", folder, "--tokenizer", name, "--out", tmp_path / "tokens", "--frames", 3).code == 0
    # Its files hold code, so that the user, and not the token files, must name them.
    command = ("detokenize", tmp_path / "tokens", "--out", tmp_path / "back")
    assert "if you trust them, type --tokenizer jit:" in tokenbench(*command).err
    outcome = tokenbench(*command, "--tokenizer", name)
    assert outcome.code == 0, outcome.err
    assert {path.name for path in (tmp_path / "back").iterdir()} == {"even.mkv", "odd.mkv", "photo.png"}

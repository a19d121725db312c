"""The terms with their networks: real ones out of packages where they are installed, random ones else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F
from networks_support import raft_file, vgg19_file, vgg_trunk_file
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor
from torchvision.models.optical_flow import raft_small
from torchvision.models.vgg import cfgs, make_layers

import tokenbench.weights.download
from tokenbench.errors import TokenBenchError
from tokenbench.networks import MissingNetwork, find_network, raft, stlpips
from tokenbench.networks.load import load_network
from tokenbench_cosmos.training.losses import Losses, LossSettings, build_losses
from tokenbench_cosmos.training.losses.flow import Flow

ALL: dict[str, Any] = {
    "gram_weights": (1.0,),
    "gram_boundaries": (),
    "perceptual_weights": (1.0,),
    "perceptual_boundaries": (),
}
LAYER_WEIGHTS = (1 / 2.6, 1 / 4.8, 1 / 3.7, 1 / 5.6, 10 / 1.5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Random weights in torchvision's formats."""
    folder = tmp_path_factory.mktemp("networks")
    made = {"vgg16": vgg_trunk_file(folder), "vgg19": vgg19_file(folder)}
    made |= {"raft-large": raft_file(folder, "large"), "raft-small": raft_file(folder, "small")}
    return {name: str(path) for name, path in made.items()}


@pytest.fixture
def few_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raft, "UPDATES", 1)


def video(frames: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(frames.copy()).permute(3, 0, 1, 2)[None] / 127.5 - 1


@pytest.fixture
def pair(carphone: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Two clips, B 2, T 2, 32 x 40, and the same, noisy."""
    target = torch.cat([video(carphone[start : start + 9 : 8, 40:72, 50:90]) for start in (0, 12)])
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    return target + 0.1 * noise, target


def layers_of(files: dict[str, str], name: str) -> tuple[Any, list[int]]:
    configuration, last = {"vgg16": ("D", [3, 8, 15, 22, 29]), "vgg19": ("E", [3, 8, 17, 26, 35])}[name]
    layers = make_layers(cfgs[configuration]).eval()
    state = torch.load(files[name], weights_only=True)
    layers.load_state_dict({k.partition(".")[2]: v for k, v in state.items() if k.startswith("features.")})
    return layers, last


@pytest.mark.parametrize(("name", "form"), [("vgg16", "code"), ("vgg19", "paper")])
def test_perceptual_and_gram_are_their_formulas_frame_by_frame(
    files: dict[str, str], pair: tuple[Tensor, Tensor], name: str, form: Any
) -> None:
    layers, last = layers_of(files, name)

    def maps(frame: Tensor) -> Iterator[NDArray[np.float64]]:
        shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
        x = ((frame - shift.view(3, 1, 1)) / scale.view(3, 1, 1))[None]
        for index, layer in enumerate(layers):
            x = layer(x)
            if index in last:
                yield x[0].flatten(1).double().numpy().copy()

    perceptual = gram = 0.0
    with torch.no_grad():
        for x, y in zip(*pair, strict=True):
            of_x, of_y = ([list(maps(side[:, t])) for t in range(2)] for side in (x, y))
            for depth, weight in enumerate(LAYER_WEIGHTS):
                sides = [[frame[depth] for frame in side] for side in (of_x, of_y)]
                by_frame = [np.abs(a - b).mean() for a, b in zip(*sides, strict=True)]
                grams = [[a @ a.T / a.shape[1] for a in side] for side in sides]
                if form == "code":
                    perceptual += weight * np.mean(by_frame) / 2
                    clips = [np.concatenate(side, axis=1) for side in sides]
                    of_clip = [clip @ clip.T / clip.shape[1] for clip in clips]
                    gram += weight * ((of_clip[0] - of_clip[1]) ** 2).mean() / 2
                else:
                    perceptual += weight * np.sum(by_frame) / 5 / 2
                    gram += weight * sum(np.abs(a - b).mean() for a, b in zip(*grams, strict=True)) / 5 / 2
    losses = build_losses(LossSettings(form=form, perceptual=name, **ALL), "cpu", files)
    terms = losses.terms(*pair, 0)
    assert terms["perceptual"].item() == pytest.approx(perceptual, rel=1e-4)
    assert terms["gram"].item() == pytest.approx(gram, rel=1e-3)
    assert perceptual > 0.01
    assert gram > 0


@pytest.fixture(scope="module")
def everything(files: dict[str, str]) -> Losses:
    """All terms; the small RAFT saves time."""
    losses = build_losses(LossSettings(perceptual="vgg16", **ALL), "cpu", files)
    settings = replace(losses.settings, flow="raft-large", flow_weights=(1.0,), flow_boundaries=())
    return replace(
        losses, settings=settings, flow=Flow("code", load_network(find_network("raft-small", files["raft-small"])))
    )


def test_flow_is_torchvisions_at_half_size(everything: Losses, files: dict[str, str], few_updates: None) -> None:
    photograph = skimage.data.astronaut()
    target, reconstruction = (
        video(np.stack([photograph[100:356, 100 + by * t : 356 + by * t] for t in range(2)])) for by in (4, 7)
    )
    network = raft_small(weights=None).eval()
    network.load_state_dict(torch.load(files["raft-small"], weights_only=True))
    flows = []
    with torch.no_grad():
        for clip in (reconstruction, target):
            first, second = (F.avg_pool2d(clip[:, :, t], 2) for t in range(2))
            both = network(torch.cat([first, second]), torch.cat([second, first]), num_flow_updates=1)[-1]
            flows.append(2 * F.interpolate(both, scale_factor=2, mode="bilinear"))
        expected = (flows[0] - flows[1]).abs().mean().item()
        found = everything.flow(reconstruction, target)  # type: ignore[misc]
    assert expected > 0.01
    assert found.item() == pytest.approx(expected, rel=1e-3)


def test_gradients_pass_from_every_term_to_the_reconstruction_only(
    everything: Losses, few_updates: None, pair: tuple[Tensor, Tensor]
) -> None:
    x, y = (side[:1].clone().requires_grad_() for side in pair)
    terms = everything.terms(x, y, 0)
    assert terms.keys() == {"l1", "perceptual", "gram", "flow"}
    for name, term in terms.items():
        (gradient,) = torch.autograd.grad(term, x, retain_graph=True)
        assert gradient.isfinite().all(), name
        assert gradient.abs().sum() > 0, name
        assert torch.autograd.grad(term, y, retain_graph=True, allow_unused=True) == (None,), name
    for network in (everything.features, everything.flow.network._network):  # type: ignore[union-attr]
        assert not any(weight.requires_grad for weight in network.parameters())  # type: ignore[union-attr]


def test_bfloat16_gives_nearly_the_same_terms_in_float32(
    everything: Losses, few_updates: None, pair: tuple[Tensor, Tensor]
) -> None:
    x, y = (side[:1] for side in pair)
    with torch.no_grad():
        expected = everything.terms(x, y, 0)
        half = everything.terms(x.bfloat16(), y.bfloat16(), 0)
    reconstruction = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = everything.terms(reconstruction, y, 0)
    torch.stack(list(mixed.values())).sum().backward()
    assert reconstruction.grad is not None
    assert reconstruction.grad.isfinite().all()
    for name, term in expected.items():
        assert half[name].dtype == mixed[name].dtype == torch.float32
        # Random weights enlarge in flow what rounding does.
        tolerance = 0.25 if name == "flow" else 0.05
        assert half[name].item() == pytest.approx(term.item(), rel=tolerance), name
        assert mixed[name].item() == pytest.approx(term.item(), rel=tolerance), name


def test_images_and_clips_differ_by_what_the_form_says(files: dict[str, str], pair: tuple[Tensor, Tensor]) -> None:
    x, y = (side[:1, :, :1] for side in pair)
    for form, factor in (("code", 1), ("paper", 2)):
        losses = build_losses(LossSettings(form=form, perceptual="vgg16", **ALL), "cpu", files)
        image = losses.terms(x, y, 0)
        still = losses.terms(x.expand(1, 3, 2, -1, -1), y.expand(1, 3, 2, -1, -1), 0)
        assert image.keys() == {"l1", "perceptual", "gram"}
        for name in ("perceptual", "gram"):
            assert still[name].item() == pytest.approx(factor * image[name].item(), rel=1e-4)


def packaged(name: Any) -> Losses:
    """The losses of a network that a package carries."""
    try:
        find_network(name)
    except MissingNetwork as error:
        pytest.skip(str(error))
    return build_losses(LossSettings(perceptual=name, **ALL), "cpu")


@pytest.mark.parametrize("name", ["hed-vgg16", "st-lpips-vgg"])
def test_trained_networks_mind_blur_and_jpeg_the_more_there_is(name: str) -> None:
    losses = packaged(name)
    photograph = Image.fromarray(skimage.data.astronaut()[20:116, 170:266])

    def compressed(quality: int) -> Image.Image:
        buffer = io.BytesIO()
        photograph.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer)

    def terms(image: Image.Image) -> dict[str, float]:
        with torch.no_grad():
            terms = losses.terms(*(video(np.asarray(side)[None]) for side in (image, photograph)), 0)
        return {name: term.item() for name, term in terms.items()}

    assert terms(photograph) == {"l1": 0, "perceptual": 0, "gram": 0}
    blurred = [terms(photograph.filter(ImageFilter.GaussianBlur(sigma))) for sigma in (0.5, 1, 2)]
    coded = [terms(compressed(quality)) for quality in (90, 40, 10)]
    for versions in (blurred, coded):
        values = [version["perceptual"] for version in versions]
        assert 0 < values[0] < values[1] < values[2]
    grams = [version["gram"] for version in blurred]
    assert 0 < grams[0] < grams[1] < grams[2]


def test_dead_pixels_have_a_gradient_in_st_lpips() -> None:
    losses = packaged("st-lpips-vgg")
    x = torch.zeros(1, 3, 1, 32, 32, requires_grad=True)
    terms = losses.terms(x, torch.full_like(x, 0.1), 0)
    torch.stack(list(terms.values())).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    flat = torch.zeros(1, 4, 2, 2, requires_grad=True)
    stlpips._normalised(flat).sum().backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has no network's file and no connection."""
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "root"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def refuse(*arguments: object, **more: object) -> None:
        raise TokenBenchError("there is no connection")

    monkeypatch.setattr(tokenbench.weights.download, "download", refuse)
    return tmp_path


def refusal(settings: LossSettings, networks: dict[str, str] | None = None) -> str:
    with pytest.raises(TokenBenchError) as error:
        build_losses(settings, "cpu", networks)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_missing_weights_name_the_choices(offline: Path) -> None:
    message = refusal(LossSettings(perceptual="vgg19"))
    assert message.startswith('losses.perceptual = "vgg19": the network vgg19 cannot be had: there is no connection; ')
    assert message.endswith(
        'or choose losses.perceptual = "hed-vgg16" or "st-lpips-vgg", which packages carry, or "none"'
    )
    message = refusal(LossSettings(perceptual="none", flow="raft-large"))
    assert message.startswith('losses.flow = "raft-large": the network raft-large cannot be had: ')
    assert message.endswith('or choose losses.flow = "none"')


def test_networks_that_no_step_needs_are_not_looked_for(offline: Path) -> None:
    never = LossSettings(
        flow="raft-large", perceptual_weights=(0.0, 0.0), gram_weights=(0.0, 0.0), flow_weights=(0.0, 0.0)
    )
    losses = build_losses(never, "cpu")
    assert losses.features is losses.flow is None
    later = LossSettings(perceptual_weights=(0.0, 0.1))
    assert "vgg16 cannot be had" in refusal(later)


def test_files_given_by_name_are_checked(offline: Path, files: dict[str, str]) -> None:
    assert "did you mean raft-large?" in refusal(LossSettings(), {"raft-larg": files["vgg16"]})
    assert "it lacks features.16.weight" in refusal(LossSettings(perceptual="vgg19"), {"vgg19": files["vgg16"]})
    with_flow = build_losses(LossSettings(flow="raft-large"), "cpu", files)
    assert None not in (with_flow.features, with_flow.flow)

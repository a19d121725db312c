"""`tokenbench train` for the Karhunen-Loeve transform: one pass over the clips of a recipe."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from tokenbench.datasets.catalog import open_dataset
from tokenbench.datasets.held_out import file_digests, held_out_digests
from tokenbench.datasets.table import read_table
from tokenbench.errors import Problems, TokenBenchError
from tokenbench.files import whole_file
from tokenbench.media.clip import Clip
from tokenbench.media.pixels import to_float
from tokenbench.recipes import read_layers
from tokenbench_baselines.cards import CARDS
from tokenbench_baselines.klt import fit

RECIPES = Path(__file__).parents[1] / "recipes"

# Groups of frames that are read at once.
_GROUPS = 4


@dataclass(frozen=True, kw_only=True)
class KltRecipe:
    """What a transform is fitted to.

    Args:
        tokenizer: whose transform it is, "klt-4x8x8".
        sources: data sets as `tokenbench.datasets.catalog.open_dataset` takes them. Every patch of their clips counts
            once: videos in groups of frames, photographs where the tokenizer is one of images.
        name: of the run.
        trainer: who understands this recipe.
    """

    tokenizer: str
    sources: tuple[str, ...]
    name: str = ""
    trainer: str = "klt"


def train(
    recipes: Sequence[str],
    *,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    device: str = "cpu",
    resume: bool = False,
    networks: Mapping[str, str] | None = None,
    say: Callable[[str], None] = print,
) -> str:
    """Fit a transform and write it to OUT/TOKENIZER.safetensors, with the digests of the clips that it was fitted to.

    The arguments are those of `tokenbench.trainers.Trainer`.

    It takes minutes and keeps nothing on the way, so that an interrupted run begins anew.

    Raises:
        TokenBenchError: the recipe or a clip will not do.
        OutputError: the transform cannot be written.
    """
    recipe = read_table(KltRecipe, read_layers(recipes, overrides, RECIPES), " + ".join(recipes))
    infos = {card.info.name: card.info for card in CARDS if card.info.name.startswith("klt-")}
    if recipe.tokenizer not in infos:
        raise TokenBenchError(f"tokenizer is {recipe.tokenizer!r}, expected one of {', '.join(infos)}")
    if not recipe.sources:
        raise TokenBenchError("sources is empty; name folders, manifests or data sets")
    info = infos[recipe.tokenizer]
    clips = _clips(recipe, "video" if info.modality == "video" else "image")
    channels = info.latent_channels or 0
    mean, basis = fit(_groups(clips, info.compression, torch.device(device)), info.compression, channels)
    path = (out or Path("runs", f"train-{recipe.name}")) / f"{info.name}.safetensors"
    facts = {"tokenizer": info.name, "clips_sha256": json.dumps(sorted(clips))}
    with whole_file(path) as temporary:
        save_file({"mean": mean.float(), "basis": basis.float()}, temporary, facts)
    say(f"written to {path}")
    return ""


def _clips(recipe: KltRecipe, kind: str) -> dict[str, Clip]:
    """Clips of a kind by the digest of their file; a file that lies there twice is taken once."""
    reserved = held_out_digests()
    found: dict[str, Clip] = {}
    problems = []
    for clip in (clip for name in recipe.sources for clip in open_dataset(name).clips if clip.kind == kind):
        digests = list(file_digests(clip))
        problems += [
            f"{clip.content} is {reserved[digest]}, and must not be trained on"
            for digest in digests[:1]
            if digest in reserved
        ]
        found.setdefault("+".join(digests), clip)
    if problems:
        raise Problems(problems)
    if not found:
        raise TokenBenchError(f"the sources hold no {kind}s; name others")
    return found


def _groups(clips: Mapping[str, Clip], compression: tuple[int, int, int], device: torch.device) -> Iterator[Tensor]:
    """Whole groups of frames, cropped to whole patches, 1 x 3 x T x H x W."""
    t, h, w = compression
    for clip in tqdm(clips.values(), desc="clips", unit="clip", dynamic_ncols=True):
        for chunk in clip.chunks(t * _GROUPS):
            video = to_float(chunk, device)
            frames, height, width = (side - side % step for side, step in zip(video.shape[2:], (t, h, w), strict=True))
            yield video[:, :, :frames, :height, :width]

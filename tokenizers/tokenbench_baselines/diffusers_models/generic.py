"""Any autoencoder of the diffusers library by its repository or folder: `diffusers:owner/name#subfolder`.

Its `config.json` names the class, which must be one of the library's own; nothing else in the repository is run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenbench.errors import TokenBenchError, printable
from tokenbench.tokenizer import Card, Tokenizer, TokenizerInfo, nominal_bits_per_pixel
from tokenbench.weights import HubSource
from tokenbench_baselines.diffusers_models.cards import REQUIRES
from tokenbench_baselines.diffusers_models.files import CONFIG, layouts, read_config

if TYPE_CHECKING:
    import torch

    from tokenbench_baselines.diffusers_models.measure import Measured

PREFIX = "diffusers:"

_FORM = "write diffusers:owner/name[@revision][#subfolder], or diffusers:./folder[#subfolder]"
_HUB_NAME = re.compile(r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>[^#\s]+))?(?:#(?P<folder>\w[\w.-]*))?")
_CLASSES = re.compile(r"Autoencoder\w+|AsymmetricAutoencoderKL|VQModel")

# The paper's window; the next longer one where a network does not take it.
_WINDOW = 17


def card(name: str) -> Card | None:
    """The card of `diffusers:owner/name[@revision][#subfolder]` or `diffusers:./folder[#subfolder]`; None of others.

    What the network takes and gives is measured, and stated in the card.

    Raises:
        TokenBenchError: the configuration cannot be had, names no autoencoder of the library, or nothing comes back
            from the network in the shape that it had.
    """
    if not name.startswith(PREFIX):
        return None
    place = name.removeprefix(PREFIX)
    if place.startswith((".", "/", "~")):
        path, _, subfolder = place.partition("#")
        folder = Path(path).expanduser() / subfolder
        return _card(name, read_config(_local(folder)), None, str(folder))
    match = _HUB_NAME.fullmatch(place)
    if match is None:
        raise TokenBenchError(f"{name!r} names no autoencoder: {_FORM}")
    config, commit = _published(match["repository"], match["revision"], match["folder"] or "")
    prefix = f"{match['folder']}/" if match["folder"] else ""
    file_sets = tuple(names for names in layouts(match["folder"] or "") if names[0] == prefix + CONFIG)
    return _card(name, config, HubSource(repository=match["repository"], revision=commit, file_sets=file_sets), None)


def load(
    info: TokenizerInfo,
    *,
    class_name: str,
    config: Mapping[str, Any],
    weights: str | Path | None,
    device: torch.device,
    dtype: torch.dtype,
    hub: HubSource | None = None,
    folder: str | None = None,
) -> Tokenizer:
    """The tokenizer of a card that `card` made.

    Args:
        info: its card.
        class_name: of the library.
        config: of the repository or folder.
        weights: None takes those beside the configuration.
        device: where it runs.
        dtype: of parameters and arithmetic.
        hub: where they are published.
        folder: where they are.

    Raises:
        TokenBenchError: the weights are missing or do not fit.
    """
    from tokenbench_baselines.diffusers_models import image, video

    made: Any = image.load if info.modality == "image" else video.load
    return made(
        info, class_name=class_name, config=config, weights=weights or folder, device=device, dtype=dtype, hub=hub
    )


def _local(folder: Path) -> Path:
    path = folder / CONFIG
    if not path.is_file():
        there = [found.parent.name for found in sorted(folder.glob(f"*/{CONFIG}"))]
        hint = f"; name one of its folders behind a #: {', '.join(map(printable, there))}" if there else f"; {_FORM}"
        raise TokenBenchError(f"there is no {path}{hint}")
    return path


@cache
def _published(repository: str, revision: str | None, subfolder: str) -> tuple[dict[str, Any], str]:
    """The configuration on the hub, and the commit that it is of."""
    from tokenbench.weights.hub import fetch

    wanted = f"{subfolder}/{CONFIG}" if subfolder else CONFIG
    advice = "name the autoencoder's folder, as in diffusers:owner/name#vae, or a local one, as in diffusers:./folder"
    paths, commit = fetch(repository, revision, [[wanted]], advice=advice)
    return read_config(paths[0]), commit


def _card(name: str, config: Mapping[str, Any], hub: HubSource | None, folder: str | None) -> Card:
    class_name = config.get("_class_name")
    if not isinstance(class_name, str) or not _CLASSES.fullmatch(class_name):
        raise TokenBenchError(
            f"{name}: its {CONFIG} describes {printable(class_name)}, no autoencoder of diffusers; name the folder of"
            " one, as in diffusers:owner/name#vae"
        )
    facts = _measured(name, class_name, json.dumps(config))
    token: dict[str, Any] = {"latent_channels": facts.latent_channels, "vocabulary": facts.vocabulary}
    multiple, rest = facts.padding.frames
    info = TokenizerInfo(
        name=name,
        kind="discrete" if facts.vocabulary else "continuous",
        modality=facts.modality,
        compression=facts.compression,
        **token,
        bits_per_pixel=nominal_bits_per_pixel(facts.compression, **token),
        parameters=facts.parameters,
        weights=f"huggingface: {hub.repository}" if hub else str(folder),
        source=f"diffusers {class_name}; what it takes and gives is measured",
        description=f"{class_name} of one's own choice",
        window=_WINDOW + (rest - _WINDOW) % multiple,
        padding=facts.padding,
    )
    return Card(
        info=info,
        factory="tokenbench_baselines.diffusers_models.generic:load",
        options={"class_name": class_name, "config": config} | ({"folder": folder} if folder else {}),
        hub=hub,
        requires=REQUIRES,
    )


@cache
def _measured(name: str, class_name: str, config: str) -> Measured:
    from tokenbench_baselines.diffusers_models.measure import measure

    return measure(name, class_name, json.loads(config))

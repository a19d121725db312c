"""Networks of the diffusers library, in whatever form their weights are published. Importing this costs no torch.

The library's own loading leaves a tensor that a file lacks at random, with a warning; here a network is filled whole
or refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenbench.errors import TokenBenchError, printable
from tokenbench.tokenizer import TokenizerInfo
from tokenbench.weights import HubSource, WeightFiles, read_tensors
from tokenbench_baselines.diffusers_models.files import CONFIG, locate_files, read_config

if TYPE_CHECKING:
    import torch
    from torch import Tensor

RANDOM = "random"
RANDOM_SEED = 0
RANDOM_SOURCE = "random initialisation"

# First release of the library that has a class (its release notes); it has all others since 0.30 at least.
_SINCE = {
    "AutoencoderDC": "0.32",
    "AutoencoderKLAllegro": "0.32",
    "AutoencoderKLCosmos": "0.34",
    "AutoencoderKLFlux2": "0.36",
    "AutoencoderKLHunyuanVideo": "0.32",
    "AutoencoderKLHunyuanVideo15": "0.36",
    "AutoencoderKLLTX2Video": "0.37",
    "AutoencoderKLLTXVideo": "0.32",
    "AutoencoderKLMagvit": "0.33",
    "AutoencoderKLMochi": "0.32",
    "AutoencoderKLQwenImage": "0.35",
    "AutoencoderKLWan": "0.33",
    "AutoencoderVidTok": "0.38",
}

# What changes or may change a result without a word, HunyuanVideo's tiles in time among it; off unless a card says so.
_OFF = ("use_slicing", "use_tiling", "use_framewise_encoding", "use_framewise_decoding")

# Names that the library had for the layers of its attention before 0.17, as Stable Diffusion's files have them.
_OLD_ATTENTION = re.compile(r"(?P<block>.*\.attentions\.\d+)\.(?P<layer>query|key|value|proj_attn)\.(?P<kind>\w+)")
_NEW_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def load_module(
    info: TokenizerInfo,
    *,
    class_name: str,
    config: Mapping[str, Any],
    weights: str | Path | None,
    device: torch.device,
    dtype: torch.dtype,
    hub: HubSource | None = None,
    attributes: Mapping[str, Any] | None = None,
    prepare: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None,
) -> tuple[Any, TokenizerInfo, dict[str, Any]]:
    """A network of the library with its weights, in eval mode and without gradients.

    Args:
        info: of the tokenizer's card.
        class_name: of the library, such as "AutoencoderKL".
        config: published arguments of the class; a `config.json` beside the weights takes their place.
        weights: a file, a folder or "hf:owner/name@commit"; "random" for the framework's default initialisation of
            `config`, the same every time; None looks where weights are installed, then on the hub.
        device: where it runs.
        dtype: of parameters and floating buffers.
        hub: where the weights are published; its `file_sets` (see `files.layouts`) also hold for a local folder.
        attributes: to set on the network, beside slicing, tiling and framewise coding, which are off if not named.
        prepare: gives a released file's tensors the class's own names, where the library knows no conversion.

    Returns:
        The network; its card, with the parameters that this network has; and what results say of it: "weights" and
        "settings" (class and version of the library, where the configuration is from, dtype, attributes).

    Raises:
        TokenBenchError: the library or the class is missing; the weights cannot be had, read, or do not fit.
        OutputError: the disk is full.
    """
    import torch

    made = diffusers_class(class_name)
    if weights == RANDOM:
        source: dict[str, Any] = {"source": RANDOM_SOURCE}
        config_from = "card"
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            # torch.manual_seed would also seed the generators of every GPU, which are not forked.
            torch.default_generator.manual_seed(RANDOM_SEED)
            module = build(made, config, info.name)
    else:
        files = locate_files(info, weights, hub)
        config, config_from = _config_of(files, made, config)
        module = _filled(made, config, files, prepare)
        source = files.as_dict()
    settings = {
        "class": f"{class_name} of diffusers {_version()}",
        "config": config_from,
        "dtype": str(dtype).removeprefix("torch."),
        **_set(module, attributes or {}),
    }
    # The library's own method warns of any dtype, whatever the network.
    module = torch.nn.Module.to(module, device=device, dtype=dtype).eval().requires_grad_(False)
    made_of = info.weights if weights != RANDOM else RANDOM_SOURCE
    info = replace(info, parameters=sum(weight.numel() for weight in module.parameters()), weights=made_of)
    return module, info, {"weights": source, "settings": settings}


def diffusers_class(name: str) -> Any:
    """A class of the library.

    Raises:
        TokenBenchError: the library is not installed, cannot be imported, or is too old to have the class.
    """
    try:
        import diffusers

        return getattr(diffusers, name)
    except ModuleNotFoundError as error:
        raise TokenBenchError(f"{name} needs the package {error.name}; pip install 'tokenbench[diffusers]'") from error
    except AttributeError as error:
        since = f", which came with {_SINCE[name]}" if name in _SINCE else ""
        raise TokenBenchError(
            f"diffusers {_version()} has no {name}{since}; pip install --upgrade 'tokenbench[diffusers]'"
        ) from error
    except (ImportError, RuntimeError) as error:  # the library imports its parts late, and wraps what fails
        raise TokenBenchError(f"{name} of diffusers cannot be imported: {printable(error)}; reinstall it") from error


def build(made: Any, config: Mapping[str, Any], source: str) -> Any:
    """A network of a class, as the library initialises it.

    Args:
        made: class of the library.
        config: its arguments.
        source: of these, for messages.

    Raises:
        TokenBenchError: the class does not take them.
    """
    try:
        return made.from_config(dict(config))
    except Exception as error:  # a configuration from outside may hold anything
        raise TokenBenchError(
            f"{source}: diffusers {_version()} makes no {made.__name__} of this configuration ({printable(error)});"
            " take the weights of this very tokenizer, or another version of diffusers"
        ) from error


def _config_of(files: WeightFiles, made: Any, config: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """The configuration that comes with the weights, else the card's; and which it is."""
    if files.paths[0].name != CONFIG:
        return config, "card"
    found = read_config(files.paths[0])
    if found.get("_class_name", made.__name__) != made.__name__:
        raise TokenBenchError(
            f"{files.paths[0]} describes {printable(found['_class_name'])}, expected {made.__name__}; take the weights"
            " of this very tokenizer"
        )
    return found, CONFIG


def _filled(
    made: Any,
    config: Mapping[str, Any],
    files: WeightFiles,
    prepare: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None,
) -> Any:
    from diffusers.models.modeling_utils import no_init_weights

    state: dict[str, Tensor] = {}
    tensor_files = [path for path in files.paths if path.suffix != ".json"]
    for path in tensor_files:
        state |= read_tensors(path)
    with no_init_weights():
        module = build(made, config, str(files.paths[0]))
    expected = module.state_dict()
    if prepare is not None:
        state = prepare(state)
    state = _renamed(state, expected)
    if files.paths[0].name != CONFIG and not expected.keys() <= state.keys():
        state = _converted(made, config, state, files)
    _refuse_misfit(state, expected, files.source)
    # Copied, as tensors that stay mapped to their file change with it, and lie where arithmetic rounds otherwise.
    module.load_state_dict(state, strict=True)
    return module


def _renamed(state: dict[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Attention's layers under the names that they have now."""
    names = {}
    for key in state:
        old = _OLD_ATTENTION.fullmatch(key)
        new = f"{old['block']}.{_NEW_ATTENTION[old['layer']]}.{old['kind']}" if old else key
        names[key] = new if new in expected else key
    return {names[key]: tensor for key, tensor in state.items()}


def _converted(made: Any, config: Mapping[str, Any], state: dict[str, Tensor], files: WeightFiles) -> dict[str, Tensor]:
    """A released file's tensors under the library's names, where it has a conversion for the class."""
    from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES

    known: Any = SINGLE_FILE_LOADABLE_CLASSES
    if made.__name__ not in known:
        return state
    try:
        return known[made.__name__]["checkpoint_mapping_fn"](config=config, checkpoint=state)
    except Exception as error:  # the conversion looks up whatever names it expects
        raise TokenBenchError(
            f"{files.source} holds no {made.__name__} that diffusers {_version()} knows ({printable(error)});"
            " take the weights of this very tokenizer"
        ) from error


def _refuse_misfit(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: str) -> None:
    """Name the first tensor that is missing, unexpected or of another shape."""
    _refuse(source, "lacks {}", [key for key in expected if key not in state])
    _refuse(source, "holds {}, which this network has not", [key for key in state if key not in expected])
    for key, tensor in state.items():
        if tensor.shape != expected[key].shape:
            got, wanted = ("x".join(map(str, shape)) or "a scalar" for shape in (tensor.shape, expected[key].shape))
            _refuse(source, "has {}" + f" of {got}, expected {wanted}", [key])


def _refuse(source: str, problem: str, keys: Sequence[str]) -> None:
    if keys:
        more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
        raise TokenBenchError(
            f"{source} {problem.format(printable(keys[0]) + more)}; take the weights of this very tokenizer"
        )


def _set(module: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Give a network its attributes; what is set, for results."""
    settings = {name: False for name in _OFF if hasattr(module, name)} | dict(attributes)
    for name, value in settings.items():
        if not hasattr(module, name):
            raise TokenBenchError(f"{type(module).__name__} of diffusers {_version()} has no {name}; use 0.38 to 0.42")
        setattr(module, name, value)
    return settings


def _version() -> str:
    import diffusers

    return diffusers.__version__

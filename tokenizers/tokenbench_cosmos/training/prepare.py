"""A recipe's network, made ready to learn: its first weights, and how it is computed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from tokenbench.weights import WeightFiles, locate
from tokenbench_cosmos import layers2d, layers3d
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.cards import FILE_SETS
from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.loading import Choices, load_network
from tokenbench_cosmos.trained import trained_config
from tokenbench_cosmos.training.data import TrainingData
from tokenbench_cosmos.training.distributed import World
from tokenbench_cosmos.training.principal import begin_principal, begin_projections
from tokenbench_cosmos.training.recipe import Recipe
from tokenbench_cosmos.training.wider import begin_wider

# Mini-batches whose principal components are taken.
_FIRST_BATCHES = 20

# What is recomputed, and what is sharded, as one.
_BLOCKS = (
    *(layers2d.ResBlock, layers2d.Attention, layers2d.DownSample, layers2d.UpSample),
    *(layers3d.CausalResBlock3D, layers3d.CausalAttention, layers3d.CausalDownSample3D, layers3d.CausalUpSample3D),
)


def first_network(recipe: Recipe, data: TrainingData | None = None) -> CosmosAutoencoder:
    """With the weights that a run begins with, float32, on the CPU: the same in every process.

    Args:
        recipe: of the run.
        data: of the run; needed where the first weights depend on it.

    Raises:
        TokenBenchError: the weights to start from are missing, or do not fit.
        ClipError: a clip cannot be read.
    """
    config, initialisation = recipe.network.config(), recipe.network.initialisation
    if recipe.start and initialisation == "default":
        return _started(recipe, config)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        network = CosmosAutoencoder(config)
    if initialisation == "default":
        return network
    if data is None:
        raise ValueError(f"weights that begin as {initialisation!r} need the training data")
    pixels = _first_pixels(data, video=config.is_video)
    if initialisation == "wider":
        begin_wider(network, _started(recipe, _config_of_start(recipe)), pixels)
    elif recipe.start:
        continuous = _started(recipe, replace(config, fsq_levels=()))
        network.encoder.load_state_dict(continuous.encoder.state_dict())
        network.decoder.load_state_dict(continuous.decoder.state_dict())
        begin_projections(network, pixels)
    else:
        begin_principal(network, pixels)
    return network


def _started(recipe: Recipe, config: CosmosConfig) -> CosmosAutoencoder:
    """Of a file, or of an earlier run."""
    network, _ = load_network(config, _start_files(recipe), Choices(), dtype=torch.float32)
    return network.requires_grad_(True)


def _config_of_start(recipe: Recipe) -> CosmosConfig:
    """As an earlier run says of its weights, or as published."""
    published: CosmosConfig = recipe.network.card().options["config"]
    return trained_config(published, _start_files(recipe).paths) or published


def _start_files(recipe: Recipe) -> WeightFiles:
    hint = "--set start=FOLDER names the folder of an earlier run, or released weights"
    return locate(recipe.network.card().info.name, recipe.start, None, file_sets=FILE_SETS, hint=hint)


def _first_pixels(data: TrainingData, *, video: bool) -> Tensor:
    """Of the first mini-batches, of videos for a video network: B x 3 x T x H x W, or B x 3 x H x W."""
    steps = (step for step in itertools.count() if data.settings.is_image_step(step) != video)
    pixels = torch.cat([data.batch(step).to_float() for step in itertools.islice(steps, _FIRST_BATCHES)])
    return pixels if video else pixels.squeeze(2)


def prepare(network: CosmosAutoencoder, recipe: Recipe, world: World) -> None:
    """Set up in place where and how it is computed; parameters keep their names."""
    network.to(world.device)
    if recipe.parallel == "ddp":
        # In which its blocks compute; what is sharded must be contiguous.
        layout = torch.channels_last_3d if network.config.is_video else torch.channels_last
        network.to(memory_format=layout)
    blocks = [module for module in network.modules() if isinstance(module, _BLOCKS)]
    if recipe.recompute:
        for block in blocks:
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)  # type: ignore[method-assign]
    if recipe.parallel == "fsdp" and world.size > 1:
        for block in blocks:
            fully_shard(block)
        fully_shard(network)
    if recipe.compile:
        network.compile(dynamic=False)


def shared(network: CosmosAutoencoder, recipe: Recipe, world: World) -> nn.Module:
    """The network as it is called in training: gradients are averaged over the processes."""
    if world.size == 1 or recipe.parallel == "fsdp":
        return network
    devices = [world.device] if world.device.type == "cuda" else None
    # Its buffers are constants.
    return DistributedDataParallel(network, device_ids=devices, broadcast_buffers=False)


def last_layer(network: CosmosAutoencoder) -> nn.Parameter:
    """The weight of the decoder's last convolution."""
    return list(network.decoder.conv_out.parameters())[-2]

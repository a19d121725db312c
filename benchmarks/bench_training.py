"""Training steps of the full-width Cosmos CV4x8x8: steps per second, memory, and how far the loss falls.

Clips are 17 frames of moving stripes, cut to 128 x 128; what is measured is the network's work, not that of a disk.
Made for a GPU; on a CPU a few steps show that it runs.

    python benchmarks/bench_training.py [--steps 200] [--device cuda] [--precision bfloat16] [--batch 1] [--compile]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from tokenbench.media.writer import LosslessWriter
from tokenbench_cosmos.training.data import build_data, loader
from tokenbench_cosmos.training.distributed import joined
from tokenbench_cosmos.training.losses import build_losses
from tokenbench_cosmos.training.prepare import shared
from tokenbench_cosmos.training.recipe import Recipe, read_recipe
from tokenbench_cosmos.training.state import first_state
from tokenbench_cosmos.training.step import Machine, add_gradients

FRAMES, SIZE = 17, 128

# Steps in which kernels are chosen and compiled: not counted.
WARM_UP = 5


def write_clips(folder: Path, count: int = 4) -> None:
    """Moving stripes and noise, in colours of their own."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[: 2 * SIZE, : 2 * SIZE]
    for number in range(count):
        angle, colour = generator.uniform(0.02, 0.2, 2), generator.uniform(50, 120, 3)
        with LosslessWriter(folder / f"{number}.mkv", 2 * SIZE, 2 * SIZE, 24.0) as writer:
            for frame in range(4 * FRAMES):
                stripes = 1 + np.sin(rows * angle[0] + columns * angle[1] + frame / 3)
                noise = generator.uniform(0, 15, (2 * SIZE, 2 * SIZE, 1))
                writer.write((stripes[..., None] * colour + noise).astype(np.uint8)[None])


def recipe(options: argparse.Namespace, folder: Path) -> Recipe:
    settings = {
        "network.variant": "CV4x8x8",
        "steps": options.steps + WARM_UP,
        "precision": options.precision,
        "compile": str(options.compile).lower(),
        "recompute": str(options.recompute).lower(),
        "losses.perceptual": options.perceptual,
        "data.sources": f"['{folder / 'clips'}']",
        "data.cache": folder / "cache",
        "data.image_every": 0,
        "data.frames": FRAMES,
        "data.height": SIZE,
        "data.width": SIZE,
        "data.batch": options.batch,
        "data.short_side": f"[{SIZE}, {2 * SIZE}]",
        "data.workers": options.workers,
        "optimiser.warmup": 50,
    }
    empty = folder / "bench.toml"
    empty.write_text("")
    return read_recipe([str(empty)], [f"{key}={value}" for key, value in settings.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="bfloat16", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--perceptual", default="none", help="network of the perceptual term")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--recompute", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, joined(options.device) as world:
        write_clips(Path(place, "clips"))
        settings = recipe(options, Path(place))
        data = build_data(settings.data, settings.seed)
        batches = loader(data, 0, world.rank, world.size)
        state = first_state(settings, world)
        model = shared(state.network.module, settings, world)
        losses = build_losses(settings.losses, world.device)
        machine = Machine(recipe=settings, world=world, model=model, losses=losses)
        values = []
        began = time.perf_counter()
        for step in range(settings.steps):
            if step == WARM_UP:
                began = time.perf_counter()
            terms = add_gradients(machine, state, [next(batches)])
            state.network.norm()
            state.network.step(step)
            state.average.update(state.network.module, step)
            # Waits for the device, as the loop does that looks at every loss.
            values.append(float(terms["l1"]))
        seconds = time.perf_counter() - began
        waiting = batches.waiting
        batches.close()
        parameters = sum(weight.numel() for weight in state.network.module.parameters())
        print(f"device        {device_name(world.device)}, {options.precision}")
        print(f"network       {parameters / 1e6:.1f} M parameters, {options.batch} x {FRAMES} x {SIZE} x {SIZE} a step")
        print(f"steps/s       {options.steps / seconds:.3f} over {options.steps} steps, waiting for data {waiting:.0%}")
        print(f"memory        {memory(world.device) / 2**30:.2f} GiB at most")
        third = max(1, len(values) // 3)
        first, last = np.mean(values[:third]), np.mean(values[-third:])
        print(f"L1            {first:.3f} in the first third, {last:.3f} in the last")


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"


def memory(device: torch.device) -> int:
    """The most that was in use, in bytes: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()

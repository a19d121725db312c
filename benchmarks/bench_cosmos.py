"""Cosmos CV8x8x8 beside `diffusers.AutoencoderKLCosmos`: the same network, weights and input, in the same run.

Rounds alternate, and a ratio is the median over rounds, so that a busy machine slows both. Peak memory is that of a
process of its own for each.

    python benchmarks/bench_cosmos.py [--frames 9] [--height 256] [--width 256] [--rounds 5] [--device cpu]
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

NAME = "cosmos-cv-8x8x8"
CHUNK = 8

# Our names, which are those of the released files, to those of diffusers.
RENAMED = (
    (r"\.conv_(in|out)\.0\.conv3d\.", r".conv_\1.conv_s."),
    (r"\.conv_(in|out)\.1\.conv3d\.", r".conv_\1.conv_t."),
    (r"\.conv([12])\.0\.conv3d\.", r".conv\1.conv_s."),
    (r"\.conv([12])\.1\.conv3d\.", r".conv\1.conv_t."),
    (r"\.down\.(\d)\.block\.(\d)", r".down_blocks.\1.resnets.\2"),
    (r"\.down\.(\d)\.downsample", r".down_blocks.\1.downsamplers.0"),
    (r"\.up\.(\d)\.block\.(\d)", lambda match: f".up_blocks.{2 - int(match[1])}.resnets.{match[2]}"),
    (r"\.up\.(\d)\.upsample", lambda match: f".up_blocks.{2 - int(match[1])}.upsamplers.0"),
    (r"\.mid\.block_(\d)", lambda match: f".mid_block.resnets.{int(match[1]) - 1}"),
    (r"\.mid\.attn_1\.0", ".mid_block.attentions.0"),
    (r"\.mid\.attn_1\.1", ".mid_block.temp_attentions.0"),
    (r"\.([qkv])\.conv3d\.", r".to_\1."),
    (r"\.proj_out\.conv3d\.", ".to_out.0."),
    (r"\.nin_shortcut\.conv3d\.", ".conv_shortcut."),
    (r"\.conv3d\.", "."),
)


def diffusers_name(name: str) -> str:
    """The name of one of our parameters in diffusers."""
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def load_ours(dtype: torch.dtype, device: str) -> nn.Module:
    from tokenbench import load_tokenizer

    return load_tokenizer(NAME, weights="random", dtype=dtype, device=device)  # type: ignore[return-value]


def load_theirs(dtype: torch.dtype, device: str) -> nn.Module:
    from diffusers import AutoencoderKLCosmos

    return AutoencoderKLCosmos().to(device, dtype).eval().requires_grad_(False)


def give_weights(source: nn.Module, target: nn.Module) -> None:
    """Every parameter of diffusers' network has one of ours."""
    parameters = {diffusers_name(name): parameter for name, parameter in source.named_parameters()}
    for name, parameter in target.named_parameters():
        parameter.data.copy_(parameters.pop(name))
    assert not parameters, sorted(parameters)


def through_ours(tokenizer: object, video: Tensor) -> Tensor:
    return tokenizer.reconstruct(video)  # type: ignore[attr-defined]


def through_theirs(network: object, video: Tensor) -> Tensor:
    latent = network.encode(video).latent_dist.mode()  # type: ignore[attr-defined]
    return network.decode(latent).sample  # type: ignore[attr-defined]


def in_chunks(tokenizer: object, video: Tensor) -> Tensor:
    """The exact stream, a group of frames at a time; nothing is kept but a checksum."""
    stream = tokenizer.stream(fps=25.0)  # type: ignore[attr-defined]
    total = torch.zeros(())
    for chunk in [video[:, :, :1], *video[:, :, 1:].split(CHUNK, dim=2)]:
        total += stream.push(chunk).sum().cpu()
    return total


def seconds(run: Callable[[], object], device: str) -> float:
    start = time.perf_counter()
    run()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare_speed(arguments: argparse.Namespace) -> None:
    device, video = arguments.device, make_video(arguments)
    ours, half = load_ours(torch.float32, device), load_ours(torch.bfloat16, device)
    theirs = load_theirs(torch.float32, device)
    give_weights(ours.module, theirs)
    runs: dict[str, Callable[[], Tensor]] = {
        "diffusers float32": lambda: through_theirs(theirs, video),
        "tokenbench float32": lambda: through_ours(ours, video),
        "tokenbench bfloat16": lambda: through_ours(half, video.bfloat16()),
        "tokenbench float32, streamed": lambda: in_chunks(ours, video),
    }
    if device != "cpu":
        theirs_half = load_theirs(torch.bfloat16, device)
        give_weights(half.module, theirs_half)
        runs["diffusers bfloat16"] = lambda: through_theirs(theirs_half, video.bfloat16())
    with torch.inference_mode():
        expected, given, rough = (
            runs[name]().float() for name in ("diffusers float32", "tokenbench float32", "tokenbench bfloat16")
        )
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(arguments.rounds):
            for name, run in runs.items():
                times[name].append(seconds(run, device))
    print(f"{NAME}, encode + decode of {'x'.join(map(str, video.shape))} on {device}, median of {arguments.rounds}:")
    for name, values in times.items():
        print(f"  {name:30s} {statistics.median(values):8.3f} s (best {min(values):.3f})")
    for name, other in (
        ("tokenbench float32", "diffusers float32"),
        ("tokenbench bfloat16", "tokenbench float32"),
        ("tokenbench bfloat16", "diffusers float32"),
        *([("tokenbench bfloat16", "diffusers bfloat16")] if "diffusers bfloat16" in runs else []),
    ):
        ratios = [b / a for a, b in zip(times[name], times[other], strict=True)]
        print(f"  {name} is {statistics.median(ratios):.2f} times as fast as {other} (pairwise median)")
    relative = float((given - expected).norm() / expected.norm())
    decibel = 20 * torch.log10(expected.norm() / (rough - given).norm())
    print(f"  float32 against diffusers: relative L2 {relative:.1e}")
    print(f"  bfloat16 against float32: signal to error {float(decibel):.1f} dB (random weights)")


def compare_memory(arguments: argparse.Namespace) -> None:
    print("peak memory of a process, MB (what importing and loading takes, then the whole):")
    settings = [("diffusers", 1), ("tokenbench", 1), ("streamed", 1), ("streamed", 4)]
    for who, times in settings:
        command = [sys.executable, __file__, "--only", who, "--device", arguments.device]
        frames = 1 + times * (arguments.frames - 1)
        command += ["--frames", str(frames), "--height", str(arguments.height), "--width", str(arguments.width)]
        loaded, peak = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        print(f"  {who:12s} {frames:4d} frames: {loaded:7.0f} {peak:7.0f}  (work alone {peak - loaded:.0f})")


def only(arguments: argparse.Namespace) -> None:
    """One run, in this process."""
    dtype = torch.float32
    work = {"diffusers": through_theirs, "tokenbench": through_ours, "streamed": in_chunks}[arguments.only]
    network = load_theirs(dtype, "cpu") if arguments.only == "diffusers" else load_ours(dtype, "cpu")
    video = make_video(arguments)
    loaded = peak_megabytes()
    with torch.inference_mode():
        work(network, video)
    print(loaded, peak_megabytes())


def make_video(arguments: argparse.Namespace) -> Tensor:
    """Smooth noise in [-1, 1]."""
    generator = torch.Generator().manual_seed(0)
    shape = (1, 3, arguments.frames, arguments.height // 8, arguments.width // 8)
    coarse = torch.rand(shape, generator=generator) * 2 - 1
    return nn.functional.interpolate(
        coarse, size=(arguments.frames, arguments.height, arguments.width), mode="trilinear"
    ).to(arguments.device)


def peak_megabytes() -> float:
    # Not getrusage: a child starts with its parent's peak there.
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", choices=["diffusers", "tokenbench", "streamed"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        only(arguments)
        return
    compare_speed(arguments)
    if arguments.device == "cpu":
        compare_memory(arguments)


if __name__ == "__main__":
    main()

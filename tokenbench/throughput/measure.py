"""One row: a tokenizer is made, tried, counted and timed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError, is_out_of_memory, printable
from tokenbench.evaluation.device import open_device
from tokenbench.evaluation.environment import environment
from tokenbench.evaluation.guard import describe
from tokenbench.registry import load_tokenizer
from tokenbench.throughput import flops, memory
from tokenbench.throughput.case import Case
from tokenbench.throughput.input import make_input
from tokenbench.throughput.machine import machine
from tokenbench.throughput.published import PAPER_SIZES, default_frames
from tokenbench.throughput.timing import Times, repeat, stopwatch
from tokenbench.tokenizer import Tokenizer, TokenizerInfo

Say = Callable[[str], None]

MEASURED = "measured"
OUT_OF_MEMORY = "out of memory"
FAILED = "failed"


def measure(case: Case, say: Say) -> dict[str, Any]:
    """The record of one case, measured in this process.

    Args:
        case: what to measure.
        say: hears what is being done.

    Returns:
        `case` and `machine` as they are known before; `status`, "measured", "out of memory" or "failed", the last two
        with where and why; what was measured, as far as it came.
    """
    record = unmeasured(case, machine(case.device))
    step = ""

    def begin(name: str) -> None:
        nonlocal step
        step = name
        say(name)

    try:
        for part in _parts(case, begin):
            record |= part
    except Exception as error:  # a stranger's code may raise anything; the other rows go on
        return record | {
            "status": OUT_OF_MEMORY if is_out_of_memory(error) else FAILED,
            "at": step,
            "error": _in_a_line(error),
        }
    return record | {"status": MEASURED}


def unmeasured(case: Case, here: dict[str, Any]) -> dict[str, Any]:
    """What is known of a row before it is measured, as JSON holds it."""
    return {"case": json.loads(json.dumps(asdict(case))), "machine": here}


def _parts(case: Case, begin: Say) -> Iterator[dict[str, Any]]:
    """Section after section of the record, so that an error loses none that came before."""
    device, dtype = open_device(case.device), getattr(torch, case.dtype)
    yield {"environment": environment(device=case.device, dtype=case.dtype)}

    begin("making the tokenizer")
    bare = _held(device)
    tokenizer = load_tokenizer(case.tokenizer, weights=case.weights, device=device, dtype=dtype, **case.settings)
    networks = _networks(tokenizer)
    for network in networks:
        network.eval().requires_grad_(False)
    made = _held(device) - bare
    info = tokenizer.info
    yield {"tokenizer": _described(info, networks)}

    begin("making the input")
    is_image = info.modality == "image"
    size = case.size or PAPER_SIZES[info.modality]
    frames = 1 if is_image else case.frames or default_frames(case.tokenizer, info)
    video = make_input(info, frames=frames, size=size, batch=case.batch, device=device, dtype=dtype)
    items = case.batch * frames
    yield {
        "input": {"size": list(size), "frames": frames, "batch": case.batch, "items": items, "shape": list(video.shape)}
    }

    if info.kind != "codec":
        flops.load_counter()
    with torch.inference_mode():
        before = _held(device)
        _try(tokenizer, video, begin)
        yield {"flops": _counted(tokenizer, info, video, begin)}

        compiled = case.compile and bool(networks)
        encode, decode = _calls(tokenizer, compiled=compiled)
        timed = stopwatch(device)
        repeat(encode, decode, video, timed=timed, repeats=case.warmup, say=lambda text: begin(f"warm-up, {text}"))
        reset = memory.can_be_measured(device) and memory.reset_peak(device)
        times = repeat(encode, decode, video, timed=timed, repeats=case.repeats, say=begin)
        yield {"compiled": compiled, **_timed(times, items)}
        yield {"memory": _peak(device, before - made, reset=reset)}


def _calls(tokenizer: Tokenizer, *, compiled: bool) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Its encode and decode."""
    if not compiled:
        return tokenizer.encode, tokenizer.decode
    return torch.compile(tokenizer.encode, dynamic=False), torch.compile(tokenizer.decode, dynamic=False)


def _try(tokenizer: Tokenizer, video: Tensor, begin: Say) -> None:
    """A first round trip, which says whether there is anything to time.

    Raises:
        TokenBenchError: another shape comes back.
    """
    begin("first encode")
    tokens = tokenizer.encode(video)
    begin("first decode")
    decoded = tokenizer.decode(tokens)
    if not isinstance(decoded, Tensor) or decoded.shape != video.shape:
        raise TokenBenchError(f"decode gave {describe(decoded)} for an input of {describe(video)}")


def _counted(tokenizer: Tokenizer, info: TokenizerInfo, video: Tensor, begin: Say) -> dict[str, Any]:
    """Operations of a call; codecs compute outside torch."""
    if info.kind == "codec":
        return {"encode": None, "decode": None, "means": "not counted: a codec computes outside torch"}
    try:
        begin("counting operations of encode")
        tokens, encode = flops.count_flops(lambda: tokenizer.encode(video))
        begin("counting operations of decode")
        _, decode = flops.count_flops(lambda: tokenizer.decode(tokens))
    except Exception as error:  # the same calls have just worked without a counter
        if is_out_of_memory(error):
            raise
        return {"encode": None, "decode": None, "means": f"not counted: {_in_a_line(error)}"}
    return {"encode": encode, "decode": decode, "means": flops.MEANS}


def _timed(times: Times, items: int) -> dict[str, Any]:
    spreads = times.spreads(items)
    return {
        "milliseconds": {name: asdict(spread) for name, spread in spreads.items()},
        "per_second": 1e3 / spreads["total"].median,
        "repeats": asdict(times),
    }


def _held(device: torch.device) -> int:
    return memory.held(device) if memory.can_be_measured(device) else 0


def _peak(device: torch.device, apart: int, *, reset: bool) -> dict[str, Any]:
    """The most memory that was held, and what that means.

    Args:
        device: whose.
        apart: bytes that the process held apart from the tokenizer; they count on the CPU, which holds Python too.
        reset: whether the peak is that of the timed repeats.
    """
    if not memory.can_be_measured(device):
        return {"peak_bytes": None, "means": "not measured: this system does not tell"}
    if device.type == "cuda":
        return {"peak_bytes": memory.peak(device), "means": memory.CUDA_MEANS}
    means = memory.CPU_MEANS if reset else memory.CPU_MEANS_WHOLE
    return {"peak_bytes": memory.peak(device) - apart, "means": means}


def _networks(tokenizer: Any) -> list[nn.Module]:
    """The networks that a tokenizer holds, or is."""
    if isinstance(tokenizer, nn.Module):
        return [tokenizer]
    return [value for value in getattr(tokenizer, "__dict__", {}).values() if isinstance(value, nn.Module)]


def _described(info: TokenizerInfo, networks: list[nn.Module]) -> dict[str, Any]:
    weights = {id(weight): weight.numel() for network in networks for weight in network.parameters()}
    return {
        "name": info.name,
        "kind": info.kind,
        "modality": info.modality,
        "compression": list(info.compression),
        "parameters": info.parameters or sum(weights.values()),
        "weights": info.weights,
    }


def _in_a_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    text = printable(lines[0]) if lines else "no message"
    return text if isinstance(error, TokenBenchError) else f"{type(error).__name__}: {text}"

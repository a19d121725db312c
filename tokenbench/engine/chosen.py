"""The engine that a user names."""

from __future__ import annotations

from tokenbench.engine.contract import Engine
from tokenbench.engine.local import Processes
from tokenbench.errors import TokenBenchError


def chosen_engine(name: str, workers: int, *, address: str | None = None, device: str = "cpu") -> Engine | None:
    """The engine of that name.

    Args:
        name: local or ray.
        workers: how many.
        address: of a running Ray cluster; None where there is none yet.
        device: that the work is done on.

    Returns:
        None for one local worker: this process.

    Raises:
        TokenBenchError: the choices do not go together.
    """
    if name == "ray":
        from tokenbench.engine.ray import RayEngine

        if device not in ("cpu", "cuda"):
            raise TokenBenchError(f"--device {device}: Ray chooses the GPU of each worker; give --device cuda, or cpu")
        return RayEngine(workers, on_gpu=device == "cuda", address=address)
    if address is not None:
        raise TokenBenchError("--address is that of a Ray cluster; give --engine ray with it")
    return Processes(workers) if workers > 1 else None

"""A Ray cluster: the way into it, what its nodes have, and the answers that come from it."""

from __future__ import annotations

import logging
import os
import platform
import socket
from pathlib import Path
from typing import Any

from tokenbench.errors import TokenBenchError, printable

# Seconds in which the head of a cluster answers, or never.
_PATIENCE = 10.0


def connect(address: str | None, *, cpus: int | None, gpus: int | None = None) -> None:
    """Connect this process to a Ray cluster, where it is not connected already.

    Args:
        address: of a running cluster; None starts one on this machine.
        cpus: of the cluster that is started; None for the machine's.
        gpus: likewise.

    Raises:
        TokenBenchError: Ray is not installed, or there is no cluster at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise TokenBenchError("--engine ray needs Ray; type pip install 'tokenbench[ray]'") from error
    if ray.is_initialized():
        return
    # What is measured here is nobody else's business.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:
        # By default a node's workers have the lowest priority of all; here they are this command's own.
        os.environ.setdefault("RAY_worker_niceness", "0")
    started: dict[str, Any] = {} if address else {"num_cpus": cpus, "num_gpus": gpus, "include_dashboard": False}
    try:
        if address and address != "auto":
            # Ray itself asks again for minutes.
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), _PATIENCE).close()
        ray.init(address or "local", logging_level=logging.ERROR, log_to_driver=False, **started)
    except Exception as error:  # what does not start or answer makes Ray raise nearly anything, `Exception` itself too
        what = f"no Ray cluster answers at {address}" if address else "Ray does not start here"
        raise TokenBenchError(f"{what} ({_line(error)}); 'ray start --head' starts one") from error


def refuse_too_small(on_gpu: bool) -> None:
    """Refuse a cluster in which work would wait for ever."""
    import ray

    there = ray.cluster_resources()
    if on_gpu and there.get("GPU", 0) < 1:
        raise TokenBenchError("no node of the Ray cluster has a GPU; add one that has, or give --device cpu")
    if there.get("CPU", 0) < 1:
        raise TokenBenchError("no node of the Ray cluster offers a CPU; 'ray start --num-cpus N' does")


class Lost(Exception):
    """An answer will never come, because who was to give it is gone."""


def received(answer: Any) -> Any:
    """An answer; what was raised instead of it is raised here."""
    import ray
    from ray import exceptions

    gone = (
        *(exceptions.RayActorError, exceptions.WorkerCrashedError, exceptions.NodeDiedError),
        *(exceptions.OutOfMemoryError, exceptions.ObjectLostError),
    )
    try:
        return ray.get(answer)
    except exceptions.RayTaskError as error:
        raise error.cause from error
    except gone as error:
        raise Lost(_line(error)) from error
    except exceptions.RayError as error:
        raise TokenBenchError(f"the Ray cluster fails: {_line(error)}; give the same command again") from error


def enter(folder: Path) -> None:
    """Be in a folder of the driver, so that relative paths mean the same.

    Raises:
        TokenBenchError: this node does not have it.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        raise TokenBenchError(
            f"{platform.node()} has no folder {folder}; start the command in one that all nodes share"
        ) from error


def room(resource: str) -> int:
    """How many workers this node has room for."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    (node,) = (node for node in ray.nodes() if node["NodeID"] == here)
    return max(1, int(node["Resources"].get(resource, 1)))


def _line(error: BaseException) -> str:
    """The first line of an error that says anything."""
    return printable(next((line for line in str(error).splitlines() if line.strip()), type(error).__name__))

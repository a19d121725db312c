"""Where work is done: in this process, in several of this machine, or on a cluster. What is done is the same."""

from tokenbench.engine.chosen import chosen_engine
from tokenbench.engine.contract import Engine, Prepare, Worker, WorkerDied, always
from tokenbench.engine.local import InProcess, Processes, local_engine

__all__ = [
    "Engine",
    "InProcess",
    "Prepare",
    "Processes",
    "Worker",
    "WorkerDied",
    "always",
    "chosen_engine",
    "local_engine",
]

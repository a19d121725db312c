"""Training data: random crops of videos and photographs, a pure function of seed, step and rank."""

from tokenbench_cosmos.training.data.batches import Batch, TrainingData, build_data
from tokenbench_cosmos.training.data.loader import Loader, loader, naming_dead_workers
from tokenbench_cosmos.training.data.settings import DataSettings

__all__ = ["Batch", "DataSettings", "Loader", "TrainingData", "build_data", "loader", "naming_dead_workers"]

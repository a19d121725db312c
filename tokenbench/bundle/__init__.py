"""Weights of chosen tokenizers and metrics in one folder or archive, for a machine without a network."""

from tokenbench.bundle.gather import gather
from tokenbench.bundle.install import install
from tokenbench.bundle.needs import Need, needs
from tokenbench.bundle.pack import pack, refuse_foreign
from tokenbench.bundle.record import Bundle

__all__ = ["Bundle", "Need", "gather", "install", "needs", "pack", "refuse_foreign"]

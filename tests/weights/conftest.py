"""A hub on this machine, that the real client talks to."""

from hub_support import hub

__all__ = ["hub"]

"""Work on a Ray cluster. Ray itself is imported when it is needed, and nowhere else in the package."""

from tokenbench.engine.ray.cluster import connect
from tokenbench.engine.ray.engine import RayEngine

__all__ = ["RayEngine", "connect"]

"""What would run on this machine, what is missing, and how to get it. Loads no network and asks none."""

from tokenbench.doctor.examine import Plan, examine
from tokenbench.doctor.line import Line, Section, lacking, report

__all__ = ["Line", "Plan", "Section", "examine", "lacking", "report"]

"""What training minimises: pixels, features, their Gram matrices, motion, and a discriminator's opinion.

A term is a small class in a module of its own; `build_losses` puts together what a recipe asks for. Where the paper
(arXiv 2501.03575, section 4) and the published training code differ, `LossSettings.form` says which is followed.
"""

from tokenbench_cosmos.training.losses.adversarial import Adversarial
from tokenbench_cosmos.training.losses.build import Losses, build_losses
from tokenbench_cosmos.training.losses.settings import LossSettings

__all__ = ["Adversarial", "LossSettings", "Losses", "build_losses"]

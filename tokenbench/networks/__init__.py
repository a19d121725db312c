"""The trained networks that metrics stand on: what they are, where their files lie, and how they are loaded.

`tokenbench.networks.load.load_network` gives a network that can be called. Importing this costs no torch.
"""

from tokenbench.networks.cards import NETWORKS, NetworkCard, find_card
from tokenbench.networks.find import MissingNetwork, NetworkFile, find_network

__all__ = ["NETWORKS", "MissingNetwork", "NetworkCard", "NetworkFile", "find_card", "find_network"]

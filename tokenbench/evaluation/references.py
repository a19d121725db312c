"""Features of a clip's reference, computed once for all tokenizers that are held against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tokenbench.evaluation.known import Known, clip_input, network_of
from tokenbench.evaluation.measures import Measures
from tokenbench.evaluation.meters import open_side
from tokenbench.evaluation.protocol import Protocol
from tokenbench.media.clip import Clip
from tokenbench.store import Store, key_of

if TYPE_CHECKING:
    from tokenbench.metrics.feature_meters import SharedFeatures

REFERENCE_FEATURES = "reference-features"


class References:
    """Of one clip, by network.

    Args:
        clip: with its size and rate known.
        protocol: of the runs.
        measures: of the runs, with their networks loaded.
        known: holds the store, in which features of earlier passes lie.
    """

    def __init__(self, clip: Clip, protocol: Protocol, measures: Measures, known: Known) -> None:
        # Costs torch, which only networks need.
        networks = list(measures.set_networks(clip.kind))
        self._keys: dict[str, str] = {}
        self._store = known.store
        if self._store is not None and networks:
            source = clip_input(clip, protocol, self._store)
            for name in networks:
                self._keys[name] = key_of(
                    clip=source,
                    storage=protocol.common_storage,
                    network=network_of(name, measures),
                    environment=known.environment,
                )
        self.features: Mapping[str, SharedFeatures] = {
            name: _shared(name, measures, self._store, self._keys.get(name, "")) for name in networks
        }

    def keep(self) -> None:
        """Put what was computed into the store."""
        for name, key in self._keys.items():
            computed = self.features[name].computed
            if self._store is not None and computed is not None:
                rows = np.array(computed.shape, "<i8").tobytes()
                self._store.put(REFERENCE_FEATURES, key, rows + computed.astype("<f4").tobytes())


def _shared(name: str, measures: Measures, store: Store | None, key: str) -> SharedFeatures:
    from tokenbench.metrics.feature_meters import SharedFeatures

    content = store.get(REFERENCE_FEATURES, key) if store else None
    if content is None:
        return SharedFeatures(open_side(name, measures))
    shape = np.frombuffer(content, "<i8", 2)
    return SharedFeatures(open_side(name, measures), np.frombuffer(content, "<f4", offset=16).reshape(tuple(shape)))

"""What chosen tokenizers and metrics need of weight files, before any is fetched. Asks no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenbench.bundle.record import Kind
from tokenbench.custom import is_custom
from tokenbench.errors import Problems, TokenBenchError
from tokenbench.metrics.catalog import choose
from tokenbench.networks.cards import NETWORKS
from tokenbench.networks.find import stored_network
from tokenbench.registry import find_card, registered
from tokenbench.tokenizer import Card
from tokenbench.weights.stored import stored_weights


@dataclass(frozen=True, kw_only=True)
class Need:
    """The weights of a tokenizer, or of a network that metrics stand on.

    Args:
        name: of the tokenizer or network.
        kind: which of the two.
        license: of the weights.
        published: where they come from.
        state: where they are now: "installed", "package", "cached" or "missing".
    """

    name: str
    kind: Kind
    license: str
    published: str
    state: str


def needs(tokenizers: Sequence[str], metrics: Sequence[str]) -> tuple[Need, ...]:
    """Tokenizers first, then networks, each once; names that need no file are left out.

    Raises:
        Problems: names are unknown, or mean a user's own files; a line each.
        TokenBenchError: a metric is unknown.
    """
    cards: list[Card] = []
    problems: list[str] = []
    for name in dict.fromkeys(tokenizers):
        try:
            cards.append(_card(name))
        except TokenBenchError as error:
            problems.append(str(error))
    if problems:
        raise Problems(problems)
    return (*_of_tokenizers(cards), *_of_metrics(metrics))


def _card(name: str) -> Card:
    if is_custom(name):
        raise TokenBenchError(f"{name} is your own file; copy it, and what it loads, to the other machine yourself")
    card = find_card(name)
    if card.has_weights and name not in registered():
        raise TokenBenchError(
            f"{name} has no name of its own in 'tokenbench list tokenizers'; copy its folder or files to the other "
            "machine yourself, and name them there"
        )
    return card


def _of_tokenizers(cards: Sequence[Card]) -> Iterator[Need]:
    for card in cards:
        if card.has_weights:
            yield Need(
                name=card.info.name,
                kind="tokenizer",
                license=card.info.license,
                published=f"hf:{card.hub.repository}" if card.hub is not None else card.info.weights,
                state=stored_weights(card.info.name, card.hub, card.file_sets).state,
            )


def _of_metrics(metrics: Sequence[str]) -> Iterator[Need]:
    names = dict.fromkeys(metric.network for metric in choose(tuple(metrics)) if metric.network)
    for card in (NETWORKS[name] for name in names):
        stored = stored_network(card)
        yield Need(
            name=card.name,
            kind="network",
            license=card.license,
            published=card.published,
            state=stored[0] if stored else "missing",
        )

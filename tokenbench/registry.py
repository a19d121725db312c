"""Every tokenizer by its name: the registry over the plug-ins' entry points, and a user's own file.

Listing costs no torch: plug-ins offer cards, and a card resolves its network on first use. Names that are too many to
list, such as a codec's operating points, have no fixed card: a plug-in makes it from the name when it is asked for.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points, packages_distributions, version
from typing import TYPE_CHECKING, Any

from tokenbench.custom import is_custom, load_custom
from tokenbench.errors import TokenBenchError
from tokenbench.tokenizer import Card, Tokenizer

if TYPE_CHECKING:
    import torch

# Cards, one or a list of them.
ENTRY_POINT_GROUP = "tokenbench.tokenizers"

# Functions `card(name) -> Card | None`: None where the name is not theirs, TokenBenchError where it is but is wrong.
PATTERN_GROUP = "tokenbench.tokenizer_patterns"

_GROUPS = (ENTRY_POINT_GROUP, PATTERN_GROUP)

# The distribution that this module belongs to.
_OWN = "tokenbench"


@cache
def registered() -> dict[str, Card]:
    """Every registered card by name, in alphabetical order.

    Raises:
        TokenBenchError: a plug-in cannot be loaded, or two offer the same name.
    """
    cards: dict[str, Card] = {}
    origin: dict[str, str] = {}
    for entry in _entries(ENTRY_POINT_GROUP):
        for card in _cards_of(entry):
            name = card.info.name
            if name in cards and cards[name] != card:
                raise TokenBenchError(
                    f"tokenizer {name!r} is offered by {origin[name]} and by {entry.value}; uninstall one of them"
                )
            cards[name] = card
            origin[name] = entry.value
    return dict(sorted(cards.items()))


def find_card(name: str) -> Card:
    """The card of that name: a registered one, or one that a plug-in makes for it.

    Raises:
        TokenBenchError: there is none, and the message has near names; a plug-in knows the name and refuses it; two
            plug-ins offer different cards for it.
    """
    cards = registered()
    if name in cards:
        return cards[name]
    if card := _made(name):
        return card
    near = difflib.get_close_matches(name, cards, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "'tokenbench list tokenizers' shows all"
    raise TokenBenchError(f"unknown tokenizer {name!r}: {hint}")


def packages_of(card: Card) -> dict[str, str] | None:
    """The packages whose code a tokenizer runs, with their versions.

    None where nothing tells when that code changes: its plug-in belongs to no package, or is run from its sources.
    TokenBench's own plug-ins are told by a version beside the code.
    """
    plugins = _plugins_of(card)
    if not plugins or any(_is_editable(plugin) for plugin in plugins if plugin.name != _OWN):
        return None
    found = {plugin.name: plugin.version for plugin in plugins}
    for name in card.requires:
        for distribution in packages_distributions().get(name, ()):
            found[distribution] = version(distribution)
    return found


def plugin_versions(card: Card) -> dict[str, str]:
    """The packages that offer a tokenizer, with their versions; TokenBench itself left out."""
    return {plugin.name: plugin.version for plugin in _plugins_of(card) if plugin.name != _OWN}


def split_names(text: str) -> list[str]:
    """The tokenizers of a text with commas between their names; one name may have a comma itself, as `jit:A,B` has.

    Raises:
        TokenBenchError: the text names none.
    """
    try:
        find_card(text)
    except TokenBenchError:
        names = [name.strip() for name in text.split(",") if name.strip()]
        if not names:
            raise TokenBenchError(f"{text!r} names no tokenizer: 'tokenbench list tokenizers' shows all") from None
        return names
    return [text]


def load_tokenizer(
    name: str,
    weights: str | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    **settings: Any,
) -> Tokenizer:
    """A tokenizer, ready to use.

    Args:
        name: a registered name, one that a plug-in makes a card for, or `path/to/file.py:ClassName` for one's own.
        weights: file or folder of weights; "random" for the framework's default initialisation; None looks in the
            usual places.
        device: torch device.
        dtype: of the network's parameters and arithmetic; None means float32.
        settings: switches of the tokenizer's card, or arguments of one's own class.

    Raises:
        TokenBenchError: unknown name, missing or wrong weights, a file that cannot be imported.
    """
    if is_custom(name):
        return load_custom(name, weights=weights, device=device, dtype=dtype, **settings)
    return find_card(name).load(weights=weights, device=device, dtype=dtype, **settings)


def _made(name: str) -> Card | None:
    """The card that a plug-in makes for a name; None where none knows it."""
    made: dict[str, Card] = {}
    for entry in _entries(PATTERN_GROUP):
        card = _maker(entry)(name)
        if not isinstance(card, Card | None):
            raise TokenBenchError(f"{_where(entry)} gave a {type(card).__name__} for {name!r}, expected a card or None")
        if card is not None:
            made[entry.value] = card
    origin = next(iter(made), "")
    for other, card in made.items():
        if card != made[origin]:
            raise TokenBenchError(f"tokenizer {name!r} is offered by {origin} and by {other}; uninstall one of them")
    return made.get(origin)


def _maker(entry: EntryPoint) -> Callable[[str], Card | None]:
    maker = _loaded(entry)
    if not callable(maker):
        raise TokenBenchError(f"{_where(entry)} offers a {type(maker).__name__}, expected a function card(name)")
    return maker


def _cards_of(entry: EntryPoint) -> list[Card]:
    """The cards that one plug-in offers: a card, or an iterable of cards."""
    offered = _loaded(entry)
    cards = [offered] if isinstance(offered, Card) else list(offered) if isinstance(offered, Iterable) else [offered]
    for card in cards:
        if not isinstance(card, Card):
            raise TokenBenchError(
                f"{_where(entry)} offers a {type(card).__name__}, expected tokenbench.Card or a list of them"
            )
    return cards


def _plugins_of(card: Card) -> list[Distribution]:
    module = card.factory.partition(":")[0].partition(".")[0]
    entries = [entry for group in _GROUPS for entry in _entries(group) if entry.module.partition(".")[0] == module]
    return [entry.dist for entry in entries if entry.dist is not None]


def _is_editable(package: Distribution) -> bool:
    """Whether a package was installed as a link to its sources (PEP 610)."""
    told = json.loads(package.read_text("direct_url.json") or "{}")
    return bool(told.get("dir_info", {}).get("editable"))


def _entries(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda entry: entry.name)


def _loaded(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise TokenBenchError(f"{_where(entry)} cannot be loaded: {error}; repair or uninstall the package") from error


def _where(entry: EntryPoint) -> str:
    return f"plug-in {entry.name!r} ({entry.value})"

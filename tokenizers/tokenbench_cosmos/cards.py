"""Cards."""

CARDS: list = []

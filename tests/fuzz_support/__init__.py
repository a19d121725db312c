"""Damaged files by the hundred: what is damaged (corpus), how (mutations), and who must bear it (parsers)."""

"""Seeing the difference: original and reconstructions of a few clips on a page, with a divider, zoom and error maps.

`choice` says which clips and `moments` which of their frames; `sources` opens originals and reconstructions, `layers`
writes what is shown into files, and `page` puts them side by side.
"""

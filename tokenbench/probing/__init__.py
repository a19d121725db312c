"""Synthetic inputs that lay a tokenizer's faults bare, without any data set.

One module a probe: it makes its pattern, sends it through the tokenizer as `eval` sends a clip, and says in figures
and a sentence what came back. `tokenbench.probing.catalog` lists them, `tokenbench.probing.run` runs them,
`tokenbench.probing.report` writes what they found.
"""

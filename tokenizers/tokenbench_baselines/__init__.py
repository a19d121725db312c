"""Reference points for any tokenizer: the identity, an analytic transform, and classical codecs."""

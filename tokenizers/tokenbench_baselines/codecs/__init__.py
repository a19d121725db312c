"""Classical codecs: families of operating points, each of which is a tokenizer."""

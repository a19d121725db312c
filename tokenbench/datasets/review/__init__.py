"""The review of built clips by a person: a local web page, and the file of decisions that the next build reads."""

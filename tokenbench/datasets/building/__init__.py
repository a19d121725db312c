"""Building a benchmark: from raw data sets to prepared clips, by a protocol."""

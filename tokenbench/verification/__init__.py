"""Whether a run's numbers hold: its files agree with each other, and clips that are scored again score the same."""

"""Trainers of the baselines that are learned."""

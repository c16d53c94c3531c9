"""The public contract, run for every backend."""

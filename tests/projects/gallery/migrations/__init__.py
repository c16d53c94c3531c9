"""The migrations of the gallery."""

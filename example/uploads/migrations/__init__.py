"""The models' history."""

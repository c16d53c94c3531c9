"""Holds the command."""

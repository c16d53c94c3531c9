"""Holds the command that prepares and serves the site."""

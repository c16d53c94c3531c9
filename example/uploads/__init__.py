"""The one app of the example site."""

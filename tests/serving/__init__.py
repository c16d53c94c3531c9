"""Serving files, seen from outside: real servers, real clients."""

"""What the storages that speak HTTP share, against a real TCP server."""

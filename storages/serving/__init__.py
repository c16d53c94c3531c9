"""What :mod:`storages.views` is made of: one matter per module, and nothing here at import."""

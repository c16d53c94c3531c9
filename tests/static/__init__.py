"""``collectstatic`` with the mix-ins of storages.static, on every kind of store."""

"""The stress of storages.testing on every backend; ``make faults`` runs all of it."""

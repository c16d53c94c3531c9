"""The stress of storages.testing on every backend; ``make faults`` runs all of it."""

from __future__ import annotations

from storages.testing.case import ContractCase

__all__ = ["Less", "Networked"]


class Less(ContractCase):
    """Less of everything in the quick pass: for storages that are like another one."""

    race_rounds = 200 if ContractCase.full else 2
    leak_operations = 10_000 if ContractCase.full else 60
    fuzz_examples = 1000 if ContractCase.full else 3


class Networked(Less):
    """The same where each operation is a request or several.

    In full, 200 rounds of each race: threads and processes share them; and 60 long histories.
    """

    race_rounds = 100 if ContractCase.full else 2
    leak_operations = 10_000 if ContractCase.full else 40
    fuzz_examples = 200 if ContractCase.full else 3
    model_examples = 3

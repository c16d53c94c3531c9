"""A project as the MogileFS chapter of the manual has it: its settings, models and URLs."""

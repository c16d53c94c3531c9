"""What is peculiar to each backend; what all have in common is in tests/contract."""

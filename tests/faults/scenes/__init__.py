"""Where the experiments of tests/faults/matrix happen: a module for each backend."""

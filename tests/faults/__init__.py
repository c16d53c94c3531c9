"""What must hold after a fault: a killed process, a failing system call, a full disk."""

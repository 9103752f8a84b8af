"""What holds for the running system."""

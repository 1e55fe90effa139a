"""Laws of the simulated market."""

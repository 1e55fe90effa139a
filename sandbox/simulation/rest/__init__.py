"""What the simulated venue answers to requests, from the same state that its streams tell of."""

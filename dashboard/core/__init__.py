"""What the read service knows and answers: pure, no I/O, time comes in as an argument."""

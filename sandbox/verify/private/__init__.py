"""What happened to accounts, proven: the recording against itself, and the pipeline's topics against the recording."""

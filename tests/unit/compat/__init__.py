"""The suite that reads our topics with other people's tools: its own arithmetic, and its page."""

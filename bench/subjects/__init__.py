"""What is measured: each a process of its own, told by arguments, that writes down what it saw."""

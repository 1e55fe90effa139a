"""The exchange's faults, without sockets."""

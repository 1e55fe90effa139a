"""The read service and web page over the derived topics."""

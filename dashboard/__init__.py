"""The read service: what the derived topics say now, as JSON over HTTP."""

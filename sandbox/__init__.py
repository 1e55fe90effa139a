"""One machine, no internet: an exchange, a broker, a registry, and the demo that runs everything on them."""

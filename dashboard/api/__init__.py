"""The answers over HTTP: routes, their documentation, problems, health."""

"""What watches the services: alert rules, Grafana dashboards, and what Prometheus scrapes. No part of the wheel."""

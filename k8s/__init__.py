"""How the services run on Kubernetes: manifests, what of them is generated, and checks of what is rendered."""

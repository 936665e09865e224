"""The stack engine: atmos.yaml and stack manifests in, resolved instances out."""

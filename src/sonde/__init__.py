"""Sonde: an open, self-hosted control plane for Terraform and OpenTofu on GitHub."""

__version__ = "0.1.0"

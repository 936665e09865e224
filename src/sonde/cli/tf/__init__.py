"""Running Terraform or OpenTofu for a component in a stack: each file is one step of `sonde terraform`."""

"""No code: this distribution only names a command (see pyproject.toml)."""

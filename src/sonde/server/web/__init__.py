"""The frame of every page: sign-in, the guard before each, headers, templates and filters. Knows no domain."""

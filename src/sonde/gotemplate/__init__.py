"""Go text/template, interpreted in Python. Imports nothing of ours."""

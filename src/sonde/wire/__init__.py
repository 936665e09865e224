"""The protocol between client and server, defined once for both sides. Imports nothing of ours and no library."""

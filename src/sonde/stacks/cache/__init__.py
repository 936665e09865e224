"""Answers kept on disk: the second run of an unchanged tree prints what the first one printed.

Only a whole answer is kept (what a command wrote, and exit code 0), together with everything it was made from: files,
listings, names that were looked for, environment variables, Sonde's own source. `watching` notes these while the command
runs, below all that reads them (the interpreter's audit events, `os.stat`), so that no reader can be forgotten; what
cannot be checked later (a subprocess, the network, the clock, chance, a written file) makes the run one that is not kept.
`replay` checks each of them again and prints the bytes; it imports next to nothing, so that it is fast. `entries` is the
folder: `$XDG_CACHE_HOME/sonde/v1`, else `~/.cache/sonde/v1`; safe to delete, bounded, switched off by `SONDE_CACHE=off`.
"""

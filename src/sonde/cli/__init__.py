"""The command line: argv to git, stacks and the wire."""

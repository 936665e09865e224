"""The runner of the offline GitHub: parses workflow files and executes their `run:` steps for real.

It knows nothing of the sandbox's state: it is given a `RunRequest`, reports `RunEvent`s through a callback, and the
sandbox turns those into jobs, check runs, logs and webhooks.

asked and told        model
expressions           syntax (text to tree), values, functions, expressions (evaluating), contexts
a workflow file       document (values with file:line), workflow, triggers, globs, matrix
running one           start (does an event start it), execute (a run), job, step, commands, checkout, process
"""

"""The runner of the offline GitHub: parses workflow files and executes their `run:` steps for real.

It knows nothing of the sandbox's state: it is given a `RunRequest`, reports `RunEvent`s through a callback, and the
sandbox turns those into jobs, check runs, logs and webhooks. Modules, each of which imports only those before it:
model, expressions, workflow, triggers, job, execute.
"""

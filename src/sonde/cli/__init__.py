"""The command line: argv to git, stacks and the wire. The table of all commands is `sonde/main.py`.

Where to look:

groups of commands     pro, describe, listing (`list`), terraform, lazy (how a table becomes a group)
pro                    lock, with_lock, pro_locks, pro_status, pro_config, commit
describe, list         describe_stacks, describe_workflows, affected, affected_list, list_inventory, validate, version
terraform              tf/ (one module for each step of a run)
asking the server      client (one function a call), transport (one HTTP request), answers, reads (what stands), upload,
                       progress, oidc (signing in), sts/ (tokens for private sources), settings, hold (a held lock), signals
what changed           affected_question, affected_base, affected_output
the world outside      process (environment, streams, clock: read nowhere else), git, project, inventory, log
argv and output        options, spelling, called (by which name), columns, tables, printing, redact (no login in a text),
                       errors (every exit code)
"""

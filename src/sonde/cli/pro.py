"""`sonde pro`: stack locks and commits on the control plane. Each command is imported only when it is called."""

from sonde.cli.lazy import LazyGroup, Table
from sonde.cli.options import examples

COMMANDS: Table = {
    "lock": ("sonde.cli.lock:lock", "Lock a component in a stack."),
    "unlock": ("sonde.cli.lock:unlock", "Release the lock of a component in a stack."),
    "locks": ("sonde.cli.pro_locks:command", "Show who holds which lock, until when, and why."),
    "with-lock": ("sonde.cli.with_lock:command", "Run a command while a component in a stack is locked."),
    "status": ("sonde.cli.pro_status:command", "Show how the instances are, or how far a pull request is."),
    "commit": ("sonde.cli.commit:commit", "Commit changes through the control plane's GitHub App."),
    "config": ("sonde.cli.pro_config:config", "Show the settings for the control plane and where each comes from."),
}

EXAMPLES = examples(
    "sonde pro config                                # which server, as whom, and which file or variable says so",
    "sonde pro lock vpc -s prod/us-east-1            # and sonde pro unlock …",
    "sonde pro with-lock vpc -s prod -- make deploy  # unlocks whatever happens",
)

group = LazyGroup(name="pro", table=COMMANDS, help="Lock, unlock and report to the control plane.", epilog=EXAMPLES)

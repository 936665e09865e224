"""Running Terraform or OpenTofu for a component in a stack.

the command line   argv (words to a call), flags (which are known), words (a call to words)
one instance       instance (what the call is about), environment, files and hcl (what Terraform finds), steps (which commands,
                   decided), execute (all of it), run (the process), status (telling the control plane)
several            selection, order, schedule (what may start, decided), many, parallel, node (a process of its own), board
                   (what is seen), summary
other commands     generate, planfile, outputs, clean, shell
"""

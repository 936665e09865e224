"""The stack engine: atmos.yaml and stack manifests in, resolved instances out.

What other continents use:

- `tree.Tree` (read_bytes, exists, entries; absolute paths) and `tree.WorkingTree(root)`.
- `engine.open_engine(config, tree, env=…) -> Engine`, to ask several questions of one tree: `Engine.stacks(options)`,
  `Engine.component(component, stack, options)`.
- `engine.Stacks.instances`: `Instance(stack, kind, name, file, sections)`. `sections` holds all that Terraform needs: vars, env,
  settings, metadata, providers, backend, backend_type, workspace, command, component_info. Values are shared: read-only.
- `dependents.of_target(project, stacks, target)` and `dependents.edges(sections)`: who depends on what.

Every error is a `errors.StacksError` with message, hints and exit code.
"""

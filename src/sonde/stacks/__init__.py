"""The stack engine: atmos.yaml and stack manifests in, resolved instances out.

What other continents use:

- `tree.Tree` (read_bytes, exists, entries; absolute paths) and `tree.WorkingTree(root)`.
- `engine.open_engine(config, tree, env=…) -> Engine`, to ask several questions of one tree: `Engine.stacks(options)`,
  `Engine.component(component, stack, options)`.
- `engine.Stacks.instances`: `Instance(stack, kind, name, file, sections)`. `sections` holds all that Terraform needs: vars, env,
  settings, metadata, providers, backend, backend_type, workspace, command, component_info. Values are shared: read-only.
- `dependents.of_target(project, stacks, target)` and `dependents.edges(sections)`: who depends on what.

Every error is an `errors.StacksError` with message, hints and exit code.

Where to look:

one answer           engine (all of it in order), describe (one component), rows (lists), provenance, sources, places
which files          tree, discovery, manifests, globs, imports, exclusive, git_values
what a file says     goyaml/ (YAML), hcl, hcl_json, schema/ (its form), locals
what they add up to  merge, deferred, marks, kinds (layers of sections), inherit, components, custom (other types)
templates            templates, rendering (component stage), atmos_functions, gotemplate (a filter for the corpus)
YAML functions       functions, terraform_values (`!terraform.*`), yq, yq_functions
of a component       names, component_paths, backends, backend_file, terraform_config, dependents, depends_on, integrations,
                     secrets, global_auth, versions, values
atmos.yaml           config/ (reading it), project (what of it the engine needs)
what a change does   affected/
kept between runs    cache/
text                 yamldump, errors
"""

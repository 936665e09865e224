"""What a change touches: the working tree compared with a base commit (stacks.md §10).

repository   git's own answers: commits, changed paths, objects
gittree      the base commit as a `Tree`, without a checkout
load         both sides as stacks; what the change cannot have touched is taken over from HEAD's side
changes      changed files, and whether a folder, a file or a module was hit
reuse        which manifests the base may read differently
kept         what manifests came to, kept between runs
reasons      why one instance is affected
compare      the list of affected and deleted instances
items        affected instances as the answer shows them
dependents   who depends on whom, as a tree below each item
spacelift    the admin stacks that manage affected instances
"""

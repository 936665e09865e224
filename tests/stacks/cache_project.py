"""A project whose commands are asked in a child process, as the console script begins, with the cache and without it."""

import gc
import os
import sys

from program import shared

from sonde import start
from sonde.cli import errors
from sonde.main import cli
from sonde.stacks.cache import entries, facts, replay, running

ATMOS = """\
base_path: "."
components: {terraform: {base_path: components/terraform}}
stacks:
  base_path: stacks
  included_paths: ["deploy/**/*"]
  name_template: "{{ .vars.stage }}"
templates: {settings: {enabled: true, gomplate: {enabled: true}, sprig: {enabled: true}}}
import: [extra.yaml]
logs: {level: Warning}
"""
STACK = """\
import: ["catalog/*", {{path: "mixins/late", skip_if_missing: true}}]
vars: {{stage: {stage}}}
components:
  terraform:
    app:
      vars:
        region: '{{{{ getenv "REGION" "none" }}}}'
        flag: '{{{{ file.Exists "flag" }}}}'
        note: '{{{{ if file.Exists "note" }}}}{{{{ file.Read "note" }}}}{{{{ end }}}}'
        tier: !env TIER basic
        held: !include data.yaml
"""
FILES = {
    "atmos.yaml": ATMOS,
    "stacks/deploy/dev.yaml": STACK.format(stage="dev"),
    "stacks/deploy/prod.yaml": STACK.format(stage="prod"),
    "stacks/catalog/one.yaml": "vars: {one: 1}\n",
    "stacks/deploy/data.yaml": "a: 1\n",
    "data.yaml": "a: 1\n",
    "components/terraform/app/main.tf": "",
}


KEPT = 0x40  # a bit of the exit code


class Project:
    """A folder with stacks, asked by a child of this process, which begins as the console script does."""

    def __init__(self, root):
        self.root = root
        self.cache = root / "cache"
        self.place = self.cache / "sonde" / f"v{entries.FORMAT}"
        self.env = {"HOME": str(root / "home"), "XDG_CACHE_HOME": str(self.cache), "PATH": os.environ["PATH"]}
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *argv, settled=facts.SETTLED, **env):
        """(exit code, stdout, stderr, whether the answer was a kept one)"""
        what = ("cache_project", "begin", settled)
        code, stdout, stderr = shared().begin(what, argv, cwd=self.root / "tree", env=self.env | env)
        assert code >= 0, (code, stderr)
        return code & ~KEPT, stdout, stderr, bool(code & KEPT)

    def kept(self):
        return sorted(self.place.glob("*")) if self.place.exists() else []

    def edit(self, edit):
        action, name, other = edit
        path = self.root / "tree" / name
        if action == "env":
            self.env[name] = other
        elif action == "unset":
            self.env.pop(name, None)
        elif action == "write":
            self.write(name, other)
        elif not os.path.lexists(path) or not name:
            return
        elif action == "delete":
            path.unlink()
        elif action == "touch" and path.exists():
            path.touch()
        elif action in ("rename", "link"):
            target = self.root / "tree" / other
            target.parent.mkdir(parents=True, exist_ok=True)
            if action == "rename":
                path.rename(target)
            elif target != path:
                target.unlink(missing_ok=True)
                target.symlink_to(path)


def begin(settled):
    """What `sonde.start` and `sonde.main` do, with another time for files to settle; the exit code says whether the answer was kept."""
    gc.disable()
    facts.SETTLED = settled
    argv, code = sys.argv[1:], KEPT
    if not replay.answer(argv, os.environ):
        code = running.run(argv, os.environ, lambda: run_cli(argv))
    start.leave(code)


def run_cli(argv):
    return errors.run(cli, argv, prog="sonde", env=os.environ, stderr=sys.stderr)

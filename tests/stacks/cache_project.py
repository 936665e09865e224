"""A project whose commands are asked in a child process, as the console script begins, with the cache and without it."""

import io
import os
import sys

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
        streams = [self.root / "stdout", self.root / "stderr"]
        child = os.fork()
        if not child:
            self._child(argv, {**self.env, **env}, streams, settled)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        stdout, stderr = (path.read_bytes() for path in streams)
        return code & 0x3F, stdout, stderr, bool(code & 0x40)

    def _child(self, argv, env, streams, settled):
        try:
            facts.SETTLED = settled
            os.chdir(self.root / "tree")
            os.environ.clear()
            os.environ.update(env)
            for number, path in enumerate(streams, 1):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            sys.stdin = io.StringIO()
            sys.stdout, sys.stderr = open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8")  # noqa: SIM115
            code = 0x40
            if not replay.answer(argv, os.environ):
                code = running.run(argv, os.environ, lambda: run_cli(argv))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        except BaseException as error:  # noqa: BLE001 - nothing may return into pytest
            os.write(2, repr(error).encode())
            os._exit(0x3F)

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


def run_cli(argv):
    return errors.run(cli, argv, prog="sonde", env=os.environ, stderr=sys.stderr)

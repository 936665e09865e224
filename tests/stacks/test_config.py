"""atmos.yaml is found, merged, overridden and resolved as the Go CLI does it."""

from pathlib import Path

import pytest

from sonde.stacks import config
from sonde.stacks.config import Flags
from sonde.stacks.config.constraint import satisfies
from sonde.stacks.errors import StacksError

STACKS = "stacks: {base_path: stacks, included_paths: ['**/*'], name_template: '%s'}\n"


@pytest.fixture
def tree(tmp_path):
    """Write files below a git checkout: `tree({"atmos.yaml": "…"})` gives its root."""
    root = tmp_path / "repo"
    (root / ".git").mkdir(parents=True)

    def write(files):
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write


def load(folder, *, flags=None, **env):
    return config.load(cwd=Path(folder), env={"HOME": "/nonexistent", **env}, flags=flags)


def test_the_main_file_wins_over_imports_and_a_later_import_over_an_earlier_one(tree):
    root = tree(
        {
            "atmos.yaml": "import: [cfg/a, ./cfg/b.yaml, cfg/sub/*]\nenv: {own: main}\n",
            "cfg/a.yaml": "env: {own: a, x: a, y: a, only: a}\nlogs: {level: Debug}\n",
            "cfg/b.yaml": "env: {x: b, y: b}\n",
            "cfg/sub/c.yaml": "env: {y: c}\n",
        }
    )
    loaded = load(root)
    assert loaded.raw["env"] == {"own": "main", "only": "a", "x": "b", "y": "c"}
    assert loaded.get("logs.level") == "Debug"


def test_dot_atmos_d_wins_over_atmos_d_and_loses_to_the_main_file(tree):
    root = tree(
        {
            "atmos.yaml": "env: {a: main}\n",
            ".atmos.d/x.yaml": "env: {a: dot, b: dot}\n",
            "atmos.d/x.yaml": "env: {a: d, b: d, c: d}\n",
        }
    )
    assert load(root).raw["env"] == {"a": "main", "b": "dot", "c": "d"}


def test_the_checkout_root_beats_the_nearest_parent_and_both_lose_to_the_folder(tree):
    root = tree(
        {
            "atmos.yaml": STACKS % "root",
            "a/atmos.yaml": STACKS % "parent",
            "a/b/keep": "",
            "c/atmos.yaml": STACKS % "own",
        }
    )
    assert load(root / "a/b").name_template == "root"
    assert load(root / "a/b", ATMOS_GIT_ROOT_BASEPATH="false").name_template == "parent"
    assert load(root / "c").name_template == "own"


def test_config_files_named_by_a_flag_replace_the_search(tree):
    root = tree({"atmos.yaml": "env: {a: root}\n" + STACKS % "root", "other/x.yaml": STACKS % "flag"})
    loaded = load(root, flags=Flags(config=("other/x.yaml",)))
    assert loaded.name_template == "flag"
    assert "env" not in loaded.raw


def test_flags_beat_the_environment_which_beats_files(tree):
    root = tree({"atmos.yaml": "base_path: .\nlogs: {level: Info}\n", "elsewhere/keep": ""})
    assert load(root, ATMOS_LOGS_LEVEL="Debug").get("logs.level") == "Debug"
    assert load(root, ATMOS_LOGS_LEVEL="Debug", flags=Flags(logs_level="Off")).get("logs.level") == "Off"
    assert load(root, ATMOS_BASE_PATH="./elsewhere").base_path == root / "elsewhere"


@pytest.mark.parametrize(
    ("written", "folder"),
    [
        ("''", ""),
        (".", "sub"),
        ("./x", "sub/x"),
        ("..", ""),
        ("there", "there"),
        ("nowhere", "sub/nowhere"),
        ("/abs/x", "/abs/x"),
    ],
)
def test_a_base_path_starts_where_its_form_says(tree, written, folder):
    root = tree({"sub/atmos.yaml": f"base_path: {written}\n", "there/keep": ""})
    assert load(root / "sub").base_path == root / folder


def test_without_any_file_the_built_in_defaults_hold(tmp_path):
    loaded = load(tmp_path)
    assert loaded.folder is None
    assert loaded.included_paths == ("orgs/**/*",)
    assert loaded.name_pattern == "{tenant}-{environment}-{stage}"


def test_keys_are_lower_cased_except_below_env_and_unknown_ones_dropped(tree):
    root = tree({"atmos.yaml": "Env: {MY_Var: x}\nVars: {a: 1}\nsettings: {Pro: {Token: t}}\n"})
    loaded = load(root)
    assert loaded.raw["env"] == {"MY_Var": "x"}
    assert "vars" not in loaded.raw
    assert loaded.pro.token.text == "t"


def test_functions_are_evaluated(tree):
    root = tree(
        {
            "atmos.yaml": "env: {E: !env WHO, D: !env NOPE 'a b', X: !exec echo hi, R: !repo-root , I: !include v.txt}\n",
            "v.txt": "included",
        }
    )
    assert load(root, WHO="me", PATH="/usr/bin:/bin").raw["env"] == {
        "E": "me",
        "D": "a b",
        "X": "hi",
        "R": str(root),
        "I": "included",
    }


def test_an_appended_list_is_added_to_what_lies_below(tree):
    root = tree(
        {
            "atmos.yaml": "import: [a, b]\nstacks: {included_paths: !append ['main/**']}\ncomponents: {terraform: {platforms: !append [x]}}\n",
            "a.yaml": "stacks: {included_paths: ['a/**']}\n",
            "b.yaml": "stacks: {included_paths: !append ['b/**']}\n",
        }
    )
    loaded = load(root)
    assert loaded.included_paths == ("a/**", "b/**", "main/**")
    assert loaded.get("components.terraform.platforms") == ["x"]


def test_each_pro_value_knows_its_origin(tree):
    root = tree({"atmos.yaml": "settings: {pro: {base_url: http://file, endpoint: e, max_payload_bytes: 4000}}\n"})
    pro = load(root, ATMOS_PRO_BASE_URL="http://env", ATMOS_PRO_TOKEN="").pro
    assert (pro.base_url.text, pro.base_url.origin) == ("http://env", "ATMOS_PRO_BASE_URL")
    assert (pro.endpoint.text, pro.endpoint.origin) == ("e", str(root / "atmos.yaml"))
    assert pro.token.is_default
    assert pro.max_payload_bytes == 4000
    assert load(root.parent).pro.base_url.is_default


def test_a_profile_lies_over_the_files_and_under_the_environment(tree):
    root = tree(
        {
            "atmos.yaml": "profiles: {default: dev}\nlogs: {level: Info}\n",
            "profiles/dev/logs.yaml": "logs: {level: Debug}\n",
            "profiles/ci/logs.yaml": "logs: {level: Trace}\n",
            "profiles/ci/.work/x.yaml": "logs: {level: Bogus}\n",
        }
    )
    assert load(root).get("logs.level") == "Debug"
    assert load(root, ATMOS_PROFILE="dev,ci").get("logs.level") == "Trace"
    assert load(root, ATMOS_PROFILE="ci", ATMOS_LOGS_LEVEL="Off").get("logs.level") == "Off"
    with pytest.raises(StacksError, match="profile not found: nope"):
        load(root, ATMOS_PROFILE="nope")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base_path: [1]\n", "'base_path' expected type 'string', got unconvertible type '\\[\\]interface {}'"),
        ("logs: {level: Bogus}\n", "the log level 'Bogus' is not recognized"),
        (
            "version: {constraint: {require: '>= 99.0.0'}}\n",
            "requires Atmos version >= 99.0.0, but you are running 1.227.0",
        ),
        ("x: [\n", "atmos: While parsing config: yaml: line 1: did not find expected node content"),
        ("components: 5\n", "'components' expected a map"),
        ("settings: {pro: [a]}\n", "'settings.pro' expected a map or struct, got \"slice\""),
        ("import: [self.yaml]\n", "import cycle"),
    ],
)
def test_a_wrong_file_is_refused_with_what_and_where(tree, text, message):
    root = tree({"atmos.yaml": text, "self.yaml": "import: [self.yaml]\n"})
    with pytest.raises(StacksError, match=message):
        load(root, ATMOS_PRO_TOKEN="t")


def test_an_import_that_matches_nothing_is_passed_over_with_a_warning(tree):
    root = tree({"atmos.yaml": "import: [nope, 'https://example.com/x.yaml']\n"})
    assert [text.split(": ", 1)[1] for text in load(root).warnings] == [
        "import nope matches no file",
        "remote import https://example.com/x.yaml is not fetched",
    ]


def test_commands_of_a_file_and_its_imports_are_kept_by_name(tree):
    root = tree(
        {
            "atmos.yaml": "import: [c.yaml]\ncommands: [{name: a, steps: [echo main]}]\n",
            "c.yaml": "commands: [{name: a, steps: [echo import]}, {name: b, steps: [echo b]}]\n",
        }
    )
    commands = load(root).raw["commands"]
    assert [(command["name"], command["steps"][0]["command"]) for command in commands] == [
        ("a", "echo main"),
        ("b", "echo b"),
    ]


@pytest.mark.parametrize(
    ("constraint", "met"),
    [
        (">= 1.200.0, < 2.0.0", True),
        (">=99", False),
        ("~1.227", True),
        ("~> 1.226.0", False),
        ("^1.0", True),
        ("1.x", True),
        ("!= 1.227.0", False),
        ("< 1 || >= 1.227", True),
        ("*", True),
    ],
)
def test_a_version_constraint_is_read_as_the_go_library_does(constraint, met):
    assert satisfies("1.227.0", constraint) is met


def test_the_described_struct_names_the_absolute_folders(tree):
    root = tree(
        {"atmos.yaml": "base_path: .\ncomponents: {terraform: {base_path: tf}, mine: {base_path: m}}\n" + STACKS % "x"}
    )
    loaded = load(root)
    described = config.as_described(loaded)
    assert described["terraformDirAbsolutePath"] == str(root / "tf")
    assert described["includeStackAbsolutePaths"] == [str(root / "stacks/**/*")]
    assert described["components"]["Plugins"] == {"mine": {"base_path": "m"}}
    assert loaded.component_base("mine") == root / "m"
    assert loaded.command("terraform") == "terraform"


def test_steps_and_needs_of_custom_commands_are_described_as_they_are_read(tree):
    text = """
commands:
  - name: test
    internal: true
    dependencies: {commands: [compile, {name: lint, flags: {fix: "1"}}]}
    steps:
      - {type: container, action: run, with: {image: alpine}}
      - {type: http, method: GET, with: {a: 1}}
"""
    command = config.as_described(load(tree({"atmos.yaml": text})))["commands"][0]
    assert command["internal"] is True
    assert command["dependencies"] == {"commands": [{"name": "compile"}, {"name": "lint", "flags": {"fix": "1"}}]}
    shown = [{name: value for name, value in step.items() if value is not None} for step in command["steps"]]
    assert shown == [
        {"type": "container", "action": "run", "run": {"image": "alpine"}},
        {"type": "http", "method": "GET", "with": {"a": 1}},
    ]


def test_what_was_switched_off_is_described_and_what_was_not_written_is_not(tree):
    text = "ci: {comments: {enabled: false}}\ngit: {repositories: {live: {uri: x}}}\n"
    described = config.as_described(load(tree({"atmos.yaml": text})))
    assert (described["ci"]["comments"], described["ci"]["annotations"]) == ({"enabled": False}, {})
    assert described["git"]["repositories"]["live"] == {
        "uri": "x",
        "auth": {},
        "clone": {},
        "commit": {"author": {}},
        "init": {},
        "push": {},
    }


def test_names_that_are_somebody_elses_keep_their_case(tree):
    step = "{type: http, Headers: {Accept: a}, env: {TF_Log: 1}, vars: {Size: 2}}"
    text = (
        f"commands: [{{name: c, env: [{{key: Aa, valueCommand: date}}], steps: [{step}]}}]\n"
        "auth:\n"
        "  identities: {Admin: {Kind: aws/user, credentials: {Region: r}}}\n"
        "  providers: {Corp: {kind: saml, spec: {Realm: r}, session: {Duration: 1h}}}\n"
    )
    loaded = load(tree({"atmos.yaml": text}))
    command = loaded.get("commands")[0]
    assert command["env"] == [{"key": "Aa", "value": "", "valueCommand": "date"}]
    assert {key: command["steps"][0][key] for key in ("headers", "env", "vars")} == {
        "headers": {"Accept": "a"},
        "env": {"TF_Log": "1"},
        "vars": {"Size": "2"},
    }
    assert loaded.get("auth.identities") == {"admin": {"kind": "aws/user", "credentials": {"Region": "r"}}}
    assert loaded.get("auth.providers") == {
        "corp": {"kind": "saml", "session": {"duration": "1h"}, "spec": {"realm": "r"}}
    }


def test_a_condition_of_a_step_is_described_as_what_it_means(tree):
    steps = "".join(
        f"  - {{name: s, type: shell, command: c, when: {when}}}\n"
        for when in (
            " Success",
            '"os == arch"',
            "[ci, local]",
            "{not: ci}",
            "{ANY: [ci, {all: [local]}]}",
            '"!cel os == arch"',
        )
    )
    loaded = load(tree({"atmos.yaml": f"commands:\n- name: c\n  steps:\n{steps}"}))
    assert [step["when"] for step in loaded.get("commands")[0]["steps"]] == [
        "success",
        "!cel os == arch",
        {"all": ["ci", "local"]},
        {"not": "ci"},
        {"any": ["ci", {"all": ["local"]}]},
        "!cel os == arch",
    ]


def test_elements_of_a_free_list_with_a_function_are_described_under_their_index_too(tree):
    text = "devcontainer: {a: {ports: [!env PORT 1, 2]}}\ncommands: [{name: c, aliases: [!env PORT x]}]\n"
    loaded = load(tree({"atmos.yaml": text}))
    assert loaded.get("devcontainer") == {"a": {"ports": ["1", 2], "ports[0]": "1", "ports[1]": 2}}
    assert not any("[" in key for key in loaded.get("commands")[0])


def test_of_two_variables_for_one_setting_the_tools_own_wins(tree):
    root = tree({"atmos.yaml": "components: {terraform: {plugin_cache: false}}\n"})
    env = {
        "GITHUB_ACTOR": "octo",
        "ATMOS_GITHUB_USERNAME": "me",
        "THEME": "light",
        "ATMOS_COMPONENTS_TERRAFORM_PLUGIN_CACHE": "true",
        "GITHUB_TOKEN": "secret",
    }
    loaded = load(root, **env)
    assert loaded.get("settings.GithubUsername") == "me"
    assert loaded.get("settings.terminal.theme") == "light"
    assert loaded.get("components.terraform.plugin_cache") is True
    assert loaded.get("settings.GithubToken") == ""


def test_a_base_path_that_was_discovered_from_a_folder_below_is_told_as_an_absolute_one(tree):
    root = tree({"atmos.yaml": "base_path: .\n", "sub/x": ""})
    assert load(root).get("base_path") == "."
    assert load(root / "sub").get("base_path") == str(root)
    assert load(root / "sub").base_path == root
    assert load(root / "sub", ATMOS_BASE_PATH="..").get("base_path") == ".."
    assert load(root / "sub", ATMOS_GIT_ROOT_BASEPATH="false").get("base_path") == "."

"""`sonde pro lock` and `unlock` as a process."""

import subprocess

import pytest

LOCK = ("pro", "lock", "vpc", "-s", "dev")


def test_component_and_stack_make_the_key_by_argument_or_by_flags(sonde, plane):
    for argv in (LOCK, ("pro", "lock", "-c", "vpc", "--stack", "dev"), ("pro", "lock", "--component=vpc", "-sdev")):
        assert sonde(*argv).returncode == 0
    assert {seen.body["key"] for seen in plane.seen} == {"acme/infra/dev/vpc"}


def test_names_with_slashes_stay_as_typed(sonde, plane):
    sonde("pro", "lock", "queue/worker", "-s", "live/use2/dev", "-t", "0", "-m", "")
    assert plane.seen[0].body == {
        "key": "acme/infra/live/use2/dev/queue/worker",
        "ttl": 30,
        "lockMessage": "Locked by Atmos",
    }


def test_a_granted_lock_is_told_on_stderr_with_its_end(sonde, plane):
    plane.says((200, {"success": True, "data": {"key": "k", "expiresAt": "2030-01-01T00:00:30Z"}}))
    done = sonde(*LOCK)
    assert (done.returncode, done.stdout) == (0, "")
    assert "✓ Stack 'k' successfully locked" in done.stderr
    assert "2030-01-01T00:00:30Z" in done.stderr


def test_a_held_lock_ends_with_one_and_says_who_holds_it(sonde, plane):
    plane.says((409, {"success": False, "errorMessage": "held by run 7 until noon", "traceId": "t"}))
    done = sonde(*LOCK)
    assert done.returncode == 1
    assert "\n# Error\n\n**Error:** failed to lock stack failed to lock stack: API response error: " in done.stderr
    assert "held by run 7 until noon trace_id: t" in done.stderr
    assert len(plane.seen) == 1


def test_unlock_sends_the_key_in_the_body_of_a_delete(sonde, plane):
    done = sonde("pro", "unlock", "vpc", "-s", "dev")
    assert (plane.seen[0].method, plane.seen[0].body) == ("DELETE", {"key": "acme/infra/dev/vpc"})
    assert done.stderr == "\n✓ Stack 'acme/infra/dev/vpc' successfully unlocked\n\n"


@pytest.mark.parametrize("argv", [("pro", "lock", "vpc"), ("pro", "lock", "-s", "dev"), ("pro", "unlock")])
def test_component_and_stack_are_both_required(sonde, plane, argv):
    done = sonde(*argv, env={"ATMOS_STACK": "dev"})
    assert done.returncode == 1
    assert "component and stack are both required" in done.stderr
    assert not plane.seen


def test_a_checkout_without_a_remote_locks_with_an_empty_owner_and_name(sonde, plane, checkout):
    subprocess.run(["git", "remote", "remove", "origin"], cwd=checkout, check=True)
    assert sonde(*LOCK).returncode == 0
    assert plane.seen[0].body["key"] == "//dev/vpc"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("pro",), "sonde pro requires a subcommand"),
        (("pro", "install"), "Unknown command install for sonde pro"),
        (("pro", "unlock", "--ttl", "5"), "unknown flag --ttl for command sonde pro unlock"),
        (("pro", "lock", "vpc", "-s", "dev", "--ttl", "2147483648"), "2147483648"),
        (
            ("pro", "lock", "vpc", "-s", "dev", "-c", "eks"),
            "which component: vpc, the argument, or eks, of --component",
        ),
        (("pro", "unlock", "vpc", "-s", "dev", "-c", "eks"), "which component"),
    ],
)
def test_wrong_usage_ends_with_one_under_its_own_heading(sonde, plane, argv, says):
    done = sonde(*argv)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("\n# Incorrect Usage\n\n**Error:** ")
    assert says in done.stderr
    assert not plane.seen


def test_global_flags_stand_before_the_command_or_behind_it(sonde, plane, checkout, tmp_path):
    name = checkout.name
    for argv in (("-C", name, *LOCK), (*LOCK, "--chdir", name), ("pro", "-C", name, "lock", "vpc", "-s", "dev")):
        assert sonde(*argv, cwd=tmp_path).returncode == 0, argv
    assert sonde(*LOCK, cwd=tmp_path, env={"ATMOS_CHDIR": name}).returncode == 0
    assert {seen.body["key"] for seen in plane.seen} == {"acme/infra/dev/vpc"}


def test_a_folder_that_is_not_there_is_named(sonde, plane):
    done = sonde("-C", "nowhere", *LOCK)
    assert done.returncode == 1
    assert "cannot change to the folder nowhere" in done.stderr


def test_without_manifests_the_folder_that_was_looked_in_is_named(sonde, plane, checkout):
    (checkout / "stacks" / "dev.yaml").unlink()
    done = sonde(*LOCK)
    assert done.returncode == 1
    assert str(checkout / "stacks") in done.stderr
    assert not plane.seen


def test_a_lost_answer_says_that_the_lock_may_stand_and_a_server_that_is_away_does_not(sonde, plane):
    plane.says(("close", b""))
    assert "Whether the lock was taken is not known" in sonde(*LOCK).stderr
    done = sonde(*LOCK, env={"ATMOS_PRO_BASE_URL": "http://127.0.0.1:1"})
    assert "connection refused" in done.stderr
    assert "not known" not in done.stderr


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("0x1e", 30), ("036", 30), ("0o36", 30), ("1_000", 1000), ("-5", -5)]
)
def test_a_time_to_live_is_written_as_go_reads_numbers(sonde, plane, text, seconds):
    assert sonde("pro", "lock", "vpc", "-s", "dev", f"--ttl={text}").returncode == 0
    assert plane.seen[0].body["ttl"] == seconds


@pytest.mark.parametrize("text", ["", " 5", "1.5", "x", "089"])
def test_a_time_to_live_that_is_no_number_is_refused(sonde, plane, text):
    assert sonde("pro", "lock", "vpc", "-s", "dev", f"--ttl={text}").returncode == 1
    assert not plane.seen


SEVERAL = ("pro", "lock", "vpc", "eks", "vpc", "-s", "dev")


def test_several_components_are_asked_for_in_one_request(sonde, plane):
    granted = [{"key": f"acme/infra/dev/{name}", "expiresAt": f"2030-01-01T00:00:{name}Z"} for name in ("10", "20")]
    plane.says((200, {"success": True, "data": {"locks": granted}}))
    done = sonde(*SEVERAL, "-t", "60", "-m", "both")
    (seen,) = plane.seen
    assert (seen.method, seen.path) == ("POST", "/api/v1/locks/all")
    assert seen.body == {"keys": ["acme/infra/dev/vpc", "acme/infra/dev/eks"], "ttl": 60, "lockMessage": "both"}
    assert (done.returncode, done.stdout) == (0, "")
    for one in granted:
        assert f"✓ Stack '{one['key']}' successfully locked\n  It ends by itself at {one['expiresAt']}" in done.stderr


def test_one_component_named_twice_is_one_and_asked_for_as_ever(sonde, plane):
    assert sonde("pro", "lock", "vpc", "vpc", "-s", "dev").returncode == 0
    assert plane.seen[0].path == "/api/v1/locks"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((409, {"success": False, "errorTag": "LockConflict", "errorMessage": "held by run 7"}), "None of them was locked"),
        ((404, {"success": False, "errorMessage": "no such route"}), "Only a Sonde server locks several at once"),
        (("close", b""), "Whether the lock was taken is not known"),
    ],
)  # fmt: skip
def test_of_several_none_is_locked_where_one_is_not(sonde, plane, reply, words):
    plane.says(reply)
    done = sonde(*SEVERAL)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "successfully" not in done.stderr


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((*SEVERAL, "--wait"), "--wait waits for one component"),
        ((*SEVERAL, "-c", "rds"), "--component names one more"),
        (("pro", "lock", "vpc", "", "-s", "dev"), "component and stack are both required"),
        (("pro", "unlock", "vpc", "eks", "-s", "dev", "-c", "rds"), "--component names one more"),
    ],
)
def test_several_components_are_refused_where_only_one_can_be_meant(sonde, plane, argv, words):
    done = sonde(*argv)
    assert done.returncode == 1
    assert words in done.stderr
    assert not plane.seen


def test_of_several_every_lock_is_released_whatever_becomes_of_one(sonde, plane):
    no = {"success": False, "errorTag": "LockNotFound", "errorMessage": "Lock not found or already expired"}
    plane.says((404, no), (200, {"success": True, "data": {}}), (404, no))
    done = sonde("pro", "unlock", "vpc", "eks", "rds", "-s", "dev")
    assert [seen.body["key"] for seen in plane.seen] == [f"acme/infra/dev/{name}" for name in ("vpc", "eks", "rds")]
    assert done.returncode == 1
    assert "✓ Stack 'acme/infra/dev/eks' successfully unlocked" in done.stderr
    for name in ("vpc", "rds"):
        assert f"acme/infra/dev/{name}: failed to unlock stack" in done.stderr

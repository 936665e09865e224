"""Uploads: what of an instance travels, and how much of it at a time."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.cli import progress, project, upload
from sonde.cli.errors import ApiError, GitError
from sonde.cli.log import Log
from sonde.cli.process import Process
from sonde.cli.upload import BY_A_HAIR, Uploadable, affected_json, cut, instance_item


@pytest.fixture
def home(checkout, plane):
    env = {"ATMOS_PRO_BASE_URL": plane.url, "ATMOS_PRO_TOKEN": "x", "HOME": str(checkout)}
    world = Process(env, checkout, io.StringIO(), io.StringIO(), now=lambda: 0.0, sleep=lambda _: None)
    return project.load(world, {})


def limited(home, limit):
    with (Path(home.config.folder) / "atmos.yaml").open("a") as file:
        file.write(f"settings: {{pro: {{max_payload_bytes: {limit}}}}}\n")
    return project.load(home.process, {})


def vpc(stack="dev", metadata=None, **settings):
    return Uploadable("vpc", stack, "terraform", metadata or {}, settings)


@pytest.mark.parametrize(
    ("found", "pro"),
    [
        (vpc(pro={}), {"enabled": True}),
        (vpc(pro={"enabled": False}), {"enabled": False}),
        (vpc(pro={"enabled": "false"}), {"enabled": True}),
        (vpc(metadata={"enabled": False}, pro={"enabled": True}), {"enabled": False}),
        (
            vpc(pro={"drift_detection": {"detect": 1}}),
            {"enabled": True, "drift_detection": {"detect": 1, "enabled": False}},
        ),
        (
            vpc(pro={"enabled": False, "drift_detection": {"enabled": True}}),
            {"enabled": False, "drift_detection": {"enabled": False}},
        ),
        (vpc(pro="on"), "on"),
    ],
)
def test_enabled_is_told_as_what_it_comes_to(found, pro):
    assert instance_item(found).settings == {"pro": pro}


def test_an_instance_without_pro_settings_travels_without_settings(home, plane):
    upload.instances(home, [vpc(other={"secret": 1})])
    assert plane.seen[0].body["instances"] == [{"component": "vpc", "stack": "dev", "component_type": "terraform"}]


def test_the_inventory_is_sorted_and_counted(home, plane):
    drift = {"enabled": True, "drift_detection": {"enabled": True}}
    upload.instances(home, [vpc("prod"), vpc("dev", pro=drift), Uploadable("app", "dev", "helmfile", {}, {"pro": {}})])
    (seen,) = plane.seen
    assert (seen.method, seen.path) == ("POST", "/api/v1/instances")
    assert [(item["stack"], item["component"]) for item in seen.body["instances"]] == [
        *(("dev", "app"), ("dev", "vpc"), ("prod", "vpc")),
    ]
    assert seen.body["repo_owner"] == "acme"
    assert "batch_id" not in seen.body
    assert (
        "uploaded 3 instances to Atmos Pro API (2 enabled, 1 disabled, 1 drift enabled)."
        in home.process.stderr.getvalue()
    )


def test_an_empty_inventory_is_not_uploaded(home, plane):
    upload.instances(home, [])
    assert not plane.seen
    assert "nothing to upload" in home.process.stderr.getvalue()


def test_an_affected_item_travels_without_what_is_nobodys_business():
    item = {
        "component": "vpc",
        "stack": "dev",
        "affected": "stack.vars",
        "component_path": "components/terraform/vpc",
        "settings": {"pro": {"enabled": True}, "secret": 1},
        "dependents": [{"component": "app", "stack": "dev", "dependents": None, "settings": {"x": 1}}],
        "included_in_dependents": False,
    }
    blank = {"component_type": "", "component_path": "", "stack_slug": ""}
    assert affected_json(item) == {
        "component": "vpc",
        "stack": "dev",
        **blank,
        "affected": "",
        "affected_all": None,
        "included_in_dependents": False,
        "settings": {"pro": {"enabled": True}},
        "dependents": [
            {
                "component": "app",
                "stack": "dev",
                **blank,
                "dependents": [],
                "included_in_dependents": False,
                "settings": None,
            }
        ],
    }


def test_nothing_affected_is_still_told(home, plane):
    upload.affected(home, [], head_sha="h", base_sha="b")
    assert plane.seen[0].body["stacks"] == []
    assert "✓ Uploaded 0 affected component(s)" in home.process.stderr.getvalue()


def test_without_a_remote_what_is_affected_cannot_be_uploaded(home, plane, checkout):
    (checkout / ".git" / "config").write_text("[core]\n")
    with pytest.raises(GitError, match="repository host '' not supported"):
        upload.affected(home, [], head_sha="h", base_sha="b")
    assert not plane.seen


def test_without_a_checkout_the_inventory_cannot_be_uploaded(home, plane, checkout):
    (checkout / ".git").rename(checkout / "git")
    with pytest.raises(GitError, match="repository does not exist"):
        upload.instances(home, [vpc()])
    assert not plane.seen


def test_big_uploads_go_in_chunks_of_one_batch(home, plane):
    home = limited(home, 600)
    upload.instances(home, [vpc(f"s{number:02}", pro={"x": "y" * 60}) for number in range(9)])
    bodies = [seen.body for seen in plane.seen]
    assert [body["batch_index"] for body in bodies] == list(range(len(bodies)))
    assert {body["batch_total"] for body in bodies} == {len(bodies)}
    assert len({body["batch_id"] for body in bodies}) == 1
    assert [item["stack"] for body in bodies for item in body["instances"]] == [f"s{number:02}" for number in range(9)]


def test_the_first_chunk_that_fails_ends_the_upload_and_is_named(home, plane):
    home = limited(home, 600)
    plane.says((200, {}), (400, {"errorMessage": "no"}))
    with pytest.raises(
        ApiError, match=r"failed to send chunk 2/\d+ \(batch_id=[0-9a-f-]{36}\): failed to upload instances: "
    ):
        upload.instances(home, [vpc(f"s{number:02}", pro={"x": "y" * 60}) for number in range(9)])
    assert len(plane.seen) == 2


def test_a_single_item_above_the_limit_is_part_one_of_one(home, plane):
    home = limited(home, '"600"')
    upload.instances(home, [vpc(pro={"x": "y" * 600})])
    (body,) = (seen.body for seen in plane.seen)
    assert (body["batch_index"], body["batch_total"], bool(body["batch_id"])) == (0, 1, True)


def test_a_limit_of_nothing_or_less_means_the_default(home, plane):
    upload.instances(limited(home, -1), [vpc()])
    assert len(plane.seen) == 1


OK = (200, {"success": True})
BUSY = (400, {"success": False, "errorMessage": "no"})


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([BUSY], "Nothing was uploaded."),
        ([OK, BUSY], "Part 1 of 4 arrived (1 of 4 items); the others were not sent."),
        ([OK, OK, BUSY], "Parts 1 to 2 of 4 arrived (2 of 4 items); the others were not sent."),
        ([("close", b"")], "Whether part 1 arrived is not known; the others were not sent."),
        ([("close", b""), BUSY], "Whether part 1 arrived is not known; the others were not sent."),
        ([(504, b"<html>Gateway Timeout</html>")], "Whether part 1 arrived is not known; the others were not sent."),
        ([(503, {"errorMessage": "away"})], "Nothing was uploaded."),
        ([OK, OK, ("close", b"")], "Parts 1 to 2 of 4 arrived (2 of 4 items); whether part 3 did is not known;"),
    ],
)
def test_an_upload_that_breaks_off_says_what_arrived_and_how_to_send_it_again(home, plane, script, told):
    home = limited(home, 300)
    home = home._replace(process=home.process._replace(argv=("list", "instances", "--upload", "-s", "a b")))
    plane.says(*script)
    with pytest.raises(ApiError) as caught:
        upload.instances(home, [vpc(f"stack{number}", pro={"note": "x" * 100}) for number in range(4)])
    assert caught.value.hints[-1].startswith(told)
    assert caught.value.hints[-1].endswith("Send all of them again: sonde list instances --upload -s 'a b'")


def test_a_long_upload_shows_how_far_it_is_as_a_bar_on_a_terminal_and_as_lines_in_a_log(home):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for err, shown in (
        (io.StringIO(), "Uploading part 2 of 4 (1 of 8 instances).\n"),
        (Terminal(), f"\r\033[K[{'█' * 9}{'░' * 15}] part 2 of 4, 3 of 8 instances\r\033[K"),
    ):
        with progress.part(home.process._replace(stderr=err), 1, [3, 1, 2, 2], "instances"):
            pass
        assert err.getvalue() == shown


@pytest.mark.parametrize(
    "reply", [(200, b"<html>Sign in</html>"), (200, {"success": False, "errorMessage": "no room"})]
)
def test_an_answer_that_only_its_status_calls_a_success_is_doubted_once(home, plane, reply):
    plane.says(reply)
    upload.instances(limited(home, 300), [vpc(f"stack{number}", pro={"note": "x" * 100}) for number in range(4)])
    assert home.process.stderr.getvalue().count("Counted as accepted, but") == 1


def test_a_proxy_that_refuses_the_size_is_told_apart_from_the_control_plane(home, plane):
    plane.says((413, b"<html>Request Entity Too Large</html>"))
    with pytest.raises(ApiError) as caught:
        upload.instances(home, [vpc()])
    assert "settings.pro.max_payload_bytes" in caught.value.hints[0]
    assert caught.value.hints[-1] == "Nothing was uploaded. Send it again: sonde"


@pytest.mark.parametrize(
    ("sizes", "limit", "chunks"),
    [
        ([], 100, [[]]),
        ([10] * 3, 1000, [[0, 1, 2]]),
        ([1000] * 5, 2600, [[0, 1], [2, 3], [4]]),
        ([5000, *[500] * 6], 6000, [[0], [1, 2, 3, 4, 5, 6]]),
        ([9000], 1000, [[0]]),
    ],
)
def test_how_items_are_cut_into_chunks(sizes, limit, chunks):
    assert cut(sizes, limit=limit, overhead=300) == chunks


@given(
    st.lists(st.integers(2, 5000), max_size=60),
    st.integers(400, 20000),
    st.integers(0, 300),
    st.sampled_from([1.0, BY_A_HAIR]),
)
def test_every_item_is_in_one_chunk_and_none_is_above_the_limit_unless_it_is_alone(sizes, limit, overhead, slack):
    chunks = cut(sizes, limit=limit, overhead=overhead, slack=slack)
    assert sorted(at for chunk in chunks for at in chunk) == list(range(len(sizes)))
    for chunk in chunks:
        size = overhead + sum(sizes[at] + 1 for at in chunk)
        assert size <= limit * slack + 2 or len(chunk) == 1


@pytest.mark.parametrize("limit", [700, 750, 999, 1024, 4000])
def test_no_body_is_above_a_limit_that_was_set(home, plane, limit):
    home = limited(home, limit)
    upload.instances(home, [vpc(f"s{number:02}", pro={"x": "ü<" * (number * 7 % 23)}) for number in range(40)])
    assert len(plane.seen) > 1
    assert max(len(seen.raw) for seen in plane.seen) <= limit


def test_one_component_above_the_limit_is_named_since_a_proxy_may_refuse_it(home, plane):
    upload.instances(limited(home, 700), [vpc(), vpc("big", pro={"x": "y" * 700})])
    assert len(plane.seen) == 2
    assert 'This component alone is above max_payload_bytes. instance="vpc in big"' in home.process.stderr.getvalue()


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("{{ .atmos_component }}-{{.atmos_stack}}", False),
        ("{{ .settings.pro.x }}", False),
        ("{{ .vars.region }}", True),
        ('{{ printf "%s.vars" .atmos_stack }}', False),
        ("plain .vars.region", False),
        ("{{ .settings.other }}", True),
    ],
)
def test_a_template_that_the_server_cannot_render_is_warned_of(text, warned):
    stream = io.StringIO()
    upload.warn_of_leftovers(Log(stream), "vpc", "dev", {"pro": {"a": [{"b": text}]}})
    assert bool(stream.getvalue()) is warned
    if warned:
        assert 'instance="vpc in dev" at=settings.pro.a[0].b' in stream.getvalue()


def test_list_instances_uploads_what_it_lists_whatever_filter_shapes_the_table(sonde, plane):
    done = sonde("list", "instances", "--upload", "--filter", '.component == "nothing"')
    assert done.returncode == 0, done.stderr
    assert [item["component"] for item in plane.seen[0].body["instances"]] == ["vpc"]
    assert "Successfully uploaded 1 instances to Atmos Pro API (0 enabled, 1 disabled, 0 drift enabled)." in done.stderr


def test_a_listing_without_the_flag_uploads_nothing(sonde, plane):
    assert sonde("list", "instances").returncode == 0
    assert not plane.seen


@pytest.mark.parametrize("flags", [("--tags", "x"), ("--labels", "a=b"), ("--format", "tree"), ("--format", "matrix")])
def test_what_shows_a_part_of_the_inventory_cannot_be_uploaded(sonde, plane, flags):
    done = sonde("list", "instances", "--upload", *flags)
    assert done.returncode == 1
    assert "is not supported with --" in done.stderr
    assert not plane.seen


def test_a_warning_on_a_terminal_does_not_stand_behind_the_bar(home):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    err = Terminal()
    with progress.part(home.process._replace(stderr=err), 0, [1, 1], "instances"):
        Log(err).warning("Upload failed, retrying.")
    assert "instances\r\033[KWARN Upload failed, retrying.\n" in err.getvalue()

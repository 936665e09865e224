"""Wire objects: names, nulls, and what a wrong body says."""

import pytest

from sonde.wire.affected import AffectedItem, AffectedUpload
from sonde.wire.codec import WireError, from_json, to_json
from sonde.wire.locks import LockRequest
from sonde.wire.times import wire_time


def test_a_lock_request_has_the_names_real_clients_send():
    body = to_json(LockRequest(key="o/r/s/c", message="m"))
    assert body == {"key": "o/r/s/c", "ttl": 30, "lockMessage": "m"}


def test_an_affected_item_sends_null_settings_and_leaves_out_deletion():
    body = to_json(AffectedItem("vpc", "dev"))
    assert body["settings"] is None
    assert body["affected_all"] is None
    assert "deleted" not in body


def test_a_nested_upload_survives_the_round_trip():
    item = AffectedItem("vpc", "dev", dependents=(AffectedItem("app", "dev", settings={"pro": {}}),))
    upload = AffectedUpload("a" * 40, stacks=(item,))
    assert from_json(AffectedUpload, to_json(upload)) == upload


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "body: expected an object, got list"),
        ({"ttl": 3}, "body: key is missing"),
        ({"key": "k", "ttl": "3"}, "body.ttl: str is not what is expected here"),
        ({"key": "k", "ttl": True}, "body.ttl: bool is not what is expected here"),
    ],
)
def test_a_wrong_body_names_the_field(body, said):
    with pytest.raises(WireError, match=said.replace("[", r"\[")):
        from_json(LockRequest, body)


def test_a_whole_number_may_be_written_with_a_fraction_of_zero():
    assert from_json(LockRequest, {"key": "k", "ttl": 30.0}).ttl == 30
    for wrong in (30.5, 1e300, float("inf")):
        with pytest.raises(WireError, match="ttl"):
            from_json(LockRequest, {"key": "k", "ttl": wrong})


def test_a_time_is_floored_to_whole_seconds_with_z():
    assert wire_time(1_700_000_000_999) == "2023-11-14T22:13:20Z"

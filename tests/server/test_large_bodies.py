"""Bodies of many values: built in pieces, so that nobody else waits, and refused where there is too much to build (T10)."""

import asyncio
import gzip
import json
import re
import tracemalloc
import uuid
from functools import cache
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from test_bad_input import WRITING, enveloped
from twins import BODIES, TOKEN, concrete

from sonde.server.kernel import decode as decoding
from sonde.server.kernel.body import read_body
from sonde.server.kernel.http import RefusedError
from sonde.wire.affected import AffectedUpload
from sonde.wire.codec import from_json, json_name
from sonde.wire.exchange import ExchangeRequest
from sonde.wire.executions import Execution, ExecutionData
from sonde.wire.instances import InstancesUpload
from sonde.wire.limits import MAX_MAP, MIB, cap_of
from sonde.wire.locks import LockRequest, UnlockRequest


@cache
def many(of=b'"k%d":0'):
    return b",".join(of % number for number in range(1_000_000))


@cache
def much():
    """What stands behind the fields of a good body: a million keys, also in an unknown field, and empty objects."""
    return many(), b'"x":{' + many() + b"}", b'"x":[' + b",".join([b"{}"] * 1_400_000) + b"]"


@pytest.mark.parametrize(("method", "path"), WRITING)
def test_a_million_values_that_nobody_asked_for_are_refused(twins, method, path):
    good = json.dumps(BODIES[path]).encode()[:-1]
    for more in much():
        answer = enveloped(twins.ask(method, concrete(path), raw=good + b"," + more + b"}", token=TOKEN))
        assert answer.status == (400 if cap_of(path) > 16 * MIB else 413)
        assert "are no upload" in answer.body["errorMessage"] or answer.status == 413


@pytest.mark.parametrize(("method", "path"), WRITING)
def test_much_that_nobody_asked_for_is_passed_over(twins, method, path):
    known = {"batch_id": str(uuid.uuid4())} if "batch_id" in BODIES[path] else {}
    good = json.dumps(BODIES[path] | known).encode()[:-1]
    plain = twins.ask(method, concrete(path), raw=good + b"}", token=TOKEN)
    more = b'"x":{' + many()[: 900 * 1024].rpartition(b",")[0] + b"}"
    answer = enveloped(twins.ask(method, concrete(path), raw=good + b"," + more + b"}", token=TOKEN))
    assert answer.status in (plain.status, 200, 404, 409)


PLACES = {  # where a million keys may stand, of 11 bytes and of 17, and in whose words they are refused
    "settings of an affected instance": (AffectedUpload, b'{"head_sha":"a","stacks":[{"component":"a","stack":"b","settings":{%s}}]}'),
    "pro of an affected instance": (AffectedUpload, b'{"head_sha":"a","stacks":[{"component":"a","stack":"b","settings":{"pro":{%s}}}]}'),
    "pro of a dependent": (AffectedUpload, b'{"head_sha":"a","stacks":[{"component":"a","stack":"b","dependents":[{"component":"c","stack":"b","settings":{"pro":{%s}}}]}]}'),
    "settings of an instance": (InstancesUpload, b'{"instances":[{"component":"a","stack":"b","settings":{%s}}]}'),
    "metrics": (Execution, b'{"execution_id":"e","metrics":{%s}}'),
    "data": (ExecutionData, b'{"execution_id":"e","data":{%s}}'),
    "outputs": (ExecutionData, b'{"execution_id":"e","data":{"components":[{"component":"a","outputs":{%s}}]}}'),
}  # fmt: skip


@pytest.mark.parametrize(("cls", "body"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("key", [b'"k%d":0', b'"kkkkkkk%d":0'], ids=["short keys", "long keys"])
def test_a_million_keys_are_refused_long_before_they_are_built(cls, body, key):
    """By what is built: while one call builds it no other thread runs, the event loop neither. All would be 86 MB and more."""
    raw = body.replace(b"%s", many(key))
    tracemalloc.start()
    try:
        with pytest.raises(RefusedError) as refused:
            decoding.decode(cls, raw)
        assert tracemalloc.get_traced_memory()[1] < 19_000_000  # a copy of the body's text at most
    finally:
        tracemalloc.stop()
    assert refused.value.status == 400
    assert re.search(r"are no upload|has more than (256 KiB|20,000 values)", refused.value.message)


@pytest.mark.parametrize(("path", "field"), [("instances", "instances"), ("affected-stacks", "stacks")])
def test_settings_are_taken_up_to_their_cap(twins, path, field):
    for size, status in ((MAX_MAP, 200), (MAX_MAP + 1, 400)):
        pro = {"pro": {"text": "x" * (size - len(b'{"pro": {"text": ""}}'))}}
        more = {"batch_id": str(uuid.uuid4())} if path == "instances" else {}
        body = {**BODIES[path], **more, field: [{**BODIES[path][field][0], "settings": pro}]}
        answer = enveloped(twins.ask("POST", concrete(path), body=body, token=TOKEN))
        assert answer.status == status
    assert f"body.{field}[0].settings has more than 256 KiB" in answer.body["errorMessage"]


def large(depth=0):
    """An affected instance with what a client may send: nulls for absent lists, a float for a whole number, deep dependents."""
    inner = [large(depth + 1) for _ in range(3)] if depth < 7 else None
    settings = {"pro": {"enabled": True, "count": 1.0}} if depth % 2 else None
    names = {"component": f"component-{depth}", "stack": "plat-use2-dev", "component_type": "terraform"}
    return {**names, "affected_all": None, "dependents": inner, "settings": settings, "vars": {"a": [depth]}}


def test_what_is_cut_into_pieces_is_read_as_in_one(monkeypatch):
    body = {"head_sha": "a" * 40, "batch_id": "b", "batch_index": 1.0, "batch_total": 2, "stacks": [large(), large(6)]}
    raw = json.dumps(body).encode()
    assert len(raw) > 8 * decoding.PIECE
    assert decoding.decode(AffectedUpload, raw) == from_json(AffectedUpload, body)
    monkeypatch.setattr(decoding, "PIECE", 10)
    assert decoding.decode(AffectedUpload, raw) == from_json(AffectedUpload, body)


RESULT = {
    "version": 1,
    "components": [
        {"component": f"c{number}", "exit_code": 0, "changes": [{"action": "create", "address": "a"}] * 20, "logs": "x" * 200}
        for number in range(3000)
    ],
}  # fmt: skip


def test_a_large_result_is_given_back_as_it_came(twins):
    for server in twins.servers.values():
        sent = server.request(
            "POST", "/api/v1/atmos/exec/data", body={"execution_id": "large", "data": RESULT}, token=TOKEN
        )
        got = server.request("GET", urlsplit(sent.body["url"]).path, token=TOKEN)
        assert got.data["data"] == RESULT


def test_a_wrong_field_deep_in_a_large_body_is_named():
    items = [{"component": "c" * 100, "stack": "dev", "dependents": [{"component": "d", "stack": 5}] * 2000}]
    with pytest.raises(RefusedError) as refused:
        decoding.decode(AffectedUpload, json.dumps({"head_sha": "a", "stacks": items}).encode())
    assert "body.stacks[0].dependents[0].stack: int" in refused.value.message


def test_others_have_their_turn_while_a_bomb_is_unpacked():
    bomb = gzip.compress(b" " * (20 * MIB), 1)
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def receive():
        return {"type": "http.request", "body": bomb, "more_body": False}

    async def read():
        beside = asyncio.ensure_future(other())
        request = Request({"type": "http", "method": "POST", "headers": [(b"content-encoding", b"gzip")]}, receive)
        size = len(await read_body(request, 32 * MIB))
        beside.cancel()
        return size

    assert asyncio.run(read()) == 20 * MIB
    assert turns > 200


@pytest.mark.parametrize("cls", [ExchangeRequest, LockRequest, UnlockRequest])
def test_a_stranger_cannot_have_a_large_body_built_by_a_null_in_it(cls, monkeypatch):
    """These are decoded before anybody knows who asks, on the event loop; the tolerant reader builds all that there is."""
    first = json_name(cls, next(iter(cls.__dataclass_fields__)))
    raw = b'{"%s": null, "x": [%s0]}' % (first.encode(), b'"nobody asked",' * 20_000)
    monkeypatch.setattr(decoding, "_tolerant", lambda *_: pytest.fail("it was read again"))
    with pytest.raises(RefusedError) as refused:
        decoding.decode(cls, raw)
    assert first in refused.value.message

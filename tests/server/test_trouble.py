"""When the server itself is in trouble: what a client may try again, and what it may not."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from sonde.server.kernel.outage import unavailable


def test_a_schema_that_does_not_fit_is_the_servers_error_not_a_reason_to_try_again(world):
    token = world.static_token()
    with world.db.write("admin.change") as tx:
        tx.run(text("ALTER TABLE tokens RENAME TO gone"))
    answer = world.server.request(
        "POST", "/api/v1/locks", body={"key": "acme/infra/dev/network", "ttl": 30}, token=token
    )
    assert answer.status == 500
    assert answer.body["request"] == "POST locks"
    assert answer.body["traceId"] in answer.headers["x-trace-id"]


@pytest.mark.parametrize(
    ("statement", "again"),
    [("CREATE TABLE later (id)", True), ("SELECT missing FROM known", False), ("SELEKT 1", False)],
)
def test_a_database_that_cannot_be_written_is_worth_another_try_and_a_wrong_statement_is_not(
    tmp_path, statement, again
):
    path = tmp_path / "known.sqlite"
    run(f"sqlite:///{path}", "CREATE TABLE known (id)")
    with pytest.raises(OperationalError) as caught:
        run(f"sqlite:///file:{path}?mode=ro&uri=true", statement)
    assert unavailable(caught.value) is again


def run(url, statement):
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()

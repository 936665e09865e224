"""The second wall between workspaces: on PostgreSQL what is done in the name of one is done by a role that sees no other (T6).

The role owns nothing and cannot sign in. It may use the tables that have the policy `workspace`, whose rows it sees by
`sonde.workspace`; the other tables it may not even read. The owner, who migrates, works in the background and commits for many
at once, is not bound by policies, so they cost him nothing (docs/adr/0011).
"""

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

SUFFIX = "_tenant"
NAME = f"left(current_user, {63 - len(SUFFIX)}) || '{SUFFIX}'"  # 63 bytes have a name; each owner has a role of his own

RAISE = f"""
DO $$
DECLARE
    tenant text := {NAME};
    owned text;
BEGIN
    IF to_regrole(quote_ident(tenant)) IS NULL THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', tenant);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database's server was quicker
        END;
    END IF;
    BEGIN
        PERFORM set_config('role', tenant, true);
        PERFORM set_config('role', 'none', true);
    EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value THEN
        EXECUTE format('GRANT %I TO CURRENT_USER', tenant);
    END;
    FOR owned IN SELECT format('%I.%I', schemaname, tablename) FROM pg_policies
        WHERE policyname = 'workspace' AND schemaname = current_schema()
    LOOP
        IF NOT has_table_privilege(tenant, owned, 'DELETE') THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', owned, tenant);
        END IF;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- an operator has to: `standing` finds out, and the server says how
END $$
"""  # noqa: S608 - no text of others
BIND = "set_config('sonde.workspace', %s, true), set_config('role', %s, true)"


TURN = 0x50DF  # any number that is ours, and not the migration's


def raise_wall(engine: Engine) -> None:
    """Make the role and let it use the tables that have a policy, as far as we may. Again and again it changes nothing."""
    with engine.begin() as connection:
        # replicas that start together: of two GRANTs on one table at once PostgreSQL refuses one
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TURN})
        connection.execute(text(RAISE))


def hidden(engine: Engine) -> bool:
    """Whether we stand before the wall ourselves: the tables belong to another role, and their rows look like none."""
    with engine.connect() as connection:
        return bool(connection.exec_driver_sql("SELECT row_security_active('repositories')").scalar_one())


def standing(engine: Engine) -> str:
    """The role, where it can be used; empty where an operator has to make it first."""
    try:
        with engine.connect() as connection, connection.begin():
            tenant = str(connection.exec_driver_sql(f"SELECT {NAME}").scalar_one())
            connection.execute(text("SELECT set_config('role', :tenant, true)"), {"tenant": tenant})
            connection.exec_driver_sql("SELECT count(*) FROM batch_parts")
    except DBAPIError:
        return ""
    return tenant

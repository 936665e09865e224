"""Hot statements, compiled once for each database, and many rows given to one of them as one JSON text.

A statement is a function of the dialect's name that builds it with bound parameters. Building and compiling one costs more
than running it, so what `compiled` returns is kept; the function's module is still the only place where its SQL stands.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import JSON, BigInteger, Dialect, Executable, Text, bindparam, cast, column, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ColumnElement

Build = Callable[[str], Executable]  # of the name of a dialect


@dataclass(frozen=True)
class Compiled:
    """SQL of one dialect, the values it was built with, and for positional parameters their order."""

    sql: str
    defaults: Mapping[str, Any]
    order: Sequence[str] | None

    def bound(self, given: Mapping[str, Any]) -> Any:
        """The parameters of one execution as the driver wants them."""
        every = {**self.defaults, **given}
        return every if self.order is None else tuple([every[name] for name in self.order])


def built(build: Build, dialect: str) -> Compiled:
    """The statement that `build` makes for this dialect."""
    language: Dialect = sqlite.dialect() if dialect == "sqlite" else postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
    made = build(dialect).compile(dialect=language, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
    return Compiled(str(made), made.params, made.positiontup if dialect == "sqlite" else None)


compiled = cache(built)


def insert(dialect: str, table: Any) -> Any:
    """`INSERT` of a dialect, with `on_conflict_do_update`; both share the syntax we use."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def rows(items: Sequence[Mapping[str, Any]]) -> str:
    """Rows as the one text that `given` reads again."""
    return msgspec.json.encode(items).decode()


def given(dialect: str, name: str, fields: Mapping[str, Any]) -> dict[str, ColumnElement[Any]]:
    """The columns of rows that come as the JSON text `name`, in its order; `fields` says their types.

    SQLite cannot read an upsert from a select without a condition, so a statement that inserts them needs one.
    """
    if dialect == "sqlite":
        item: Any = func.json_each(bindparam(name, required=False, type_=Text)).table_valued("value", name=name).c.value
        return {field: func.json_extract(item, f"$.{field}", type_=kind) for field, kind in fields.items()}
    text: Any = cast(bindparam(name, required=False, type_=Text), JSON)
    table = func.json_to_recordset(text).table_valued(
        *(column(field, kind) for field, kind in fields.items()), name=name
    )
    read = table.render_derived(with_types=True)
    return {field: read.c[field] for field in fields}


NOW: Any = bindparam("now", required=False, type_=BigInteger)
TEXT, NUMBER = Text(), BigInteger()

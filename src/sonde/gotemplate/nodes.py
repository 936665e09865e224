"""The parse tree. `str(node)` is Go's rendering of the node, which error texts quote."""

from sonde.gotemplate.strconv import quote


class Text:
    __slots__ = ("pos", "text")

    def __init__(self, pos: int, text: str) -> None:
        self.pos = pos
        self.text = text

    def __str__(self) -> str:
        return self.text


class Dot:
    __slots__ = ("pos",)

    def __init__(self, pos: int) -> None:
        self.pos = pos

    def __str__(self) -> str:
        return "."


class Nil:
    __slots__ = ("pos",)

    def __init__(self, pos: int) -> None:
        self.pos = pos

    def __str__(self) -> str:
        return "nil"


class Bool:
    __slots__ = ("pos", "value")

    def __init__(self, pos: int, value: bool) -> None:  # noqa: FBT001  the literal itself
        self.pos = pos
        self.value = value

    def __str__(self) -> str:
        return "true" if self.value else "false"


class Number:
    """A constant; each of integer, unsigned and real is None where Go's parser says the number is not one."""

    __slots__ = ("imaginary", "integer", "pos", "real", "text", "unsigned")

    def __init__(
        self,
        pos: int,
        text: str,
        integer: int | None,
        unsigned: int | None,
        real: float | None,
        imaginary: complex | None = None,
    ) -> None:
        self.pos = pos
        self.text = text
        self.integer = integer
        self.unsigned = unsigned
        self.real = real
        self.imaginary = imaginary

    def __str__(self) -> str:
        return self.text


class String:
    __slots__ = ("pos", "quoted", "text")

    def __init__(self, pos: int, quoted: str, text: str) -> None:
        self.pos = pos
        self.quoted = quoted
        self.text = text

    def __str__(self) -> str:
        return self.quoted


class Identifier:
    __slots__ = ("name", "pos")

    def __init__(self, pos: int, name: str) -> None:
        self.pos = pos
        self.name = name

    def __str__(self) -> str:
        return self.name


class Field:
    __slots__ = ("names", "pos")

    def __init__(self, pos: int, names: tuple[str, ...]) -> None:
        self.pos = pos
        self.names = names

    def __str__(self) -> str:
        return "".join("." + name for name in self.names)


class Variable:
    __slots__ = ("names", "pos")

    def __init__(self, pos: int, names: tuple[str, ...]) -> None:
        self.pos = pos
        self.names = names

    def __str__(self) -> str:
        return ".".join(self.names)


class Chain:
    __slots__ = ("names", "node", "pos")

    def __init__(self, pos: int, node: "Operand", names: tuple[str, ...]) -> None:
        self.pos = pos
        self.node = node
        self.names = names

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return inner + "".join("." + name for name in self.names)


class Command:
    __slots__ = ("args", "pos")

    def __init__(self, pos: int, args: list["Operand"]) -> None:
        self.pos = pos
        self.args = args

    def __str__(self) -> str:
        return " ".join(f"({arg})" if isinstance(arg, Pipe) else str(arg) for arg in self.args)


class Pipe:
    __slots__ = ("assign", "commands", "declared", "pos")

    def __init__(self, pos: int) -> None:
        self.pos = pos
        self.assign = False
        self.declared: list[Variable] = []
        self.commands: list[Command] = []

    def __str__(self) -> str:
        commands = " | ".join(map(str, self.commands))
        if not self.declared:
            return commands
        return f"{', '.join(map(str, self.declared))} {'=' if self.assign else ':='} {commands}"


Operand = Dot | Nil | Bool | Number | String | Identifier | Field | Variable | Chain | Pipe


class Action:
    __slots__ = ("pipe", "pos")

    def __init__(self, pos: int, pipe: Pipe) -> None:
        self.pos = pos
        self.pipe = pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


class Block:
    """A list of statements."""

    __slots__ = ("nodes", "pos")

    def __init__(self, pos: int, nodes: list["Statement"] | None = None) -> None:
        self.pos = pos
        self.nodes: list[Statement] = nodes or []

    def __str__(self) -> str:
        return "".join(map(str, self.nodes))


class Branch:
    """if, with or range."""

    __slots__ = ("body", "keyword", "otherwise", "pipe", "pos")

    def __init__(self, keyword: str, pos: int, pipe: Pipe, body: Block, otherwise: Block | None) -> None:
        self.keyword = keyword
        self.pos = pos
        self.pipe = pipe
        self.body = body
        self.otherwise = otherwise

    def __str__(self) -> str:
        rest = f"{{{{else}}}}{self.otherwise}" if self.otherwise is not None else ""
        return f"{{{{{self.keyword} {self.pipe}}}}}{self.body}{rest}{{{{end}}}}"


class Jump:
    """break or continue."""

    __slots__ = ("keyword", "pos")

    def __init__(self, keyword: str, pos: int) -> None:
        self.keyword = keyword
        self.pos = pos

    def __str__(self) -> str:
        return f"{{{{{self.keyword}}}}}"


class Call:
    """{{template "name" pipeline}}, also what a {{block}} leaves behind."""

    __slots__ = ("name", "pipe", "pos")

    def __init__(self, pos: int, name: str, pipe: Pipe | None) -> None:
        self.pos = pos
        self.name = name
        self.pipe = pipe

    def __str__(self) -> str:
        return f"{{{{template {quote(self.name)}{f' {self.pipe}' if self.pipe else ''}}}}}"


Statement = Text | Action | Branch | Jump | Call
Node = Statement | Operand | Command | Block


def is_blank(block: Block) -> bool:
    """Whether a template holds nothing but white space and comments, so that a later definition may replace it."""
    return all(isinstance(node, Text) and not node.text.strip(" \t\r\n\v\f\x85\xa0") for node in block.nodes)

"""Tokens to trees, with Go's messages for what does not parse (text/template/parse)."""

from collections.abc import Callable
from typing import Final, NoReturn

from sonde.gotemplate import lexer as lex
from sonde.gotemplate import numbers
from sonde.gotemplate.errors import TemplateError
from sonde.gotemplate.lexer import Token
from sonde.gotemplate.nodes import (
    Action,
    Block,
    Bool,
    Branch,
    Call,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Jump,
    Nil,
    Number,
    Operand,
    Pipe,
    Statement,
    String,
    Text,
    Variable,
    is_blank,
)
from sonde.gotemplate.strconv import quote, unquote


class Tree:
    """A parsed template set: the main block and what {{define}} and {{block}} named; functions used, in order."""

    __slots__ = ("blocks", "failure", "functions", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.blocks: dict[str, Block] = {}
        self.functions: list[Identifier] = []
        self.failure: TemplateError | None = None

    def line(self, pos: int) -> int:
        return 1 + self.text.count("\n", 0, pos)

    def parse_error(self, pos: int, message: str) -> TemplateError:
        return TemplateError(f"template: {self.name}:{self.line(pos)}: {message}")


def parse_tree(text: str, name: str, left: str, right: str) -> Tree:
    """Parse without looking at functions; a failure is kept in the tree, since an unknown function before it wins."""
    tree = Tree(name, text)
    parser = _Parser(tree, lex.tokenize(text, left or "{{", right or "}}"))
    try:
        parser.template()
    except TemplateError as error:
        tree.failure = error
    except RecursionError:
        tree.failure = tree.parse_error(parser.token.pos, "max expression depth exceeded")
    return tree


class _Stop:
    """{{end}} or {{else}}."""

    __slots__ = ("shown",)

    def __init__(self, shown: str) -> None:
        self.shown = shown


_END: Final = _Stop("{{end}}")
_ELSE: Final = _Stop("{{else}}")


class _Parser:
    def __init__(self, tree: Tree, tokens: list[Token]) -> None:
        self.tree = tree
        self.tokens = tokens
        self.at = 0
        self.token = tokens[0]  # the furthest token read, whose line errors name
        self.scope = ["$"]
        self.loops = 0
        self.action_pos: int | None = None

    # tokens
    def next(self) -> Token:
        token = self.tokens[min(self.at, len(self.tokens) - 1)]
        self.at += 1
        if token.pos >= self.token.pos:
            self.token = token
        return token

    def peek(self) -> Token:
        token = self.next()
        self.at -= 1
        return token

    def next_solid(self) -> Token:
        token = self.next()
        while token.kind == lex.SPACE:
            token = self.next()
        return token

    def peek_solid(self) -> Token:
        token = self.next_solid()
        self.at -= 1
        return token

    # errors
    def fail(self, message: str) -> NoReturn:
        raise self.tree.parse_error(self.token.pos, message)

    def unexpected(self, token: Token, context: str) -> NoReturn:
        if token.kind != lex.ERROR:
            self.fail(f"unexpected {token} in {context}")
        extra = ""
        if self.action_pos is not None:
            started = self.tree.line(self.action_pos)
            if started != self.tree.line(token.pos):
                extra = f" started at {self.tree.name}:{started}"
                extra = extra if token.text.endswith(" action") else " in action" + extra
        self.fail(f"{token}{extra}")

    def expect(self, kind: int, context: str) -> Token:
        token = self.next_solid()
        if token.kind != kind:
            self.unexpected(token, context)
        return token

    # statements
    def template(self) -> None:
        root = Block(0)
        while self.peek().kind != lex.EOF:
            if self.peek().kind == lex.LEFT:
                start = self.at
                self.next()
                token = self.next_solid()
                if token.kind == lex.KEYWORD and token.text == "define":
                    self.define()
                    continue
                self.at = start
            node = self.statement()
            if isinstance(node, _Stop):
                self.fail(f"unexpected {node.shown}")
            root.nodes.append(node)
        self.add(self.tree.name, root)

    def add(self, name: str, block: Block) -> None:
        """A later definition replaces an earlier one only if that one is blank; two that are not are an error."""
        earlier = self.tree.blocks.get(name)
        if earlier is None or is_blank(earlier):
            self.tree.blocks[name] = block
        elif not is_blank(block):
            self.fail(f"template: multiple definition of template {quote(name)}")

    def define(self) -> None:
        token = self.next_solid()
        if token.kind not in (lex.STRING, lex.RAW):
            self.unexpected(token, "define clause")
        name = self.unquoted(token)
        self.expect(lex.RIGHT, "define clause")
        self.definition(name, "define clause")

    def definition(self, name: str, context: str) -> None:
        """The body of a define or block, which sees no variables and no loop of its surroundings."""
        outer = self.scope, self.loops, self.action_pos
        self.scope, self.loops, self.action_pos = ["$"], 0, None
        block, stop = self.statements()
        self.scope, self.loops, self.action_pos = outer
        if stop is not _END:
            self.fail(f"unexpected {stop.shown} in {context}")
        self.add(name, block)

    def statements(self) -> tuple[Block, _Stop]:
        block = Block(self.peek_solid().pos)
        while self.peek_solid().kind != lex.EOF:
            node = self.statement()
            if isinstance(node, _Stop):
                return block, node
            block.nodes.append(node)
        return self.fail("unexpected EOF")

    def statement(self) -> Statement | _Stop:
        token = self.next_solid()
        if token.kind == lex.TEXT:
            return Text(token.pos, token.text)
        if token.kind != lex.LEFT:
            self.unexpected(token, "input")
        self.action_pos = token.pos
        node = self.action()
        self.action_pos = None
        return node

    def action(self) -> Statement | _Stop:
        token = self.next_solid()
        if token.kind == lex.KEYWORD:
            return self.keyword(token)
        self.at -= 1
        return Action(token.pos, self.pipeline("command", lex.RIGHT))

    def keyword(self, token: Token) -> Statement | _Stop:
        word = token.text
        if word in ("if", "with", "range"):
            return self.branch(word)
        if word == "end":
            self.expect(lex.RIGHT, "end")
            return _END
        if word == "else":
            follows = self.peek_solid()
            if not (follows.kind == lex.KEYWORD and follows.text in ("if", "with")):
                self.expect(lex.RIGHT, "else")
            return _ELSE
        if word in ("break", "continue"):
            return self.jump(token)
        if word in ("template", "block"):
            return self.call(word)
        self.at -= 1
        return Action(token.pos, self.pipeline("command", lex.RIGHT))

    def jump(self, token: Token) -> Jump:
        shown = f"{{{{{token.text}}}}}"
        follows = self.next_solid()
        if follows.kind != lex.RIGHT:
            self.unexpected(follows, shown)
        if not self.loops:
            self.fail(f"{shown} outside {{{{range}}}}")
        return Jump(token.text, token.pos)

    def branch(self, word: str) -> Branch:
        visible = len(self.scope)
        pipe = self.pipeline(word, lex.RIGHT)
        self.loops += word == "range"
        body, stop = self.statements()
        self.loops -= word == "range"
        otherwise = self.otherwise(word) if stop is _ELSE else None
        del self.scope[visible:]
        return Branch(word, pipe.pos, pipe, body, otherwise)

    def otherwise(self, word: str) -> Block:
        token = self.peek()
        if token.kind == lex.KEYWORD and token.text == word and word in ("if", "with"):
            self.next()
            return Block(token.pos, [self.branch(word)])
        block, stop = self.statements()
        if stop is not _END:
            self.fail(f"expected end; found {stop.shown}")
        return block

    def call(self, word: str) -> Call:
        context = f"{word} clause"
        token = self.next_solid()
        if token.kind not in (lex.STRING, lex.RAW):
            self.unexpected(token, context)
        name = self.unquoted(token)
        if word == "block":
            pipe = self.pipeline(context, lex.RIGHT)
            self.definition(name, context)
            return Call(token.pos, name, pipe)
        if self.next_solid().kind == lex.RIGHT:
            return Call(token.pos, name, None)
        self.at -= 1
        return Call(token.pos, name, self.pipeline(context, lex.RIGHT))

    # pipelines
    def pipeline(self, context: str, end: int) -> Pipe:
        pipe = Pipe(self.peek_solid().pos)
        self.declarations(pipe, context)
        while True:
            token = self.next_solid()
            if token.kind == end:
                self.check(pipe, context)
                return pipe
            if token.kind not in _TERMS:
                self.unexpected(token, context)
            self.at -= 1
            pipe.commands.append(self.command())

    def declarations(self, pipe: Pipe, context: str) -> None:
        while self.peek_solid().kind == lex.VARIABLE:
            variable = self.next_solid()
            start = self.at
            follows = self.next_solid()
            if follows.kind in (lex.ASSIGN, lex.DECLARE):
                pipe.assign = follows.kind == lex.ASSIGN
                self.declare(pipe, variable)
                return
            if not (follows.kind == lex.CHAR and follows.text == ","):
                self.at = start - 1
                return
            self.declare(pipe, variable)
            if context != "range" or len(pipe.declared) >= 2:
                self.fail(f"too many declarations in {context}")
            if self.peek_solid().kind not in (lex.VARIABLE, lex.RIGHT, lex.CLOSE):
                self.fail("range can only initialize variables")

    def declare(self, pipe: Pipe, token: Token) -> None:
        pipe.declared.append(Variable(token.pos, tuple(token.text.split("."))))
        self.scope.append(token.text)

    def check(self, pipe: Pipe, context: str) -> None:
        if not pipe.commands:
            self.fail(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], (Bool, Dot, Nil, Number, String)):
                self.fail(f"non executable command in pipeline stage {stage}")

    def command(self) -> Command:
        command = Command(self.peek_solid().pos, [])
        while True:
            operand = self.operand()
            if operand is not None:
                command.args.append(operand)
            token = self.next()
            if token.kind == lex.SPACE:
                continue
            if token.kind in (lex.RIGHT, lex.CLOSE):
                self.at -= 1
            elif token.kind != lex.PIPE:
                self.unexpected(token, "operand")
            break
        if not command.args:
            self.fail("empty command")
        return command

    def operand(self) -> Operand | None:
        node = self.term()
        if node is None or self.peek().kind != lex.FIELD:
            return node
        pos = self.peek().pos
        names: list[str] = []
        while self.peek().kind == lex.FIELD:
            names.append(self.next().text[1:])
        if isinstance(node, Field):
            return Field(pos, node.names + tuple(names))
        if isinstance(node, Variable):
            return Variable(pos, node.names + tuple(names))
        if isinstance(node, (Bool, String, Number, Nil, Dot)):
            self.fail(f"unexpected . after term {quote(str(node))}")
        return Chain(pos, node, tuple(names))

    def term(self) -> Operand | None:
        token = self.next_solid()
        read = _TERMS.get(token.kind)
        if read is not None:
            return read(self, token)
        self.at -= 1
        return None

    def identifier(self, token: Token) -> Identifier:
        self.tree.functions.append(Identifier(self.token.pos, token.text))
        return Identifier(token.pos, token.text)

    def string(self, token: Token) -> String:
        return String(token.pos, token.text, self.unquoted(token))

    def variable(self, token: Token) -> Variable:
        if token.text not in self.scope:
            self.fail(f"undefined variable {quote(token.text)}")
        return Variable(token.pos, (token.text,))

    def parenthesis(self, token: Token) -> Pipe:  # noqa: ARG002  one signature for all terms
        return self.pipeline("parenthesized pipeline", lex.CLOSE)

    def number(self, token: Token) -> Number:
        read = {lex.RUNE: numbers.rune, lex.COMPLEX: numbers.complex_number}.get(token.kind, numbers.number)
        try:
            return read(token.pos, token.text)
        except ValueError as error:
            self.fail(str(error))

    def unquoted(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            self.fail(str(error))


_TERMS: Final[dict[int, Callable[[_Parser, Token], Operand]]] = {
    lex.FIELD: lambda _, token: Field(token.pos, (token.text[1:],)),
    lex.IDENTIFIER: _Parser.identifier,
    lex.STRING: _Parser.string,
    lex.RAW: _Parser.string,
    lex.VARIABLE: _Parser.variable,
    lex.DOT: lambda _, token: Dot(token.pos),
    lex.NIL: lambda _, token: Nil(token.pos),
    lex.BOOL: lambda _, token: Bool(token.pos, token.text == "true"),
    lex.NUMBER: _Parser.number,
    lex.COMPLEX: _Parser.number,
    lex.RUNE: _Parser.number,
    lex.OPEN: _Parser.parenthesis,
}

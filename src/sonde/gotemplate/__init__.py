"""Go text/template, interpreted in Python. Imports nothing of ours.

`parse` gives a Template, `Template.render` the output; both raise TemplateError with Go's text. Function libraries
(sprig, gomplate) are in `sonde.gotemplate.functions`, the evaluator for untrusted templates in `sonde.gotemplate.closed`.

text to tree       lexer, parser, nodes, numbers
tree to closures   compile (statements), expressions, fields, binding (names to functions), arguments, context, template
Go's behaviour     values (types), compare, builtins, fmt, fmt_values, strconv, errors
"""

from sonde.gotemplate.errors import FunctionError, TemplateError
from sonde.gotemplate.template import Template, parse
from sonde.gotemplate.values import GoFunc

__all__ = ["FunctionError", "GoFunc", "Template", "TemplateError", "parse"]

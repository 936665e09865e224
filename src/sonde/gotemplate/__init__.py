"""Go text/template, interpreted in Python. Imports nothing of ours.

`parse` gives a Template, `Template.render` the output; both raise TemplateError with Go's text. Function libraries
(sprig, gomplate) are in `sonde.gotemplate.functions`, the evaluator for untrusted templates in `sonde.gotemplate.closed`.
"""

from sonde.gotemplate.errors import FunctionError, TemplateError
from sonde.gotemplate.template import Template, parse
from sonde.gotemplate.values import GoFunc

__all__ = ["FunctionError", "GoFunc", "Template", "TemplateError", "parse"]

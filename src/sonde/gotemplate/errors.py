"""The one error that templates raise, and the one that template functions raise."""


class TemplateError(Exception):
    """A template does not parse or cannot be executed; `message` is the text that Go's text/template gives."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class FunctionError(Exception):
    """A template function refuses its arguments; the interpreter adds position and function name."""

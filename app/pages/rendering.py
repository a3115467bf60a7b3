"""From a template's name and its values to the text of a page."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.pages.names import address, readable, short

__all__ = ["STATIC", "query_text", "render"]

_HERE = Path(__file__).parent
STATIC = _HERE / "static"

_environment = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(address=address, readable=readable, short=short)


def render(template: str, **values: Any) -> str:
    """Render a page. Every value is escaped, so text from a source cannot become markup."""
    return _environment.get_template(template).render(**values)


def query_text(name: str) -> str:
    """The SPARQL text of `queries/{name}.rq`."""
    return (_HERE / "queries" / f"{name}.rq").read_text("utf-8")

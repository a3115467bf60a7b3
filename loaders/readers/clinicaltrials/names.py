"""Names for the parts of a record that do not move when its lists are put into another order.

The registry gives most parts no identifier. A part is named by a digest of what a reader would tell it by: the label of
an arm, the type, title and time frame of an outcome. Where several parts are alike in that, all but one get a number,
in the order of their whole content.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

__all__ = ["digest", "named"]


@lru_cache(maxsize=16384)
def digest(*texts: str | None) -> str:
    """Return 12 hexadecimal digits for some texts: within one study, two of them never meet by chance."""
    return blake2b("\x1f".join([text or "" for text in texts]).encode("utf-8", "replace"), digest_size=6).hexdigest()


def named(
    parts: Sequence[dict[str, Any]], name: Callable[[dict[str, Any]], str]
) -> Iterable[tuple[str, dict[str, Any]]]:
    """Return the parts, each with a name that no other has; `name` says what a part would be called by itself."""
    names = [name(part) for part in parts]
    if len(set(names)) == len(names):
        return zip(names, parts, strict=True)
    alike: dict[str, list[int]] = defaultdict(list)
    for index, each in enumerate(names):
        alike[each].append(index)
    for each, indexes in alike.items():
        indexes.sort(key=lambda index: orjson.dumps(parts[index], option=orjson.OPT_SORT_KEYS))
        for number, index in enumerate(indexes[1:], start=2):
            names[index] = f"{each}-{number}"
    return zip(names, parts, strict=True)

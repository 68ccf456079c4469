"""A course's blocks and what was collected of them.

Source: `openedx/core/djangoapps/content/block_structure/block_structure.py` of edx-platform, 2026. Collecting reads the
demo's own blocks (`demo.learning.course`), which stand for XBlocks. Inside, blocks are numbers: hashing a key costs
much, and on the platform most of the time of an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


class BlockStructureBlockData:
    """Blocks by key, their relations, fields, and the data of transformers."""

    VERSION = 2

    def __init__(self, root_block_usage_key: Any) -> None:
        self.root_block_usage_key = root_block_usage_key
        self.transformer_data: dict[str, dict[str, Any]] = {}
        self._keys: list[Any] = []
        self._number_of: dict[Any, int] = {}
        # By number; what was taken out is no longer in `_present`.
        self._present: dict[int, None] = {}
        self._children: list[list[int]] = []
        self._parents: list[list[int]] = []
        self._fields: list[dict[str, Any]] = []
        self._transformers: list[dict[str, dict[str, Any]]] = []
        # Only while it is collected.
        self._xblocks: dict[int, Any] = {}
        self._requested: set[str] = set()

    def __iter__(self) -> Iterator[Any]:
        return iter([self._keys[number] for number in self._present])

    def __len__(self) -> int:
        return len(self._present)

    def __contains__(self, usage_key: Any) -> bool:
        return self._number_of.get(usage_key) in self._present

    def get_parents(self, usage_key: Any) -> list[Any]:
        return self._related(self._parents, usage_key)

    def get_children(self, usage_key: Any) -> list[Any]:
        return self._related(self._children, usage_key)

    def add(self, xblock: Any, parent: int | None = None) -> None:
        """Take a block in, and all that is under it."""
        number = self._number_of.setdefault(xblock.usage_key, len(self._keys))
        if number == len(self._keys):
            self._keys.append(xblock.usage_key)
            for of_each in (self._children, self._parents):
                of_each.append([])
            for one in (self._fields, self._transformers):
                one.append({})
        self._present[number] = None
        self._xblocks[number] = xblock
        if parent is not None:
            self._relate(parent, number)
        for child in xblock.children:
            self.add(child, number)

    def get_xblock(self, usage_key: Any) -> Any:
        """The block itself, while the structure is collected."""
        return self._xblocks[self._number_of[usage_key]]

    def request_xblock_fields(self, *names: str) -> None:
        """Have these fields of all blocks collected."""
        self._requested.update(names)

    def finish(self) -> None:
        """Collect the fields that were asked for, and let go of the blocks."""
        for number, xblock in self._xblocks.items():
            self._fields[number].update({name: xblock.field(name) for name in sorted(self._requested)})
        self._xblocks, self._requested = {}, set()

    def get_xblock_field(self, usage_key: Any, field_name: str, default: Any = None) -> Any:
        number = self._number_of.get(usage_key)
        return self._fields[number].get(field_name, default) if number in self._present else default

    def override_xblock_field(self, usage_key: Any, field_name: str, override_data: Any) -> None:
        self._fields[self._number_of[usage_key]][field_name] = override_data

    def get_transformer_data(self, transformer: Any, key: str, default: Any = None) -> Any:
        return self.transformer_data.get(transformer.name(), {}).get(key, default)

    def set_transformer_data(self, transformer: Any, key: str, value: Any) -> None:
        self.transformer_data.setdefault(transformer.name(), {})[key] = value

    def get_transformer_block_field(self, usage_key: Any, transformer: Any, key: str, default: Any = None) -> Any:
        number = self._number_of.get(usage_key)
        found = self._transformers[number] if number in self._present else {}
        return found.get(transformer.name(), {}).get(key, default)

    def set_transformer_block_field(self, usage_key: Any, transformer: Any, key: str, value: Any) -> None:
        self._transformers[self._number_of[usage_key]].setdefault(transformer.name(), {})[key] = value

    def topological_traversal(self, filter_func: Callable[[Any], bool] | None = None, **_: Any) -> Iterator[Any]:
        """Parents before children; decided beforehand, since blocks are taken out on the way."""
        order = [self._keys[number] for number in self._post_order()[::-1]]
        return iter([key for key in order if filter_func is None or filter_func(key)])

    def post_order_traversal(self) -> Iterator[Any]:
        """Children before parents, from the root."""
        return iter([self._keys[number] for number in self._post_order()])

    def filter_topological_traversal(self, filters: list[Callable[[Any], bool]]) -> None:
        """Take out what fails a filter; what can be reached through it only is pruned later."""
        for key in self.topological_traversal():
            if not all(keeps(key) for keeps in filters):
                self.remove_block(key, keep_descendants=False)

    def remove_block(self, usage_key: Any, keep_descendants: bool) -> None:
        """Take a block out; its children go to its parents, or nowhere."""
        number = self._number_of[usage_key]
        for parent in self._parents[number]:
            self._children[parent].remove(number)
        for child in self._children[number]:
            self._parents[child].remove(number)
            for parent in self._parents[number] if keep_descendants else ():
                self._relate(parent, child)
        self._present.pop(number, None)

    def create_removal_filter(
        self, removes: Callable[[Any], bool], keep_descendants: bool = False
    ) -> Callable[[Any], bool]:
        """A filter that takes out whatever `removes` is true of."""

        def keeps(key: Any) -> bool:
            if removes(key):
                if not keep_descendants:
                    return False
                self.remove_block(key, keep_descendants=True)
            return True

        return keeps

    @staticmethod
    def create_universal_filter() -> Callable[[Any], bool]:
        """A filter that keeps everything."""
        return lambda _: True

    def _prune_unreachable(self) -> None:
        reached = set(self._post_order())
        self._present = {number: None for number in self._present if number in reached}
        for number in reached:
            self._children[number] = [child for child in self._children[number] if child in reached]
            self._parents[number] = [parent for parent in self._parents[number] if parent in reached]

    def _post_order(self) -> list[int]:
        order: list[int] = []
        seen: set[int] = set()
        stack = [(self._number_of[self.root_block_usage_key], False)]
        while stack:
            number, is_done = stack.pop()
            if is_done:
                order.append(number)
            elif number not in seen and number in self._present:
                seen.add(number)
                stack.append((number, True))
                stack += [(child, False) for child in reversed(self._children[number])]
        return order

    def _relate(self, parent: int, child: int) -> None:
        self._children[parent].append(child)
        self._parents[child].append(parent)

    def _related(self, relations: list[list[int]], usage_key: Any) -> list[Any]:
        number = self._number_of.get(usage_key)
        return [self._keys[one] for one in relations[number]] if number in self._present else []

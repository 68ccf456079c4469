"""A course's blocks and what was collected of them.

Source: `openedx/core/djangoapps/content/block_structure/block_structure.py` of edx-platform, 2026. Collecting reads the
demo's own blocks (`demo.learning.course`), which stand for XBlocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


class _BlockRelations:
    def __init__(self) -> None:
        self.parents: list[Any] = []
        self.children: list[Any] = []


class BlockStructureBlockData:
    """Blocks by key, their relations, fields, and the data of transformers."""

    VERSION = 2

    def __init__(self, root_block_usage_key: Any) -> None:
        self.root_block_usage_key = root_block_usage_key
        self._block_relations: dict[Any, _BlockRelations] = {root_block_usage_key: _BlockRelations()}
        self._block_data_map: dict[Any, dict[str, Any]] = {}
        self.transformer_data: dict[str, dict[str, Any]] = {}
        # Only while it is collected.
        self._xblocks: dict[Any, Any] = {}
        self._requested: set[str] = set()

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._block_relations))

    def __len__(self) -> int:
        return len(self._block_relations)

    def __contains__(self, usage_key: Any) -> bool:
        return usage_key in self._block_relations

    def get_parents(self, usage_key: Any) -> list[Any]:
        return self._block_relations[usage_key].parents if usage_key in self else []

    def get_children(self, usage_key: Any) -> list[Any]:
        return self._block_relations[usage_key].children if usage_key in self else []

    def add(self, xblock: Any, parent: Any = None) -> None:
        """Take a block in, and all that is under it."""
        key = xblock.usage_key
        self._block_relations.setdefault(key, _BlockRelations())
        self._xblocks[key] = xblock
        if parent is not None:
            self._relate(parent, key)
        for child in xblock.children:
            self.add(child, key)

    def get_xblock(self, usage_key: Any) -> Any:
        """The block itself, while the structure is collected."""
        return self._xblocks[usage_key]

    def request_xblock_fields(self, *names: str) -> None:
        """Have these fields of all blocks collected."""
        self._requested.update(names)

    def finish(self) -> None:
        """Collect the fields that were asked for, and let go of the blocks."""
        for key, xblock in self._xblocks.items():
            data = self._data(key)
            data["fields"].update({name: xblock.field(name) for name in sorted(self._requested)})
        self._xblocks, self._requested = {}, set()

    def get_xblock_field(self, usage_key: Any, field_name: str, default: Any = None) -> Any:
        found = self._block_data_map.get(usage_key)
        return found["fields"].get(field_name, default) if found else default

    def override_xblock_field(self, usage_key: Any, field_name: str, override_data: Any) -> None:
        self._data(usage_key)["fields"][field_name] = override_data

    def get_transformer_data(self, transformer: Any, key: str, default: Any = None) -> Any:
        return self.transformer_data.get(transformer.name(), {}).get(key, default)

    def set_transformer_data(self, transformer: Any, key: str, value: Any) -> None:
        self.transformer_data.setdefault(transformer.name(), {})[key] = value

    def get_transformer_block_field(self, usage_key: Any, transformer: Any, key: str, default: Any = None) -> Any:
        found = self._block_data_map.get(usage_key)
        return found["transformers"].get(transformer.name(), {}).get(key, default) if found else default

    def set_transformer_block_field(self, usage_key: Any, transformer: Any, key: str, value: Any) -> None:
        self._data(usage_key)["transformers"].setdefault(transformer.name(), {})[key] = value

    def topological_traversal(self, filter_func: Callable[[Any], bool] | None = None, **_: Any) -> Iterator[Any]:
        """Parents before children; a list, since blocks are taken out on the way."""
        order = list(self.post_order_traversal())[::-1]
        return iter([key for key in order if filter_func is None or filter_func(key)])

    def post_order_traversal(self) -> Iterator[Any]:
        """Children before parents, from the root."""
        seen: set[Any] = set()
        stack = [(self.root_block_usage_key, False)]
        while stack:
            key, is_done = stack.pop()
            if is_done:
                yield key
            elif key not in seen and key in self:
                seen.add(key)
                stack.append((key, True))
                stack += [(child, False) for child in reversed(self.get_children(key))]

    def filter_topological_traversal(self, filters: list[Callable[[Any], bool]]) -> None:
        """Take out what fails a filter, with all that can be reached through it only."""
        for key in self.topological_traversal():
            if not all(keeps(key) for keeps in filters):
                self.remove_block(key, keep_descendants=False)
        self._prune_unreachable()

    def remove_block(self, usage_key: Any, keep_descendants: bool) -> None:
        """Take a block out; its children go to its parents, or nowhere."""
        relations = self._block_relations[usage_key]
        for parent in relations.parents:
            self.get_children(parent).remove(usage_key)
        for child in relations.children:
            self.get_parents(child).remove(usage_key)
        if keep_descendants:
            for child in relations.children:
                for parent in relations.parents:
                    self._relate(parent, child)
        self._block_relations.pop(usage_key, None)
        self._block_data_map.pop(usage_key, None)

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
        reached = set(self.post_order_traversal())
        relations = {}
        for key in [key for key in self._block_relations if key in reached]:
            relations[key] = _BlockRelations()
            relations[key].children = [child for child in self.get_children(key) if child in reached]
            relations[key].parents = [parent for parent in self.get_parents(key) if parent in reached]
        self._block_relations = relations

    def _relate(self, parent: Any, child: Any) -> None:
        self._block_relations[parent].children.append(child)
        self._block_relations[child].parents.append(parent)

    def _data(self, usage_key: Any) -> dict[str, Any]:
        return self._block_data_map.setdefault(usage_key, {"fields": {}, "transformers": {}})

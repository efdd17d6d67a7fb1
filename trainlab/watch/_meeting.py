"""Whose update it is: finds the model that an optimizer steps, and lets go of it when the script does."""

from __future__ import annotations

import weakref
from typing import Any

from trainlab.watch._modes import list_sensitive
from trainlab.watch._record import Record, find_owner, is_sharded, list_parameters
from trainlab.watch._stepped import Register


class Meeting:
    """Adds to `records` when an optimizer steps for the first time."""

    def __init__(self, records: list[Record], register: Register) -> None:
        self._records, self._register = records, register
        self._by_optimizer: dict[int, Record] = {}

    def recall(self, optimizer: Any) -> Record | None:
        """The record of an optimizer that has stepped before."""
        return self._by_optimizer.get(id(optimizer))

    def find(self, optimizer: Any, backwards: int) -> Record:
        """The record that this optimizer's updates belong to.

        Optimizers of one parameter each, as they are used inside of a backward pass, belong to their model's together; and so do
        those that step parts of one model after the same backward pass, for the first time.

        Args:
            optimizer: about to step.
            backwards: passes so far.
        """
        if (known := self.recall(optimizer)) is not None:
            return known
        mine = [each for group in optimizer.param_groups for each in group["params"]]
        together = [optimizer, *self._register.list_single(optimizer)] if len(mine) == 1 else [optimizer]
        if len(together) > 1:
            model, _ = find_owner(mine)
            own = {id(each) for each in model.parameters()} if model is not None else set()
            together = [each for each in together if id(each.param_groups[0]["params"][0]) in own] or [optimizer]
        tensors = [tensor for each in together for group in each.param_groups for tensor in group["params"]]
        record = self._find_begun(tensors, backwards)
        if record is not None:
            record.extend(tensors)
        else:
            record = self.meet(tensors, backwards)
        place = {id(tensor): position for position, tensor in enumerate(record.tensors)}
        for each in together:
            tensors = [tensor for group in each.param_groups for tensor in group["params"]]
            record.places[id(each)] = [place[id(tensor)] for tensor in tensors if id(tensor) in place]
            self._by_optimizer[id(each)] = record
            weakref.finalize(each, self._forget, id(each)).atexit = False
        settings = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}
        record.optimizers[id(optimizer)] = {"name": type(optimizer).__name__, **settings}
        return record

    def _find_begun(self, tensors: list[Any], backwards: int) -> Record | None:
        """The record of a model whose other part another optimizer was the first to step, after this pass."""
        begun = [each for each in self._records if each.met == backwards and each.model is not None]
        if not begun:
            return None
        model, _ = find_owner(tensors)
        held = {id(each) for each in tensors}
        return next((each for each in begun if each.model is model and held.isdisjoint(map(id, each.tensors))), None)

    def _forget(self, key: int) -> None:
        """An optimizer is gone: with the last of a model's, let its tensors go too."""
        record = self._by_optimizer.pop(key)
        if record not in self._by_optimizer.values():
            record.release()

    def meet(self, tensors: list[Any], backwards: int) -> Record:
        """A new record, of the model that holds these tensors, after so many passes."""
        self._records[:] = [each for each in self._records if not each.by_hand]  # an optimizer has come after all
        model, compiled = find_owner(tensors)
        ordered, parameters = list_parameters(model, tensors)
        kind = type(model).__name__ if model is not None else "parameters"
        same = sum(each.name.partition(" ")[0] == kind for each in self._records)
        name = f"{kind} {same + 1}" if same else kind
        sensitive = [weakref.ref(each) for each in list_sensitive(model)] if model is not None else []
        device = str(ordered[0].device) if ordered else ""
        record = Record(
            name=name,
            model=model,
            tensors=ordered,
            parameters=parameters,
            device=device,
            sharded=is_sharded(model, ordered),
            met=backwards,
            sensitive=sensitive,
            compiled=compiled,
        )
        self._records.append(record)
        return record

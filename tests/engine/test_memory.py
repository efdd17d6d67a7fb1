from __future__ import annotations

import ctypes
from types import SimpleNamespace

from trainlab.engine import _memory


def test_what_glibc_is_told(monkeypatch):
    told = {}
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=told.__setitem__))
    _memory.keep_freed_memory.__wrapped__()
    assert told == {-1: 2**29, -3: 2**25}  # the most that malloc.h takes on 64 bits


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    _memory.keep_freed_memory.__wrapped__()

"""From a request to complete tables: plan, pages, completion, and what is missing by name."""

from __future__ import annotations

"""Tables: schemas, checks, conversion, resampling and gaps."""

from __future__ import annotations

"""everpost: self-hosted email marketing that speaks the Constant Contact V3 API."""

__version__ = "0.1.0"

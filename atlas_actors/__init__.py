"""The actors of Atlas: what each room of the daemon does."""

__version__ = "0.1.0"

"""The actors of Atlas: what each room of the daemon does."""

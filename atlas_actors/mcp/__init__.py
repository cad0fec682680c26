"""The room of MCP: the servers that clients are configured with, how they are, kept warm."""

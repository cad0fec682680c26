"""The Unix socket: JSON-RPC lines in, answers out."""

"""The room of sessions: turns of coding agents, what their tools came to, what is told of it."""

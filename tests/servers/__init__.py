"""Stand-ins for the servers that the backends talk to: real HTTP and WebSocket on loopback."""

"""Stand-ins for the servers that the backends talk to: real HTTP and WebSocket on loopback.

`recordings/` holds copies of what a real ComfyUI 0.3.64 answered; of `object_info.json`, the node classes
that the tests use.
"""

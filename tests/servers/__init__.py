"""Stand-ins for the servers that the backends talk to: real HTTP and WebSocket on loopback.

`recordings/` holds copies of what a real ComfyUI 0.3.64 answered; `object_info.json` has the few node classes
that most tests use, `object_info-0.3.64.json` has all.
"""

"""Every fault for real, over processes and sockets. `docs/reliability.md` lists them and what is promised.

Servers and runs are processes that are killed, stopped and started again; between them stands a proxy that
delays, cuts, doubles and reorders. Whatever happens, each story ends with the right images or with an error
that names the item, with nothing half-written, nothing made twice, and the server's queue free of ours.
"""

"""The job `image/generate`: one event, five steps, three attempts, and the engines that run them.

`event` is what is asked for, `steps` what is done about it, `attempting` and `retrying` how often. `engine` says what
an engine is; `dbos_engine` is the default one, `inngest_engine` the other. Needs `pip install 'imagegen[studio]'`.
"""

"""The storyboard: a project's script, sentence by sentence, in a SQL database that several programs may write.

It needs the extra ``imagegen[studio]``; the core imports it only where a manifest names a storyboard.
"""

"""The protocol between client and server, defined once for both sides. Imports nothing of ours and no library.

what is sent    exchange, locks, affected, instances, executions, commits, sts, reads
around it       envelope, refusals (what each error tag means), codec (objects and JSON), times
rules about it  calls (every call, as a table), limits (of bodies), bounds (of fields), accepts (what real clients take)
"""

"""Database, HTTP door, crash points, ids and logs: what every domain stands on. Knows no domain.

the database      db, tx (one transaction), statements (compiled once), outage (which errors pass), points (crash points),
                  wall (between workspaces, on PostgreSQL)
hot writes        grouped (many in one commit), writer (on a thread), writer_process (in a process of its own)
a request         quick (from the socket), door (to a handler), body (its bytes), decode (as a wire object),
                  http (call, reply, envelope, refusal), patience (slow clients), strangers (who fails too often)
the rest          ids, log, tls
"""

"""The control plane: webhooks, locks and uploads in; dispatches, checks, comments and pages out.

A folder is a domain (`wiring` orders them by who may import whom), `kernel` is what all of them stand on, `web` the frame of
the pages, `admin` the commands, `migrations` the schema's history; `stumbles` counts rows at which a job raised.

main, settings, start      `sonde serve`: its options, its environment, what must be true before it listens
storage, greeting          the data folder and the database it finds there; what it prints once it listens
app, wiring                what answers which request, as tables
jobs, engine               work over rows, as a table, and the threads that do it
metrics                    the numbers for a Prometheus
hot                        the process that commits the hottest writes
schema, migrate, openapi   all tables, bringing them up to date, the API's description
"""

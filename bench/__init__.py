"""`make bench`: Sonde timed beside a floor and, where there is one, the Go CLI (docs/performance.md)."""

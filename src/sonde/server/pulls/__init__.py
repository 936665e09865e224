"""Pull requests: their events become triggers, their check run and comment mirror what became of them."""

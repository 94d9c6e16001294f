"""Events between services: envelope, relay of the outbox, consumers, two logs behind a port."""

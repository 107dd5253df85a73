"""The official NAS-Bench-201 and NATS-Bench files, read without executing anything in them."""

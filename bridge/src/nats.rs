//! Jobs to and from NATS JetStream.

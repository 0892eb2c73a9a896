//! Jobs to and from Redis streams.

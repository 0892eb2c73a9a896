//! Jobs to an MQTT broker.

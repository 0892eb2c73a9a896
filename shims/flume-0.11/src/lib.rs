//! `joinq::compat::flume` under the name of `flume`.

pub use joinq::compat::flume::*;

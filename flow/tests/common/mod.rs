//! Shared by tests: the watchdog and the probes of joinq's tests.
#![allow(dead_code, unused_imports)] // Each test uses a part of this one.

#[path = "../../../tests/common/mod.rs"]
mod joinq_common;

pub(crate) use joinq_common::*;

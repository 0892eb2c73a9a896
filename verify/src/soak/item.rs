//! The types of items: of no size, small, on the heap, large, aligned to a page.

/// An item that may hold a number.
pub(super) trait Payload: Send + 'static {
    fn new(number: u64) -> Self;
    /// `None` for an item of no size. Panics if the item is damaged.
    fn number(&self) -> Option<u64>;
}

impl Payload for () {
    fn new(_number: u64) -> Self {}

    fn number(&self) -> Option<u64> {
        None
    }
}

impl Payload for u64 {
    fn new(number: u64) -> Self {
        number
    }

    fn number(&self) -> Option<u64> {
        Some(*self)
    }
}

impl Payload for Box<u64> {
    fn new(number: u64) -> Self {
        Box::new(number)
    }

    fn number(&self) -> Option<u64> {
        Some(**self)
    }
}

impl Payload for [u8; 4096] {
    fn new(number: u64) -> Self {
        let mut bytes = [number as u8; 4096];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes
    }

    fn number(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self[..8]);
        let number = u64::from_le_bytes(bytes);
        assert!(self[8..].iter().all(|&byte| byte == number as u8), "item {number} is damaged");
        Some(number)
    }
}

/// An item that is aligned to a page.
#[repr(align(4096))]
pub(super) struct Page(u64);

impl Payload for Page {
    fn new(number: u64) -> Self {
        Page(number)
    }

    fn number(&self) -> Option<u64> {
        assert_eq!(self as *const Self as usize % 4096, 0, "item {} is not aligned", self.0);
        Some(self.0)
    }
}

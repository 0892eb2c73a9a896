//! How an item becomes bytes in a store.

use crate::BoxError;

/// Turns items into bytes and back; given to [`StageBuilder::spill`](crate::StageBuilder::spill) and
/// [`durable`](crate::StageBuilder::durable).
///
/// An item is encoded by the thread or task that puts it, and decoded by the thread of the store. Bytes that
/// cannot be decoded become a dead letter with [`Cause::Undecodable`](crate::Cause::Undecodable); they stay
/// in the store.
///
/// # Examples
/// ```
/// use joinq_flow::{BoxError, Codec};
///
/// /// Numbers as eight bytes.
/// struct Number;
///
/// impl Codec<u64> for Number {
///     fn encode(&self, item: &u64, bytes: &mut Vec<u8>) -> Result<(), BoxError> {
///         bytes.extend(item.to_le_bytes());
///         Ok(())
///     }
///
///     fn decode(&self, bytes: &[u8]) -> Result<u64, BoxError> {
///         Ok(u64::from_le_bytes(bytes.try_into()?))
///     }
/// }
///
/// let mut bytes = Vec::new();
/// Number.encode(&7, &mut bytes).unwrap();
/// assert_eq!(Number.decode(&bytes).unwrap(), 7);
/// assert!(Number.decode(b"seven").is_err());
/// ```
pub trait Codec<T>: Send + Sync + 'static {
    /// Appends the bytes of an item.
    fn encode(&self, item: &T, bytes: &mut Vec<u8>) -> Result<(), BoxError>;

    /// The item of these bytes.
    fn decode(&self, bytes: &[u8]) -> Result<T, BoxError>;
}

/// Items that are bytes already: `Vec<u8>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes;

impl Codec<Vec<u8>> for Bytes {
    fn encode(&self, item: &Vec<u8>, bytes: &mut Vec<u8>) -> Result<(), BoxError> {
        bytes.extend_from_slice(item);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, BoxError> {
        Ok(bytes.to_vec())
    }
}

/// Items that are text, as UTF-8: `String`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text;

impl Codec<String> for Text {
    fn encode(&self, item: &String, bytes: &mut Vec<u8>) -> Result<(), BoxError> {
        bytes.extend_from_slice(item.as_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, BoxError> {
        Ok(std::str::from_utf8(bytes)?.to_owned())
    }
}

/// Items as JSON, which the shells of databases can show. Requires the feature `json`.
///
/// # Examples
/// ```
/// use joinq_flow::{Codec, Json};
///
/// let mut bytes = Vec::new();
/// Json.encode(&("thumb".to_owned(), 3), &mut bytes).unwrap();
/// assert_eq!(bytes, br#"["thumb",3]"#);
/// let item: (String, u32) = Json.decode(&bytes).unwrap();
/// assert_eq!(item, ("thumb".to_owned(), 3));
/// ```
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json;

#[cfg(feature = "json")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Json {
    fn encode(&self, item: &T, bytes: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(serde_json::to_writer(bytes, item)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, BoxError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

//! Names of documents: the identifier and the `automerge:` URL.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use rejoin_document::ChangeHash;

/// Names one document everywhere: on disk, on the wire and in links.
///
/// Usually 16 random bytes, but other programs use other lengths, so 1 to 64 bytes are legal. The
/// text form is base 58 with a checksum. A plain UUID in text form is read as well.
#[derive(Clone)]
pub struct DocumentId(Arc<Name>);

/// The bytes of an identifier and its text, which every message carries. The bytes, of which there
/// are few, lie here and not in a place of their own: they are compared all the time.
struct Name {
    length: u8,
    bytes: [u8; DocumentId::MAX_LENGTH],
    text: Box<str>,
}

/// Bytes or text that name no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDocumentId {
    /// The identifier is empty or longer than 64 bytes.
    #[error("a document id has 1 to 64 bytes, not {0}")]
    Length(usize),
    /// The text is neither base 58 with a correct checksum nor a UUID.
    #[error("not a document id: {0:?}")]
    Text(String),
}

/// A link to a document, perhaps as it was at some heads: `automerge:<id>[/path][#head|head]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AutomergeUrl {
    /// The document that the link names.
    pub document: DocumentId,
    /// What follows the identifier after a slash, as it was written.
    pub path: Option<String>,
    /// The heads at which the document is meant; empty for the present.
    pub heads: Vec<ChangeHash>,
}

/// Text that is no link to a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAutomergeUrl {
    /// The text does not begin with `automerge:`.
    #[error("a document link begins with \"automerge:\"")]
    Scheme,
    /// What stands after the scheme names no document.
    #[error(transparent)]
    Document(#[from] InvalidDocumentId),
    /// A head is not base 58 of 32 bytes.
    #[error("not a head: {0:?}")]
    Head(String),
}

impl DocumentId {
    const MAX_LENGTH: usize = 64;

    /// Makes an identifier of 16 random bytes, marked as a version 4 UUID as other programs do.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self::from_bytes(&bytes).expect("invariant: 16 bytes are an identifier")
    }

    /// Takes the bytes of an identifier.
    ///
    /// # Errors
    ///
    /// When there are none or more than 64.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidDocumentId> {
        Self::named(bytes, || bs58::encode(bytes).with_check().into_string().into())
    }

    /// The bytes behind the text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.bytes[..usize::from(self.0.length)]
    }

    fn named(bytes: &[u8], text: impl FnOnce() -> Box<str>) -> Result<Self, InvalidDocumentId> {
        let count = bytes.len();
        if !(1..=Self::MAX_LENGTH).contains(&count) {
            return Err(InvalidDocumentId::Length(count));
        }
        let mut name = Name { length: count as u8, bytes: [0; Self::MAX_LENGTH], text: text() };
        name.bytes[..count].copy_from_slice(bytes);
        Ok(Self(Arc::new(name)))
    }

    /// The identifier as text: base 58 with a checksum.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The link that names this document at its present state.
    pub fn url(&self) -> AutomergeUrl {
        AutomergeUrl { document: self.clone(), path: None, heads: Vec::new() }
    }
}

impl FromStr for DocumentId {
    type Err = InvalidDocumentId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Base 58 costs quadratic time, so over-long text is refused before it is decoded.
        if text.len() > 128 {
            return Err(InvalidDocumentId::Text(text.chars().take(32).collect()));
        }
        if let Ok(bytes) = bs58::decode(text).with_check(None).into_vec() {
            // Bytes have one such text only, so that it need not be made again.
            return Self::named(&bytes, || text.into());
        }
        let bytes = uuid_bytes(text).ok_or_else(|| InvalidDocumentId::Text(text.into()))?;
        Self::from_bytes(&bytes)
    }
}

impl PartialEq for DocumentId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.as_bytes() == other.as_bytes()
    }
}

impl Eq for DocumentId {}

impl PartialOrd for DocumentId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DocumentId {
    fn cmp(&self, other: &Self) -> Ordering {
        // Nearly all differ in their first bytes; what follows the last byte is zero.
        let first = |id: &Self| id.0.bytes.first_chunk().map(|bytes| u128::from_be_bytes(*bytes));
        first(self).cmp(&first(other)).then_with(|| match Arc::ptr_eq(&self.0, &other.0) {
            true => Ordering::Equal,
            false => self.as_bytes().cmp(other.as_bytes()),
        })
    }
}

impl Hash for DocumentId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentId({self})")
    }
}

impl FromStr for AutomergeUrl {
    type Err = InvalidAutomergeUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("automerge:").ok_or(InvalidAutomergeUrl::Scheme)?;
        let (before, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (id, path) = match before.split_once('/') {
            Some((id, path)) => (id, Some(path.to_owned())),
            None => (before, None),
        };
        let heads = fragment
            .split('|')
            .filter(|head| !head.is_empty())
            .map(|head| head_from_text(head).ok_or_else(|| InvalidAutomergeUrl::Head(head.into())))
            .collect::<Result<_, _>>()?;
        Ok(Self { document: id.parse()?, path, heads })
    }
}

impl fmt::Display for AutomergeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "automerge:{}", self.document)?;
        if let Some(path) = &self.path {
            write!(f, "/{path}")?;
        }
        for (index, head) in self.heads.iter().enumerate() {
            f.write_str(if index == 0 { "#" } else { "|" })?;
            f.write_str(&head_to_text(head))?;
        }
        Ok(())
    }
}

/// A head as links and wire messages write it: base 58 with a checksum.
pub(crate) fn head_to_text(head: &ChangeHash) -> String {
    bs58::encode(head.0).with_check().into_string()
}

/// Reads what [`head_to_text`] writes.
pub(crate) fn head_from_text(text: &str) -> Option<ChangeHash> {
    if text.len() > 64 {
        return None;
    }
    let bytes = bs58::decode(text).with_check(None).into_vec().ok()?;
    bytes.try_into().ok().map(ChangeHash)
}

fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let groups = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    let mut digits = String::with_capacity(32);
    for length in groups {
        let part = parts.next().filter(|part| part.len() == length)?;
        digits.push_str(part);
    }
    if parts.next().is_some() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 16];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_survives_its_text_form() {
        for bytes in [vec![7; 16], vec![0, 0, 1], vec![255; 32]] {
            let id = DocumentId::from_bytes(&bytes).unwrap();
            assert_eq!(id.to_string().parse::<DocumentId>().unwrap(), id);
        }
    }

    #[test]
    fn identifiers_are_ordered_as_their_bytes() {
        let long = [[0; 16].as_slice(), &[1]].concat();
        let ends_later = [[2; 20].as_slice(), &[3]].concat();
        let all =
            [vec![0], vec![0, 0], long, vec![1], vec![1, 0], vec![2; 16], vec![2; 21], ends_later];
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            let ids = [a, b].map(|bytes| DocumentId::from_bytes(bytes).unwrap());
            assert_eq!(ids[0].cmp(&ids[1]), a.cmp(b), "{a:?} and {b:?}");
            assert_eq!(ids[0] == ids[1], a == b);
        }
    }

    #[test]
    fn a_random_identifier_is_a_version_4_uuid() {
        let id = DocumentId::from_random([255; 16]);
        assert_eq!(id.as_bytes()[6] >> 4, 4);
        assert_eq!(id.as_bytes()[8] >> 6, 2);
    }

    #[test]
    fn reads_a_legacy_uuid() {
        let id: DocumentId = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();
        assert_eq!(id.as_bytes()[..3], [0x00, 0x11, 0x22]);
        assert!("00112233-4455-6677-8899-aabbccddee".parse::<DocumentId>().is_err());
    }

    #[test]
    fn refuses_a_wrong_checksum_and_absurd_lengths() {
        let mut text = DocumentId::from_bytes(&[9; 16]).unwrap().to_string();
        text.pop();
        text.push('1');
        assert!(text.parse::<DocumentId>().is_err());
        assert!("".parse::<DocumentId>().is_err());
        assert!("1".repeat(100_000).parse::<DocumentId>().is_err());
        assert_eq!(DocumentId::from_bytes(&[0; 65]), Err(InvalidDocumentId::Length(65)));
    }

    #[test]
    fn a_link_survives_its_text_form() {
        let id = DocumentId::from_bytes(&[3; 16]).unwrap();
        let heads = vec![ChangeHash([1; 32]), ChangeHash([2; 32])];
        for url in [
            id.url(),
            AutomergeUrl { document: id.clone(), path: Some("a/@1".into()), heads: vec![] },
            AutomergeUrl { document: id, path: None, heads },
        ] {
            assert_eq!(url.to_string().parse::<AutomergeUrl>().unwrap(), url);
        }
        assert_eq!("http:x".parse::<AutomergeUrl>(), Err(InvalidAutomergeUrl::Scheme));
    }
}

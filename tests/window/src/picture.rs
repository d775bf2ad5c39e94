//! Pictures that tests leave behind.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::process::root;

/// Writes a picture, which the driver sends in Base64, to `artifacts/<name>.png`.
///
/// # Errors
///
/// When it is not Base64 or cannot be written.
pub(crate) fn keep(name: &str, base64: &str) -> Result<PathBuf> {
    let folder = root().join("artifacts");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{name}.png"));
    let bytes = decoded(base64).context("the picture is not Base64")?;
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_base64() {
        assert_eq!(decoded("TWFu").unwrap(), b"Man");
        assert_eq!(decoded("TWE=").unwrap(), b"Ma");
        assert_eq!(decoded("TQ==").unwrap(), b"M");
        assert_eq!(decoded("?"), None);
    }
}

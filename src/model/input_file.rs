//! Files that a service reads at its start, or the command: regular ones, up to a size.
//!
//! Why is anything else refused? A named pipe blocks `init` until another process writes into it, and a device
//! such as `/dev/zero` is read until memory ends.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

/// The maximum size of a file that a person writes or mounts, in bytes.
///
/// A configuration or a certificate bundle is far smaller; a file of this size is a mistake, and
/// reading it would delay `init`.
pub(crate) const MAX_INPUT_BYTES: u64 = 4 << 20;

/// The byte order mark that editors put before UTF-8.
///
/// RFC 8259, section 8.1, lets a JSON parser ignore it or refuse it, and `serde_json` refuses it:
/// an editor on Windows would break a configuration invisibly.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a regular file of at most 4 MiB.
///
/// # Errors
///
/// As [`File::open`], and where the file is not a regular one or is larger.
pub(crate) fn read_input_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?
        // One byte more than allowed tells "too large" from "exactly as large", and bounds the read
        // also where the file grows meanwhile.
        .take(MAX_INPUT_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_INPUT_BYTES {
        return Err(io::Error::other("larger than 4 MiB"));
    }
    Ok(bytes)
}

/// Opens a regular file for reading.
fn open_regular(path: &Path) -> io::Result<File> {
    let require_regular = |metadata: Metadata| match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("not a regular file")),
    };
    // Before the file is opened, because opening a device may already do something.
    require_regular(std::fs::metadata(path)?)?;
    let mut options = File::options();
    // Without it, a named pipe that took the file's place meanwhile would block.
    #[cfg(target_os = "linux")]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    let file = options.read(true).open(path)?;
    require_regular(file.metadata()?)?;
    Ok(file)
}

/// Reads a regular file of at most 4 MiB as UTF-8, without a byte order mark.
///
/// # Errors
///
/// As [`read_input_bytes`], and where the content is not UTF-8.
pub(crate) fn read_input_text(path: &Path) -> io::Result<String> {
    let text = String::from_utf8(read_input_bytes(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text"))?;
    Ok(match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest.into(),
        None => text,
    })
}

/// Returns the text without a byte order mark, which JSON parsers refuse.
pub(crate) fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_file_is_read_without_its_byte_order_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "\u{feff}{}\u{feff}").unwrap();
        assert_eq!(read_input_text(&path).unwrap(), "{}\u{feff}");
        std::fs::write(&path, [0xff]).unwrap();
        let error = read_input_text(&path).unwrap_err().to_string();
        assert_eq!(error, "not UTF-8 text");
    }

    #[test]
    fn a_file_above_the_limit_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_INPUT_BYTES).unwrap();
        assert_eq!(
            read_input_bytes(file.path()).unwrap().len() as u64,
            MAX_INPUT_BYTES
        );
        file.as_file().set_len(MAX_INPUT_BYTES + 1).unwrap();
        let error = read_input_bytes(file.path()).unwrap_err().to_string();
        assert_eq!(error, "larger than 4 MiB");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_pipes_and_folders_are_refused_without_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [pipe.as_path(), folder.path(), &link, Path::new("/dev/null")] {
            let error = read_input_bytes(path).unwrap_err().to_string();
            assert_eq!(error, "not a regular file", "{}", path.display());
        }
        assert_eq!(
            read_input_bytes(&folder.path().join("none"))
                .unwrap_err()
                .kind(),
            io::ErrorKind::NotFound
        );
    }
}

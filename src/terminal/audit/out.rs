//! Standard output, distinguished from a standard output that accepts everything and keeps nothing.

use std::fs::File;
use std::io::{Error, ErrorKind, Result, Write};
use std::os::fd::AsFd;

/// Standard output, unbuffered: what was written has left this process, and what was not is an error.
///
/// `std::io::stdout()` hides two losses. It takes `EBADF` for success, and where the descriptor was closed at start, Rust's runtime
/// has opened `/dev/null` in its place.
pub(crate) struct StandardOutput(Result<File>);

impl StandardOutput {
    /// Looks at what standard output is. It never fails: where it cannot be written, each write says so.
    pub(crate) fn open() -> Self {
        if is_placeholder(std::fs::read_link(DESCRIPTOR).ok().as_deref(), std::fs::read_to_string(FLAGS).ok().as_deref()) {
            return Self(Err(Error::new(ErrorKind::NotConnected, "it is closed")));
        }
        Self(std::io::stdout().as_fd().try_clone_to_owned().map(File::from))
    }
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match &mut self.0 {
            Ok(file) => file.write(bytes),
            Err(error) => Err(Error::new(error.kind(), error.to_string())),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match &mut self.0 {
            Ok(file) => file.flush(),
            Err(error) => Err(Error::new(error.kind(), error.to_string())),
        }
    }
}

const DESCRIPTOR: &str = "/proc/self/fd/1";
const FLAGS: &str = "/proc/self/fdinfo/1";

/// It is the `/dev/null` that Rust's runtime opens, to read and to write, in place of a descriptor that was closed at start. A shell's
/// `>/dev/null` is opened to write only: whoever wants to keep nothing may. Without `/proc`, this is unknown.
fn is_placeholder(target: Option<&std::path::Path>, info: Option<&str>) -> bool {
    const ACCESS_MODE: u32 = 0o3;
    const READ_AND_WRITE: u32 = 0o2;
    let flags = info.into_iter().flat_map(str::lines).find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok());
    target == Some(std::path::Path::new("/dev/null")) && flags.is_some_and(|flags| flags & ACCESS_MODE == READ_AND_WRITE)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::is_placeholder;

    #[track_caller]
    fn check(target: Option<&str>, flags: Option<&str>, expected: bool) {
        let info = flags.map(|flags| format!("pos:\t0\nflags:\t{flags}\nmnt_id:\t27\nino:\t4\n"));
        assert_eq!(is_placeholder(target.map(Path::new), info.as_deref()), expected, "{target:?} {flags:?}");
    }

    #[test]
    fn only_a_null_device_opened_to_read_and_write_stands_for_a_closed_descriptor() {
        check(Some("/dev/null"), Some("0100002"), true);
        check(Some("/dev/null"), Some("02"), true);
        check(Some("/dev/null"), Some("0100001"), false);
        check(Some("/dev/null"), Some("02100001"), false);
        // A terminal is opened to read and to write as well.
        check(Some("/dev/pts/0"), Some("0100002"), false);
        check(Some("pipe:[4711]"), Some("01"), false);
        check(Some("/dev/null"), Some("none"), false);
        check(Some("/dev/null"), None, false);
        check(None, None, false);
    }
}

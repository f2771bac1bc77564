//! A page shown by the system's own program for it.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a program is watched for a failure; one that runs longer shows the page.
const WATCHED: Duration = Duration::from_secs(3);
const GLANCE: Duration = Duration::from_millis(20);

/// Shows a page with the first of the system's openers that does not fail.
///
/// # Errors
/// When none is there, or all of them fail.
pub fn open(page: &Path) -> Result<()> {
    let page = std::path::absolute(page)?;
    let mut tried = Vec::new();
    for mut command in open::commands(&page) {
        tried.push(command.get_program().to_string_lossy().into_owned());
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if quiet.spawn().is_ok_and(is_shown) {
            return Ok(());
        }
    }
    bail!(
        "the page is written, but no program here opens it (tried {}): open it in a browser yourself",
        tried.join(", ")
    )
}

/// Whether a program has ended well, or goes on.
fn is_shown(mut opener: Child) -> bool {
    let clock = Instant::now();
    while clock.elapsed() < WATCHED {
        match opener.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(GLANCE),
            Err(_) => return false,
        }
    }
    true
}

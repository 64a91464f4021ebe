//! How a file tells its package. Facts only.

use std::path::{Path, PathBuf};

/// The package that a file is a part of: its name and its directory. A file of the build is a part of none.
pub(crate) fn of_file(file: &Path) -> Option<(String, PathBuf)> {
    let parts: Vec<&str> = file.iter().map(|part| part.to_str().unwrap_or_default()).collect();
    let at = parts.iter().rposition(|part| *part == "node_modules")?;
    let length = if parts.get(at + 1)?.starts_with('@') { 2 } else { 1 };
    let name = parts.get(at + 1..=at + length)?.join("/");
    Some((name, file.iter().take(at + 1 + length).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_innermost_package() {
        let of = |file: &str| of_file(Path::new(file)).map(|(name, at)| (name, at.to_str().unwrap().to_owned()));
        assert_eq!(of("/app/node_modules/pg/lib/index.js"), Some(("pg".into(), "/app/node_modules/pg".into())));
        assert_eq!(
            of("/node_modules/a/node_modules/@hapi/hapi/lib/x.js"),
            Some(("@hapi/hapi".into(), "/node_modules/a/node_modules/@hapi/hapi".into()))
        );
        assert_eq!(of("/app/chunks/a.mjs"), None);
        assert_eq!(of("/app/node_modules"), None);
    }
}

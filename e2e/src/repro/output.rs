//! The directory that is given out: everything that is written goes through the redaction, and in the end everything that
//! is there is looked through once more.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use presentry_redact::{REDACTED, Redactor, Secrets};
use serde::Serialize;
use serde_json::Value;
use walkdir::WalkDir;

use super::facts::Replaced;
use crate::cache;
use crate::secretlint::Secretlint;

/// Where the app's own files are. They are redacted as sources.
const SOURCES: [&str; 2] = ["app", "sdk"];

/// A directory without secrets.
#[derive(Debug)]
pub(crate) struct Output {
    root: PathBuf,
    redactor: Redactor,
    of_sources: Redactor,
    /// How often something was replaced in a file, by the file and what it is.
    replaced: RefCell<BTreeMap<(String, String), usize>>,
}

impl Output {
    /// An output in `root`, which is empty or not there.
    ///
    /// # Errors
    /// When there is something in it, or it cannot be created.
    pub(crate) fn create(root: &Path, secrets: &Secrets) -> Result<Output> {
        if fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("`{}` is there already, and not empty\nhint: name another directory with --out", root.display());
        }
        fs::create_dir_all(root).with_context(|| format!("failed to create `{}`", root.display()))?;
        let (redactor, of_sources) = (secrets.redactor()?, secrets.redactor_of_sources()?);
        Ok(Output { root: root.to_owned(), redactor, of_sources, replaced: RefCell::default() })
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.root
    }

    /// Writes a file, by its path with `/`, without secrets in either.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let redactor = self.redactor_of(path);
        let file = self.root.join(redactor.text(path));
        let parent = file.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).with_context(|| format!("failed to create `{}`", parent.display()))?;
        let redacted = redactor.redact_noting(bytes, &mut |what| self.note(&redactor.text(path), what));
        fs::write(&file, redacted).with_context(|| format!("failed to write `{}`", file.display()))
    }

    /// As [`Output::write`], with the mode of `original`: a script stays one that can be started.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub(crate) fn write_like(&self, path: &str, bytes: &[u8], original: &Path) -> Result<()> {
        self.write(path, bytes)?;
        let file = self.root.join(self.redactor_of(path).text(path));
        let context = || format!("failed to set the mode of `{}`", file.display());
        let mode = fs::metadata(original).with_context(context)?.permissions();
        fs::set_permissions(&file, mode).with_context(context)
    }

    /// Writes a document. Its texts are redacted before they are written as JSON, which escapes what patterns look for.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub(crate) fn write_json(&self, path: &str, document: &impl Serialize) -> Result<()> {
        let mut document = serde_json::to_value(document).with_context(|| format!("`{path}` is no JSON"))?;
        self.redact_texts(path, &mut document);
        self.write(path, format!("{document:#}\n").as_bytes())
    }

    fn redact_texts(&self, path: &str, value: &mut Value) {
        match value {
            Value::String(text) => {
                let redactor = self.redactor_of(path);
                let redacted = redactor.redact_noting(text.as_bytes(), &mut |what| self.note(path, what));
                *text = String::from_utf8_lossy(&redacted).into_owned();
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.redact_texts(path, value)),
            Value::Object(members) => members.values_mut().for_each(|value| self.redact_texts(path, value)),
            _ => {}
        }
    }

    fn note(&self, file: &str, what: &str) {
        *self.replaced.borrow_mut().entry((file.to_owned(), what.to_owned())).or_default() += 1;
    }

    /// What was replaced so far, by file.
    pub(crate) fn replaced(&self) -> Vec<Replaced> {
        let replaced = self.replaced.borrow();
        let rows = replaced.iter();
        rows.map(|((file, what), times)| Replaced { file: file.clone(), what: what.clone(), times: *times }).collect()
    }

    /// Replaces what secretlint finds in the files that are there.
    ///
    /// # Errors
    /// When it cannot be run, or a file cannot be written.
    pub(crate) fn lint(&self, secretlint: &Secretlint) -> Result<()> {
        let mut findings = secretlint.find(&self.root)?;
        // From the end, so that places before stay true; one in another goes with it.
        findings.sort_by(|one, other| (&other.file, other.start).cmp(&(&one.file, one.start)));
        for found in findings {
            let file = self.root.join(&found.file);
            let mut bytes = fs::read(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
            // Some of its rules (aws, 11.7) report where the name starts with the length of the value, so the token goes whole.
            let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-.".contains(byte);
            let end = found.end.min(bytes.len());
            let end = end + bytes[end..].iter().take_while(|byte| is_token(byte)).count();
            if found.start < end {
                bytes.splice(found.start..end, REDACTED.bytes());
                fs::write(&file, bytes).with_context(|| format!("failed to write `{}`", file.display()))?;
                self.note(&found.file, &format!("what `{}` finds", found.rule));
            }
        }
        Ok(())
    }

    /// Every file, by its path with `/`, in order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let mut files = Vec::new();
        for entry in WalkDir::new(&self.root).sort_by_file_name() {
            let entry = entry.with_context(|| format!("failed to walk `{}`", self.root.display()))?;
            if !entry.file_type().is_dir() {
                let within = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
                files.push(within.to_string_lossy().replace('\\', "/"));
            }
        }
        Ok(files)
    }

    /// Looks through every file, whoever wrote it and however.
    ///
    /// # Errors
    /// When a secret is left. The directory is removed then, so that nobody sends it.
    pub(crate) fn sweep(&self) -> Result<()> {
        for path in self.files()? {
            let redactor = self.redactor_of(&path);
            let file = self.root.join(&path);
            let bytes = fs::read(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
            if let Some(what) = redactor.remains(path.as_bytes()).or_else(|| redactor.remains(&bytes)) {
                let what = what.to_owned();
                cache::remove(&self.root)?;
                bail!(
                    "{what} was left in `{}`, so the whole of `{}` was removed\nhint: take it out of the app, or report a bug of the redaction",
                    redactor.text(&path),
                    self.root.display()
                );
            }
        }
        Ok(())
    }

    fn redactor_of(&self, path: &str) -> &Redactor {
        let first = path.split('/').next().unwrap_or_default();
        if SOURCES.contains(&first) { &self.of_sources } else { &self.redactor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> (tempfile::TempDir, Output) {
        let directory = tempfile::tempdir().unwrap();
        let mut secrets = Secrets::default();
        secrets.value("`API_KEY` of `.env`", "planted-secret");
        secrets.path(Path::new("/app"), "<app>");
        let output = Output::create(&directory.path().join("out"), &secrets).unwrap();
        (directory, output)
    }

    #[test]
    fn what_is_written_is_without_secrets() {
        let (_directory, output) = output();
        output.write("logs/planted-secret.log", b"planted-secret in /app/src\n").unwrap();
        output.write("app/src/a.ts", b"navigate(\"/app\")").unwrap();
        assert_eq!(output.files().unwrap(), ["app/src/a.ts", "logs/<redacted>.log"]);
        let log = fs::read_to_string(output.root.join("logs/<redacted>.log")).unwrap();
        assert_eq!(log, "<redacted> in <app>/src\n");
        output.sweep().unwrap();
    }

    #[test]
    fn a_secret_that_came_in_another_way_fails_the_whole() {
        for (name, bytes) in [
            ("image.png", &b"\x89PNG\x00\xffplanted-secret\x00"[..]),
            ("a.json", b"{\"encoded\": \"cGxhbnRlZC1zZWNyZXQ=\"}"),
            ("planted-secret.txt", b""),
            ("b.txt", b"sntryu_0123456789abcdef"),
        ] {
            let (_directory, output) = output();
            output.write("fine.txt", b"fine").unwrap();
            output.sweep().unwrap();
            fs::write(output.root.join(name), bytes).unwrap();
            let error = output.sweep().unwrap_err().to_string();
            assert!(error.contains("was left in") && !error.contains("planted-secret"), "{error}");
            assert!(!output.root.exists());
        }
    }

    #[test]
    fn nothing_that_is_there_is_written_over() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("mine"), "").unwrap();
        let error = Output::create(directory.path(), &Secrets::default()).unwrap_err().to_string();
        assert!(error.contains("not empty"), "{error}");
    }
}

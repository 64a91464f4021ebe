//! Libraries that hold channels before the server starts: the marker that tells the SDK of them, and how it is known again.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    debug_id::without_debug_id,
    diagnostics::{Diagnostic, codes},
    digest::Digest,
    graph::{Closure, Graph},
    sources::ModulePath,
    specifier::{Target, string_literal},
};

/// The first words of a marker, and the word behind the version.
const MARK: &str = "// presentry ";
const WORD: &str = "channels";

/// Whether the SDK still registers its loader hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hooks {
    /// It does not: everything that they would inject was injected.
    Off,
    /// It does: they reach something that nothing else reaches.
    Stay,
}

/// What was injected into a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    /// The packages that hold channels, by name.
    pub libraries: Vec<String>,
    /// Their files.
    pub files: BTreeMap<ModulePath, Holder>,
    /// Whether hooks are registered beside them.
    pub hooks: Hooks,
}

/// A file that holds channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The digest of what is in it, looked at without a debug id.
    pub digest: Digest,
    /// The channels, each with the function that publishes on it.
    pub channels: Vec<(String, String)>,
}

impl Holder {
    /// What a file with this text is.
    #[must_use]
    pub fn of(text: &[u8], channels: Vec<(String, String)>) -> Self {
        Self { digest: Digest::of(&without_debug_id(text)), channels }
    }

    /// The libraries whose channels it holds: the SDK names a channel `orchestrion:<package>:<channel>`.
    #[must_use]
    pub fn libraries(&self) -> BTreeSet<&str> {
        self.channels.iter().filter_map(|(channel, _)| channel.split(':').nth(1)).collect()
    }
}

/// A marker that was found in a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The version of presentry that wrote it.
    pub version: String,
    /// What it tells.
    pub injected: Injected,
    /// Whether it is as it was written, but for a debug id.
    pub intact: bool,
}

impl Injected {
    /// The libraries that hold channels in chunks, with the chunk.
    pub fn in_chunks(&self) -> impl Iterator<Item = (&str, &ModulePath)> {
        let in_package = |path: &ModulePath| path.as_str().split('/').any(|segment| segment == "node_modules");
        let chunks = self.files.iter().filter(move |(path, _)| !in_package(path));
        chunks.flat_map(|(path, holder)| holder.libraries().into_iter().map(move |library| (library, path)))
    }

    /// The text of the module that tells the SDK, and us, what holds channels.
    ///
    /// The SDK subscribes at once to the channels of the packages that stand in `runtime` or `bundler`, and registers no
    /// hooks where `runtime` is there (`@sentry/server-utils` 11: `orchestrion/detect.js`, `orchestrion/instrumentation.js`;
    /// `@sentry/server-runtime-injection` 11: `register.js`). `runtimeFiles` is how it finds packages that belong to one.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use presentry_rewriter::{Holder, Hooks, Injected, ModulePath, marker};
    /// let file = ModulePath::new("node_modules/pg/lib/client.js").unwrap();
    /// let holder = Holder::of(b"...", vec![("orchestrion:pg:query".to_owned(), "Client.query".to_owned())]);
    /// let files = BTreeMap::from([(file, holder)]);
    /// let injected = Injected { libraries: vec!["pg".to_owned()], files, hooks: Hooks::Off };
    /// let found = marker(injected.marker().as_bytes()).unwrap();
    /// assert!(found.intact);
    /// assert_eq!(found.injected, injected);
    /// ```
    #[must_use]
    pub fn marker(&self) -> String {
        let rest = self.rest();
        format!("{MARK}{} {WORD} {}\n{rest}", env!("CARGO_PKG_VERSION"), Digest::of(rest.trim_end().as_bytes()))
    }

    fn rest(&self) -> String {
        let mut text = String::new();
        for (path, holder) in &self.files {
            text.push_str(&format!("// {} {path}\n", holder.digest));
            for (channel, function) in &holder.channels {
                text.push_str(&format!("//   {channel} {function}\n"));
            }
        }
        text.push_str("const channels = (globalThis.__SENTRY_ORCHESTRION__ ??= {});\n");
        let names: Vec<String> = self.libraries.iter().map(|name| string_literal(name)).collect();
        text.push_str(&match self.hooks {
            Hooks::Off => format!("channels.runtime = [...(channels.runtime ?? []), {}];\n", names.join(", ")),
            Hooks::Stay => {
                format!("channels.bundler = new Set([...(channels.bundler ?? []), {}]);\n", names.join(", "))
            }
        });
        text
    }
}

/// Reads a marker; `None` when the file is none.
#[must_use]
pub fn marker(bytes: &[u8]) -> Option<Marker> {
    // `sentry-cli` may have put its snippet before the line, so it need not be the first any more.
    const LINES: usize = 4;
    if !bytes.split(|byte| *byte == b'\n').take(LINES).any(|line| line.starts_with(MARK.as_bytes())) {
        return None;
    }
    let text = without_debug_id(bytes);
    let text = std::str::from_utf8(&text).ok()?;
    let start = text.find(MARK)?;
    let (line, rest) = text[start..].split_once('\n')?;
    let [version, WORD, digest] = line.strip_prefix(MARK)?.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
        return None;
    };
    let mut files: BTreeMap<ModulePath, Holder> = BTreeMap::new();
    let mut holds = Vec::new();
    let mut last = "";
    // From the end, so that the channels of a file are known when its line comes.
    for line in rest.lines().rev() {
        if last.is_empty() {
            last = line;
        } else if let Some((channel, function)) = line.strip_prefix("//   ").and_then(|line| line.split_once(' ')) {
            holds.insert(0, (channel.to_owned(), function.to_owned()));
        } else if let Some((digest, path)) = line.strip_prefix("// ").and_then(|line| line.split_once(' ')) {
            let holder = Holder { digest: Digest::from_hex(digest)?, channels: std::mem::take(&mut holds) };
            files.insert(ModulePath::new(path).ok()?, holder);
        }
    }
    let hooks = if last.starts_with("channels.runtime") { Hooks::Off } else { Hooks::Stay };
    let injected = Injected { libraries: names_in(last), files, hooks };
    let intact =
        text[..start].trim().is_empty() && Digest::from_hex(digest) == Some(Digest::of(rest.trim_end().as_bytes()));
    Some(Marker { version: version.to_owned(), injected, intact })
}

/// The names in the last line of a marker. Names of packages hold neither quotes nor escapes.
fn names_in(line: &str) -> Vec<String> {
    line.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What a closure with a marker comes to: what holds channels, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) injected: Option<Injected>,
    pub(crate) failures: Vec<Diagnostic>,
}

/// Looks for the marker in a closure, and compares every file that it lists.
///
/// # Errors
/// When a file of the build cannot be read.
pub(crate) fn find(
    graph: &Graph<'_>,
    closure: &Closure,
    instrumentation: Option<&ModulePath>,
) -> Result<Found, Box<Diagnostic>> {
    for path in closure.paths() {
        let Some(module) = graph.load(path)? else { continue };
        let Some(found) = marker(module.text.as_bytes()) else { continue };
        let mut failures = Vec::new();
        if !found.intact {
            failures.push(codes::channels_changed(path.as_str()));
        }
        if let Some(instrumentation) = instrumentation.filter(|instrumentation| *instrumentation != path) {
            let first = graph.load(instrumentation)?.and_then(|module| graph.static_edges(&module).into_iter().next());
            if first.is_none_or(|(target, _)| target != Target::File(path.clone())) {
                failures.push(codes::channels_not_first(path, instrumentation));
            }
        }
        for (file, holder) in &found.injected.files {
            let bytes = graph.sources().read(file).map_err(|error| Box::new(codes::unreadable(&error)))?;
            if bytes.is_none_or(|bytes| Digest::of(&without_debug_id(&bytes)) != holder.digest) {
                failures.push(codes::channels_changed(file.as_str()));
            }
        }
        return Ok(Found { injected: Some(found.injected), failures });
    }
    Ok(Found::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn injected(hooks: Hooks) -> Injected {
        let file = ModulePath::new("node_modules/a b/c.js").unwrap();
        let channels =
            [("c:one", "A.b"), ("c:two", "[x] > y")].map(|(channel, name)| (channel.to_owned(), name.to_owned()));
        let channels = channels.to_vec();
        Injected {
            libraries: vec!["@s/a".to_owned(), "b".to_owned()],
            files: BTreeMap::from([
                (ModulePath::new("node_modules/b/d.js").unwrap(), Holder::of(b"y", Vec::new())),
                (file, Holder::of(b"x", channels)),
            ]),
            hooks,
        }
    }

    #[test]
    fn a_marker_is_known_again() {
        for hooks in [Hooks::Off, Hooks::Stay] {
            let text = injected(hooks).marker();
            let found = marker(text.as_bytes()).unwrap();
            assert!(found.intact);
            assert_eq!(found.injected, injected(hooks));
            let changed = text.replace("\"b\"", "\"c\"");
            assert!(!marker(changed.as_bytes()).unwrap().intact);
            assert!(!marker(format!("evil();\n{text}").as_bytes()).unwrap().intact);
            let with_id = format!("{text}\n//# debugId=e3f4dc9d-9da7-597d-b625-e239432568ed\n");
            assert!(marker(with_id.as_bytes()).unwrap().intact);
        }
        assert_eq!(marker(b"// presentry 0.1.0 bundle 00\n"), None);
        assert_eq!(marker(b"a();\n"), None);
    }

    #[test]
    fn a_build_without_libraries_has_a_marker_too() {
        let none = Injected { libraries: Vec::new(), files: BTreeMap::new(), hooks: Hooks::Off };
        assert_eq!(marker(none.marker().as_bytes()).unwrap().injected, none);
    }
}

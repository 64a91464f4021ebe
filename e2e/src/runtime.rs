//! Finds the runtime chunk of an unrewritten build, and makes the broken copies that the oracles ask for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The runtime chunk of an unrewritten build, relative to the server directory: the module that the entry imports
/// statically, by a relative specifier, and that is not the instrumentation. Of several the largest; with none the
/// runtime is inlined and the entry is returned.
///
/// The text is searched for `from "./…"` and `import "./…"`. That is no parser, and shall not be one: the harness
/// must not share an error with the tool it judges. A wrong answer makes oracle 2 fail.
///
/// # Errors
/// When the entry cannot be read or names a chunk that is not there.
pub fn find_chunk(server: &Path, entry: &str, instrumentation: &str) -> Result<PathBuf> {
    let path = server.join(entry);
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read the entry `{}`", path.display()))?;
    let mut found: Option<(u64, PathBuf)> = None;
    for specifier in relative_imports(&text) {
        let relative = specifier.trim_start_matches("./");
        if relative == instrumentation {
            continue;
        }
        let chunk = server.join(relative);
        let size = fs::metadata(&chunk)
            .with_context(|| format!("`{}` imports `{specifier}`, which is not there", path.display()))?
            .len();
        if found.as_ref().is_none_or(|(largest, _)| size > *largest) {
            found = Some((size, PathBuf::from(relative)));
        }
    }
    Ok(found.map_or_else(|| PathBuf::from(entry), |(_, chunk)| chunk))
}

/// The specifiers that start with `./` or `../`, stand in quotes, and follow `from` or `import`.
fn relative_imports(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (quote, start) in [('"', "./"), ('"', "../"), ('\'', "./"), ('\'', "../")] {
        let open = format!("{quote}{start}");
        for (at, _) in text.match_indices(&open) {
            let before = text[..at].trim_end();
            let rest = &text[at + 1..];
            if (before.ends_with("from") || before.ends_with("import"))
                && let Some(end) = rest.find(quote)
            {
                found.push(&rest[..end]);
            }
        }
    }
    found
}

/// What [`throw_first`] and [`throw_last`] throw.
pub const THROWN: &str = "presentry-e2e: thrown by the runtime";

/// Makes the runtime throw on its first line, after its imports were evaluated and before anything listens.
///
/// # Errors
/// When the chunk cannot be read or written.
pub fn throw_first(chunk: &Path) -> Result<()> {
    edit(chunk, |text| format!("throw new Error(\"{THROWN}\");\n{text}"))
}

/// Makes the runtime throw after its last line, when the server was told to listen and Nitro's traps are installed.
///
/// # Errors
/// When the chunk cannot be read or written.
pub fn throw_last(chunk: &Path) -> Result<()> {
    edit(chunk, |text| format!("{text}\nthrow new Error(\"{THROWN}\");\n"))
}

/// Puts a static import of the instrumentation in front of the entry, as the SDK's `top-level-import` does.
///
/// # Errors
/// When the entry cannot be read or written, or imports the instrumentation already.
pub fn import_at_top(entry: &Path, instrumentation: &str) -> Result<()> {
    let text = fs::read_to_string(entry).with_context(|| format!("failed to read `{}`", entry.display()))?;
    if text.contains(instrumentation) {
        bail!("`{}` names `{instrumentation}` already", entry.display());
    }
    edit(entry, |text| format!("import './{instrumentation}';\n{text}"))
}

/// Puts a static import of the runtime in front of the entry, which then links the runtime before anything runs.
///
/// # Errors
/// When the entry cannot be read or written.
pub fn import_runtime(entry: &Path, chunk: &Path) -> Result<()> {
    let chunk = chunk.to_string_lossy().replace('\\', "/");
    edit(entry, |text| format!("import './{chunk}';\n{text}"))
}

/// Moves the entry aside and puts a forwarder in its place, which has the function's name and none of its properties.
///
/// # Errors
/// When the entry cannot be renamed, or the wrapper not written.
pub fn wrap_export(entry: &Path, name: &str) -> Result<()> {
    let real = entry.with_file_name("unwrapped.mjs");
    fs::rename(entry, &real).with_context(|| format!("failed to rename `{}`", entry.display()))?;
    let text = format!(
        "export async function {name}(...args) {{\n  return (await import('./unwrapped.mjs')).{name}(...args);\n}}\n"
    );
    fs::write(entry, text).with_context(|| format!("failed to write `{}`", entry.display()))
}

/// Puts the module `from` in the place of the built instrumentation `to`, and beside it what it imports by relative
/// specifiers, each where the specifier says.
///
/// # Errors
/// When a module cannot be read, or a copy cannot be written.
pub fn place_instrumentation(from: &Path, to: &Path) -> Result<()> {
    let mut queue = vec![(from.to_owned(), to.to_owned())];
    let mut placed = Vec::new();
    while let Some((from, to)) = queue.pop() {
        let text = fs::read_to_string(&from).with_context(|| format!("failed to read `{}`", from.display()))?;
        let directory = to.parent().unwrap_or(&to).to_owned();
        fs::create_dir_all(&directory).with_context(|| format!("failed to create `{}`", directory.display()))?;
        fs::write(&to, &text).with_context(|| format!("failed to write `{}`", to.display()))?;
        for specifier in relative_imports(&text) {
            let source = from.parent().unwrap_or(&from).join(specifier);
            let source = source.canonicalize().with_context(|| format!("failed to find `{}`", source.display()))?;
            if !placed.contains(&source) {
                placed.push(source.clone());
                queue.push((source, directory.join(specifier)));
            }
        }
    }
    Ok(())
}

fn edit(path: &Path, change: impl FnOnce(&str) -> String) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    fs::write(path, change(&text)).with_context(|| format!("failed to write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_static_relative_imports_only() {
        let text = r#"import process from 'node:process';import 'pg';
export { n as default } from './chunks/nitro/nitro.mjs';
import "./a.mjs"; import('./lazy.mjs'); const text = './no.mjs'; import '../b.mjs';"#;
        assert_eq!(relative_imports(text), ["./a.mjs", "./chunks/nitro/nitro.mjs", "../b.mjs"]);
    }

    #[test]
    fn an_instrumentation_is_placed_with_what_it_imports() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        for (path, text) in [
            ("ssr/instrument.server.js", "import*as a from\"pkg\";import{r}from\"./assets/r-1.js\";"),
            ("ssr/assets/r-1.js", "import './s-2.js';"),
            ("ssr/assets/s-2.js", "import './r-1.js';"),
            ("ssr/assets/other.js", ""),
        ] {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::write(at(path), text).unwrap();
        }
        place_instrumentation(&at("ssr/instrument.server.js"), &at("server/instrument.server.mjs")).unwrap();
        assert!(at("server/instrument.server.mjs").is_file());
        assert!(at("server/assets/r-1.js").is_file() && at("server/assets/s-2.js").is_file());
        assert!(!at("server/assets/other.js").exists());
        fs::remove_file(at("ssr/assets/s-2.js")).unwrap();
        assert!(place_instrumentation(&at("ssr/instrument.server.js"), &at("other/instrument.server.mjs")).is_err());
    }

    #[test]
    fn the_largest_chunk_is_the_runtime_and_the_instrumentation_never() {
        let build = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(build.path().join(name), text).unwrap();
        write("instrument.server.mjs", &"x".repeat(100));
        write("small.mjs", "x");
        write("large.mjs", "xxxxx");
        write("index.mjs", "import './instrument.server.mjs'; import './small.mjs'; export { a } from './large.mjs';");
        let found = || find_chunk(build.path(), "index.mjs", "instrument.server.mjs");
        assert_eq!(found().unwrap(), Path::new("large.mjs"));
        write("index.mjs", "console.log('inline')");
        assert_eq!(found().unwrap(), Path::new("index.mjs"));
        write("index.mjs", "import './gone.mjs'");
        assert!(found().is_err());
    }
}

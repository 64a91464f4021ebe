//! Module specifiers are URLs: what they resolve to, and how one is written. No graph here.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::sources::ModulePath;

/// What a specifier names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A file below the server directory.
    File(ModulePath),
    /// A module that is part of the host, `node:fs` or `fs`.
    Builtin(String),
    /// A package, by a bare specifier such as `pg` or `@sentry/node/init`; without the `package.json` also `#internal`
    /// imports and the importer's own package. Deno's `npm:pg@8` is `pg`.
    Package(String),
    /// What is no part of the build: a path outside of the server directory, a URL of the network, nothing at all.
    Elsewhere(String),
}

/// Stands for the server directory; deep enough that `..` cannot climb out of it and come back unseen.
const ROOT: &str = "/presentry/0/1/2/3/4/5/6/7/8/9";

/// Resolves a specifier as Node does for ES modules (`ESM_RESOLVE`, Node's `esm.md`, "Resolution Algorithm
/// Specification"): relative specifiers are URL references, everything else is a URL or bare. The query and fragment of
/// a specifier do not change the file it names. Neither files nor packages are looked at.
///
/// ```
/// # use presentry_rewriter::{ModulePath, Target, resolve};
/// let importer = ModulePath::new("chunks/a.mjs").unwrap();
/// assert_eq!(resolve(&importer, "../[...404]%20x.mjs?v=1"), Target::File(ModulePath::new("[...404] x.mjs").unwrap()));
/// assert_eq!(resolve(&importer, "node:fs"), Target::Builtin("node:fs".into()));
/// assert_eq!(resolve(&importer, "pg"), Target::Package("pg".into()));
/// assert_eq!(resolve(&importer, "npm:pg@8/lib"), Target::Package("pg/lib".into()));
/// ```
#[must_use]
pub fn resolve(importer: &ModulePath, specifier: &str) -> Target {
    resolve_below(None, importer, specifier)
}

/// The same for a server directory with a known absolute path, so that a specifier which leaves the directory and comes
/// back, an absolute path and a `file:` URL are files of the build, too.
pub(crate) fn resolve_below(root: Option<&str>, importer: &ModulePath, specifier: &str) -> Target {
    let relative = specifier.starts_with("./") || specifier.starts_with("../");
    if relative || specifier.starts_with('/') {
        let url = base(root.unwrap_or(ROOT), importer).and_then(|base| base.join(specifier).ok());
        return file_below(root.unwrap_or(ROOT), url, specifier);
    }
    if is_builtin(specifier) {
        return Target::Builtin(specifier.to_owned());
    }
    if let Some(package) = specifier.strip_prefix("npm:").and_then(npm_specifier) {
        return Target::Package(package);
    }
    match Url::parse(specifier) {
        Ok(url) if url.scheme() == "file" && root.is_some() => file_below(root.unwrap_or(ROOT), Some(url), specifier),
        Ok(_) => Target::Elsewhere(specifier.to_owned()),
        Err(_) => Target::Package(specifier.to_owned()),
    }
}

/// The file of a server directory that a URL names.
fn file_below(root: &str, url: Option<Url>, specifier: &str) -> Target {
    let path = url
        .filter(|url| url.host_str().is_none_or(|host| host == "localhost"))
        .map(|url| url.path().to_owned())
        .filter(|path| !contains_encoded_separator(path) && !has_malformed_escape(path))
        .and_then(|path| percent_decode_str(&path).decode_utf8().map(|path| path.into_owned()).ok())
        .and_then(|path| Some(path.strip_prefix(root)?.strip_prefix('/')?.to_owned()))
        // Node gives what has empty segments to the file system, to which they mean nothing.
        .map(|path| path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("/"))
        .and_then(|path| ModulePath::new(path).ok());
    path.map_or_else(|| Target::Elsewhere(specifier.to_owned()), Target::File)
}

/// The bare specifier that stands for one of Deno's, given without `npm:`
/// (<https://docs.deno.com/runtime/fundamentals/node/#using-npm-packages>). Nitro's presets for Deno start it so that it
/// looks for packages as Node does, and the version is left out.
fn npm_specifier(specifier: &str) -> Option<String> {
    let specifier = specifier.trim_start_matches('/');
    let name = package_name(specifier);
    let (_, subpath) = specifier.split_at(name.len());
    // The first character may be the one of a scope.
    let version = name.char_indices().skip(1).find(|(_, char)| *char == '@');
    let name = version.map_or(name, |(at, _)| &name[..at]);
    (!name.is_empty() && name != "@").then(|| format!("{name}{subpath}"))
}

/// The package a bare specifier belongs to: `@sentry/node/init` → `@sentry/node`.
#[must_use]
pub fn package_name(specifier: &str) -> &str {
    let segments = if specifier.starts_with('@') { 2 } else { 1 };
    match specifier.match_indices('/').nth(segments - 1) {
        Some((end, _)) => &specifier[..end],
        None => specifier,
    }
}

/// Writes a relative specifier, as a double-quoted string literal, that names `target` from a module in the directory
/// of `importer`.
#[must_use]
pub(crate) fn literal(importer: &ModulePath, target: &ModulePath) -> String {
    string_literal(&relative(importer, target))
}

/// Writes a JavaScript string literal with double quotes.
#[must_use]
pub(crate) fn string_literal(value: &str) -> String {
    let mut literal = String::with_capacity(value.len() + 2);
    literal.push('"');
    for char in value.chars() {
        match char {
            '"' | '\\' => literal.extend(['\\', char]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\u{2028}' | '\u{2029}' => literal.push_str(&format!("\\u{:04x}", u32::from(char))),
            char if char.is_control() => literal.push_str(&format!("\\x{:02x}", u32::from(char))),
            char => literal.push(char),
        }
    }
    literal.push('"');
    literal
}

/// The relative URL reference from a module to a file.
pub(crate) fn relative(importer: &ModulePath, target: &ModulePath) -> String {
    let mut from: Vec<&str> = importer.as_str().split('/').collect();
    from.pop();
    let to: Vec<&str> = target.as_str().split('/').collect();
    let common = from.iter().zip(&to[..to.len() - 1]).take_while(|(a, b)| a == b).count();
    let mut reference = if from.len() == common { "./".to_owned() } else { "../".repeat(from.len() - common) };
    let rest: Vec<String> = to[common..].iter().map(|segment| encode_segment(segment)).collect();
    reference.push_str(&rest.join("/"));
    reference
}

/// Percent-encodes what would end a path segment, or mean something else, in a relative `file:` URL.
pub(crate) fn encode_segment(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for char in segment.chars() {
        // The backslash is a separator in `file:` URLs; tabs and line ends are dropped by the URL parser.
        if char.is_ascii_control() || matches!(char, ' ' | '"' | '#' | '%' | '?' | '\\' | '<' | '>' | '`' | '^' | '|') {
            encoded.push_str(&format!("%{:02X}", u32::from(char)));
        } else {
            encoded.push(char);
        }
    }
    encoded
}

/// The URL of a module, as a base for its specifiers.
fn base(root: &str, importer: &ModulePath) -> Option<Url> {
    let encoded: Vec<String> = root.split('/').chain(importer.as_str().split('/')).map(encode_segment).collect();
    Url::parse(&format!("file://{}", encoded.join("/"))).ok()
}

/// The text of a module that a `data:` URL is, with whether it is JavaScript: JSON and WebAssembly are other modules.
pub(crate) fn data_module(specifier: &str) -> Option<(String, bool)> {
    let url = Url::parse(specifier).ok().filter(|url| url.scheme() == "data")?;
    // The fragment is no part of the data, and a question mark is.
    let whole = url.as_str().split('#').next().unwrap_or_default();
    let (head, body) = whole.strip_prefix("data:")?.split_once(',')?;
    let mut parameters = head.split(';').map(str::trim);
    let is_script = parameters.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/javascript"));
    let bytes: Vec<u8> = percent_decode_str(body).collect();
    let bytes = if parameters.any(|parameter| parameter == "base64") { base64(&bytes)? } else { bytes };
    Some((String::from_utf8_lossy(&bytes).into_owned(), is_script))
}

/// Decodes Base64 as `Buffer.from(text, "base64")` does: of either alphabet, to the first sign of padding.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for sign in text.iter().take_while(|sign| **sign != b'=') {
        let value = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => continue,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// `ESM_RESOLVE` refuses `%2F` and `%5C` in a path.
fn contains_encoded_separator(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.contains("%2f") || path.contains("%5c")
}

/// `fileURLToPath` of Node ends with an error at a percent sign that no two hexadecimal digits follow.
fn has_malformed_escape(path: &str) -> bool {
    path.split('%').skip(1).any(|behind| !behind.bytes().take(2).filter(u8::is_ascii_hexdigit).count().eq(&2))
}

pub(crate) fn is_builtin(specifier: &str) -> bool {
    specifier.starts_with("node:")
        || specifier.starts_with("bun:")
        || BUILTINS.contains(&specifier.split('/').next().unwrap_or(specifier)) && !specifier.starts_with("punycode/")
}

/// Whether a module of the host is one that some version of Node has.
pub(crate) fn is_of_node(specifier: &str) -> bool {
    const NEWER: [&str; 5] = ["test", "test/reporters", "sqlite", "sea", "quic"];
    const BELOW: [&str; 12] = [
        "assert/strict",
        "dns/promises",
        "fs/promises",
        "inspector/promises",
        "path/posix",
        "path/win32",
        "readline/promises",
        "stream/consumers",
        "stream/promises",
        "stream/web",
        "timers/promises",
        "util/types",
    ];
    specifier.strip_prefix("node:").is_none_or(|name| {
        // Those that begin with `_` are old names of parts.
        name.starts_with('_') || BUILTINS.contains(&name) || NEWER.contains(&name) || BELOW.contains(&name)
    })
}

/// `module.builtinModules` of Node 20 to 24 without their subpaths. Those that exist with `node:` only (`test`,
/// `sqlite`, …) are not bare names.
const BUILTINS: &[&str] = &[
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ModulePath {
        ModulePath::new(text).unwrap()
    }

    #[track_caller]
    fn check(importer: &str, specifier: &str, expected: Result<&str, Target>) {
        let expected = expected.map(path).map_or_else(|target| target, Target::File);
        assert_eq!(resolve(&path(importer), specifier), expected);
    }

    #[test]
    fn relative_specifiers_are_urls() {
        check("index.mjs", "./a.mjs", Ok("a.mjs"));
        check("chunks/build/app.mjs", "../../index.mjs", Ok("index.mjs"));
        check("chunks/build/app.mjs", "../../index.mjs?v=1#x", Ok("index.mjs"));
        check("index.mjs", "./a%20b.mjs", Ok("a b.mjs"));
        check("index.mjs", "./%5B...404%5D.mjs", Ok("[...404].mjs"));
        check("index.mjs", "./[...404].mjs", Ok("[...404].mjs"));
        check("index.mjs", "./100%25.mjs", Ok("100%.mjs"));
        check("index.mjs", "./gr\u{fc}n.mjs", Ok("gr\u{fc}n.mjs"));
        check("index.mjs", "./gr%C3%BCn.mjs", Ok("gr\u{fc}n.mjs"));
        check("a b/it's.mjs", "./x.mjs", Ok("a b/x.mjs"));
        check("50%/x.mjs", "./y.mjs", Ok("50%/y.mjs"));
        check("a/b.mjs", "./.././c/./d.mjs", Ok("c/d.mjs"));
        check("a/b.mjs", ".\\c.mjs", Err(Target::Package(".\\c.mjs".into())));
        check("a/b.mjs", "./..\\c.mjs", Ok("c.mjs"));
    }

    #[test]
    fn what_leaves_the_directory_is_elsewhere() {
        for specifier in ["../x.mjs", "/x.mjs", "../../../../../../../../../../../../presentry/x.mjs", "./a%2Fb.mjs"] {
            check("index.mjs", specifier, Err(Target::Elsewhere(specifier.into())));
        }
        check("index.mjs", "file:///x.mjs", Err(Target::Elsewhere("file:///x.mjs".into())));
        check("index.mjs", "data:text/javascript,1", Err(Target::Elsewhere("data:text/javascript,1".into())));
    }

    #[test]
    fn bare_specifiers() {
        check("index.mjs", "fs/promises", Err(Target::Builtin("fs/promises".into())));
        check("index.mjs", "node:test", Err(Target::Builtin("node:test".into())));
        check("index.mjs", "punycode/", Err(Target::Package("punycode/".into())));
        check("index.mjs", "test", Err(Target::Package("test".into())));
        check("index.mjs", "#internal", Err(Target::Package("#internal".into())));
        assert_eq!(package_name("@sentry/node/init"), "@sentry/node");
        assert_eq!(package_name("pg/lib/x"), "pg");
        assert_eq!(package_name("pg"), "pg");
    }

    /// Whatever is written names the file it was written for.
    #[test]
    fn written_specifiers_resolve_to_their_target() {
        let names = [
            "entry.mjs",
            "a b.mjs",
            "[...404].mjs",
            "100%.mjs",
            "%20.mjs",
            "it's \"q\".mjs",
            "a?b#c.mjs",
            "gr\u{fc}n \u{1f600}.mjs",
            "tab\there.mjs",
            "line\nend.mjs",
            "\u{2028}.mjs",
            "a`b.mjs",
            "{x}^|.mjs",
        ];
        for importer in ["index.mjs", "a b/c%d/x.mjs", "chunks/x.mjs"] {
            for name in names {
                for directory in ["", "chunks/", "deep/er/"] {
                    let target = path(&format!("{directory}{name}"));
                    let reference = relative(&path(importer), &target);
                    assert_eq!(resolve(&path(importer), &reference), Target::File(target), "{importer} {reference}");
                }
            }
        }
    }
}

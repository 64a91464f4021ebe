//! What `sentry-cli sourcemaps inject` adds to a file, and how to look past it. It edits facade and moved entry when it
//! runs after us.

use std::borrow::Cow;

/// The text without an injected debug id, for comparing a file with what was written before the injection.
///
/// `sentry-cli` (2.58, `sourcemaps inject`) puts an empty line and a one-line snippet at the top, or the snippet alone
/// at the end where it finds no source map, a `//# debugId=` comment at the end, and a `debug_id` into an inline source
/// map. So these are left out, together with the contents of an inline source map and empty lines at the end; both
/// sides of a comparison have to go through here. Borrowed when nothing had to be left out.
///
/// ```
/// # use presentry_rewriter::without_debug_id;
/// let injected = b"a();\n\n//# debugId=e3f4dc9d-9da7-597d-b625-e239432568ed\n";
/// assert_eq!(without_debug_id(injected), without_debug_id(b"a();\n"));
/// ```
#[must_use]
pub fn without_debug_id(bytes: &[u8]) -> Cow<'_, [u8]> {
    let trimmed = bytes.trim_ascii_end();
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut changed = false;
    for line in trimmed.split_inclusive(|byte| *byte == b'\n') {
        let content = line.trim_ascii();
        if is_snippet(content) || content.starts_with(b"//# debugId=") {
            if kept.last().is_some_and(|line| line.trim_ascii().is_empty()) {
                kept.pop();
            }
            changed = true;
        } else if content.starts_with(INLINE_MAP) {
            kept.push(INLINE_MAP);
            changed = true;
        } else {
            kept.push(line);
        }
    }
    if !changed {
        return Cow::Borrowed(trimmed);
    }
    let joined = kept.concat();
    Cow::Owned(joined.trim_ascii_end().to_vec())
}

const INLINE_MAP: &[u8] = b"//# sourceMappingURL=data:";

/// Whether a line is the snippet alone. The bundler plugins put it before other code on the same line; that was there
/// before us and stays.
fn is_snippet(line: &[u8]) -> bool {
    let starts = [&b"!function(){try{"[..], b";!function(){try{", b";{try{"];
    starts.iter().any(|start| line.starts_with(start))
        && (line.ends_with(b"}catch(e){}}();") || line.ends_with(b"}catch(e){}};"))
        && memchr::memmem::find(line, b"_sentryDebugIds").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNIPPET: &str = r#"!function(){try{var e="undefined"!=typeof window?window:{},n=(new e.Error).stack;n&&(e._sentryDebugIds=e._sentryDebugIds||{},e._sentryDebugIds[n]="x")}catch(e){}}();"#;

    #[track_caller]
    fn check_same(before: &str, after: &str) {
        assert_eq!(without_debug_id(before.as_bytes()), without_debug_id(after.as_bytes()));
    }

    #[test]
    fn injected_forms() {
        check_same("a();\n", &format!("\n{SNIPPET}\na();\n\n//# debugId=x\n"));
        check_same("// c\na();\n", &format!("// c\n\n{SNIPPET}\na();\n\n//# debugId=x\n"));
        check_same("a();\n", &format!("a();\n{SNIPPET}\n//# debugId=x\n"));
        check_same("a();", &format!("a();\n{SNIPPET}\n//# debugId=x\n"));
        check_same(
            "a();\n//# sourceMappingURL=data:application/json;base64,e30=\n",
            &format!(
                "\n{SNIPPET}\na();\n//# sourceMappingURL=data:application/json;base64,eyJhIjoxfQ==\n\n//# debugId=x\n"
            ),
        );
    }

    #[test]
    fn other_changes_are_seen() {
        for (before, after) in [
            ("a();\n", format!("{SNIPPET}\nb();\n//# debugId=x\n")),
            ("a();\n", "a();\n!function(){try{evil()}catch(e){}}();\n".to_owned()),
            ("a();\nb();\n", "a();\n\nb();\n".to_owned()),
            ("a();\n", format!("{SNIPPET}a();\n")),
        ] {
            assert_ne!(without_debug_id(before.as_bytes()), without_debug_id(after.as_bytes()), "{after}");
        }
    }
}

//! A cheap look at a script's bytes: can it start Sentry? May say yes too often, never no wrongly.

use memchr::memmem;

/// Whether a script may start Sentry, by a look at its import clauses. It has to import something of a package of Sentry
/// that starts it: by name, as a namespace, at run time, or for what the import does.
pub(crate) fn may_start_sentry(script: &[u8]) -> bool {
    let mut is_named = false;
    for at in memmem::find_iter(script, b"sentry") {
        is_named = true;
        let (before, behind) = (&script[..at], &script[at + "sentry".len()..]);
        let is_scope = before.ends_with(b"@") && behind.starts_with(b"/");
        if is_scope && may_start_by(script, at - 1) || behind.starts_with(br"\x2f") {
            return true;
        }
    }
    is_named && (has_escaped_at(script) || memmem::find(script, b"npm:").is_some())
}

/// Whether a script may spell the first character of the scope as an escape.
fn has_escaped_at(script: &[u8]) -> bool {
    memmem::find_iter(script, b"40").any(|at| {
        let zeros = script[..at].iter().rev().take_while(|byte| **byte == b'0').count();
        [&br"\x"[..], br"\u", br"\u{"].iter().any(|start| script[..at - zeros].ends_with(start))
    })
}

/// Whether the specifier at a place may stand for a start.
fn may_start_by(script: &[u8], at: usize) -> bool {
    let before = script[..at].trim_ascii_end();
    let before = before.strip_suffix(b"npm:").unwrap_or(before);
    let Some(quote) = before.last().filter(|quote| matches!(quote, b'\'' | b'"' | b'`')) else { return false };
    let before = before[..before.len() - 1].trim_ascii_end();
    if before.ends_with(b"import") {
        let specifier = &script[at..];
        let end = specifier.iter().position(|byte| byte == quote).unwrap_or(specifier.len());
        return std::str::from_utf8(&specifier[..end]).map_or(true, crate::sdk::starts_on_import);
    }
    let Some(clause) = before.strip_suffix(b"from") else { return true };
    let Some(start) = memmem::rfind(clause, b"import").or(memmem::rfind(clause, b"export")) else { return true };
    let clause = &clause[start + "import".len()..];
    let braces = clause.trim_ascii().strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    let Some(names) = braces else { return true };
    let plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b',' | b' ' | b'\n' | b'\t' | b'\r');
    !names.iter().all(plain)
        || names
            .split(|byte| !byte.is_ascii_alphanumeric())
            .any(|word| std::str::from_utf8(word).is_ok_and(crate::sdk::is_starting_name))
}

#[cfg(test)]
mod tests {
    use super::may_start_sentry;

    #[test]
    fn cheap_look() {
        for script in [
            "import * as Sentry from '@sentry/solidstart'; Sentry.init()",
            "import*as a from\"@sentry/solidstart\";a.init()",
            "import { init } from '@sentry/node'",
            "import { x, init as y } from \"@sentry/node/x\"",
            "import Sentry from '@sentry/node'",
            "import S, { x } from '@sentry/node'",
            "import { default as S } from '@sentry/node'",
            "import { /* } */ init } from '@sentry/node'",
            "import { \"init\" as x } from '@sentry/node'",
            "import { i\\u006eit } from '@sentry/node'",
            "const S = await import('@sentry/node'); S.init()",
            "require('@sentry/node').init()",
            "export * from '@sentry/node'",
        ] {
            assert!(may_start_sentry(script.as_bytes()), "{script}");
        }
        for script in [
            "import '@sentry/solidstart';",
            "import { sentryBeforeResponseMiddleware } from '@sentry/solidstart';\nimport { withSentryRouterRouting } from '@sentry/solidstart/solidrouter';",
            "import { getClient as g, flush as f } from '@sentry/node'; init();",
            "init()",
            "// see @sentry/node",
        ] {
            assert!(!may_start_sentry(script.as_bytes()), "{script}");
        }
    }
}
